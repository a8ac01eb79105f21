"""One process of the stack: how it is run (`ProcessSpec`), and the process itself once it runs (`RunningProcess`)."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from headwater.pipelines.stack import launch
from headwater.pipelines.stack.java import java_environment
from headwater.schemas.errors import StackError

POLL_SECONDS = 0.1
LOG_TAIL_LINES = 15
LOG_BYTES = 64 * 2**20
"""A log that is longer when its process starts is set aside, in place of the one before."""


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """How a process is run and when it counts as ready.

    Attributes:
        needs: names of the processes that must be ready before this one starts, and are stopped after it.
        stops_before: names of further processes that are stopped after it.
        dies_with: names of the processes whose death makes this one useless; it is killed and started anew.
        grace_seconds: how long it may take to stop by itself after SIGTERM.
        addresses: what it serves and where, to be shown to people: {"bootstrap servers": "127.0.0.1:20001"}.
    """

    name: str
    command: tuple[str, ...]
    log: Path
    ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    stops_before: tuple[str, ...] = ()
    dies_with: tuple[str, ...] = ()
    grace_seconds: float = 20.0
    start_timeout_seconds: float = 120.0
    addresses: Mapping[str, str] = field(default_factory=dict)


class RunningProcess:
    """A process that was started here. It dies with this one, even if this one is killed (see `launch`)."""

    def __init__(self, spec: ProcessSpec, process: subprocess.Popen[bytes]) -> None:
        self.spec = spec
        self.pid = process.pid
        self.created = psutil.Process(process.pid).create_time()
        self.started = time.monotonic()
        self._process = process

    @classmethod
    def start(cls, spec: ProcessSpec) -> RunningProcess:
        """Starts the process in a session of its own, with its output appended to the log."""
        spec.log.parent.mkdir(parents=True, exist_ok=True)
        if spec.log.exists() and spec.log.stat().st_size > LOG_BYTES:
            spec.log.replace(spec.log.with_suffix(".log.1"))
        launcher = (sys.executable, "-I", "-S", str(launch.__file__), str(os.getpid()))
        with spec.log.open("ab") as log:
            process = subprocess.Popen(
                (*launcher, *spec.command),
                env={**java_environment(), **spec.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(spec, process)

    @property
    def exit_code(self) -> int | None:
        """The exit code, negative for a signal, or None while it runs."""
        return self._process.poll()

    def wait_ready(self) -> None:
        """Returns once the process is ready.

        Raises:
            StackError: it died, or took longer than its start timeout; with the end of its log.
        """
        while not self.spec.ready():
            waited = time.monotonic() - self.started
            if self.exit_code is not None:
                raise StackError(f"{self.spec.name} died with exit code {self.exit_code}\n{tail(self.spec.log)}")
            if waited > self.spec.start_timeout_seconds:
                raise StackError(f"{self.spec.name} is not ready after {waited:.0f} s\n{tail(self.spec.log)}")
            time.sleep(POLL_SECONDS)

    def ask_to_stop(self) -> None:
        """Sends SIGTERM."""
        if self.exit_code is None:
            self._process.terminate()

    def kill(self) -> None:
        """Sends SIGKILL to it and to whatever it started, and waits until it is gone."""
        if self.exit_code is None:
            self._process.kill()
            self._process.wait()
        self.sweep()

    def sweep(self) -> None:
        """Kills what it left behind: the rest of its process group."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM, then SIGKILL once the grace period is over."""
        self.ask_to_stop()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(self.spec.grace_seconds)
        self.kill()


@contextlib.contextmanager
def running(spec: ProcessSpec) -> Iterator[RunningProcess]:
    """The process, ready, for the length of a `with` block.

    Raises:
        StackError: it does not become ready.
    """
    process = RunningProcess.start(spec)
    try:
        process.wait_ready()
        yield process
    finally:
        process.stop()


def tail(log: Path, lines: int = LOG_TAIL_LINES) -> str:
    """The last lines of a log file, indented."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return f"  ({log} was not written)"
    return "\n".join(f"  {line}" for line in [*text.splitlines()[-lines:], f"(the end of {log})"])
