"""One run of a peer's program: a job that it submits to the cluster, or a process that is the processor itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, NamedTuple, Protocol

from headwater.pipelines.bench.drain import COMMIT_SECONDS, QUIET_SECONDS, Progress
from headwater.pipelines.bench.meter import Meter, drained
from headwater.pipelines.bench.peers.catalogue import Peer
from headwater.pipelines.bench.peers.environments import link_package, python_of
from headwater.pipelines.bench.peers.task import Task
from headwater.pipelines.flink_rest import ENDED, FlinkRest
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack import artifacts, launch
from headwater.pipelines.stack.flink import flink_home
from headwater.pipelines.submission import session_options, submitted_by
from headwater.schemas.errors import StackError

PROGRAM_SECONDS = 1200
FLUSH_SECONDS = 5
ERROR_LINES = 12
BUNDLE_EVENTS, BUNDLE_MS = 10_000, 1000


class Rate(NamedTuple):
    """What a processor needed."""

    events_per_second: float
    cpu_us_per_event: float


class Run(Protocol):
    """Runs a peer on a task, until all events are read; or `to_its_end`, until its results are committed."""

    def __call__(self, peer: Peer, task: Task, *, to_its_end: bool) -> Rate: ...


def run_job(
    settings: Settings, meter: Meter, flink: FlinkRest, progress: Progress, peer: Peer, task: Task, *, to_its_end: bool
) -> Rate:
    """A job on the cluster of the settings.

    Raises:
        ClusterError: the cluster refused it, or it failed.
        VerificationError: it stands still.
    """
    progress(f"{peer.name}: starting", 0, 0)
    before = meter.before()
    told = {"task": asdict(task), "options": _options(settings, task), "jars": [jar.as_uri() for jar in _jars()]}
    job_id = submitted_by((f"{__package__}.{peer.module}",), json.dumps(told))
    found = drained(
        meter,
        flink,
        job_id,
        before,
        operators=1,
        events=task.events,
        progress=lambda done: progress(peer.name, done, task.events),
    )
    if to_its_end:
        time.sleep(QUIET_SECONDS)
        flink.stop(job_id, f"{settings.checkpoint_dir}/{task.results}", COMMIT_SECONDS)
    else:
        flink.cancel(job_id)
    while (state := flink.state(job_id)) is not None and state not in ENDED:
        time.sleep(0.1)
    return Rate(found.events_per_second, found.cpu_us_per_event)


def run_program(progress: Progress, peer: Peer, task: Task, *, to_its_end: bool) -> Rate:
    """A process in the peer's own environment, until it says that it has done all; it may flush what it holds.

    Raises:
        StackError: it fails, or does not end.
        PrerequisiteError: the environment cannot be made.
    """
    python = python_of(peer.module, lambda what: progress(what, 0, 0))
    progress(peer.name, 0, 0)
    directory = Path(task.state_directory)
    directory.mkdir(parents=True)
    with (directory.parent / f"{task.results}.log").open("w+") as log, _program(python, peer, task, log) as process:
        told = _told(process)
        if told is None:
            log.seek(0)
            last = "\n".join(log.read().splitlines()[-ERROR_LINES:])
            raise StackError(f"{peer.name} did not read all {task.events:,} events:\n{last}")
        if to_its_end:
            with suppress(subprocess.TimeoutExpired):
                process.wait(FLUSH_SECONDS)
    return Rate(told["events"] / told["seconds"], told["cpu_seconds"] * 1e6 / told["events"])


def _options(settings: Settings, task: Task) -> dict[str, str]:
    """As Headwater's own jobs have them, but for what those give away for freshness."""
    checkpoints = f"{settings.checkpoint_dir}/{task.results}"
    return {
        **session_options(settings),
        "parallelism.default": str(settings.parallelism),
        "pipeline.object-reuse": "true",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.interval": f"{settings.checkpoint_interval_ms} ms",
        "execution.checkpointing.dir": checkpoints,
        "state.backend.type": settings.state_backend,
        "restart-strategy.type": "none",
        "table.local-time-zone": "UTC",
        "python.executable": sys.executable,
        "python.client.executable": sys.executable,
        "python.fn-execution.bundle.size": str(BUNDLE_EVENTS),
        "python.fn-execution.bundle.time": str(BUNDLE_MS),
    }


def _jars() -> tuple[Path, ...]:
    """The Kafka connector, the Avro format, and Flink's Python operators."""
    (python,) = (flink_home() / "opt").glob("flink-python-*.jar")
    return artifacts.connector_jar().resolve(), artifacts.avro_format_jar().resolve(), python.resolve()


@contextmanager
def _program(python: Path, peer: Peer, task: Task, log: IO[str]) -> Iterator[subprocess.Popen[str]]:
    """The running program, which has been told its task; gone, with all that it started, after the `with` block."""
    launcher = (sys.executable, "-I", "-S", str(launch.__file__), str(os.getpid()))
    packages = link_package(Path(task.state_directory).parent / "path")
    process = subprocess.Popen(
        (*launcher, str(python), "-m", f"{__package__}.{peer.module}"),
        env={**os.environ, "PYTHONPATH": str(packages)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        start_new_session=True,
    )
    killer = threading.Timer(PROGRAM_SECONDS, process.kill)
    killer.start()
    try:
        with process.stdin as told:  # type: ignore[union-attr] # it is a pipe
            told.write(json.dumps(asdict(task)))
        yield process
    finally:
        killer.cancel()
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _told(process: subprocess.Popen[str]) -> dict[str, float] | None:
    """What the stopwatch says, on the first line that is JSON; None if the program ends without it."""
    for line in process.stdout or ():
        if line.startswith("{"):
            found: dict[str, float] = json.loads(line)
            return found
    return None
