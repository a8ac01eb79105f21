"""The servers that a measurement runs on: its own, in a temporary directory and on free ports."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil

from headwater.pipelines.settings import Settings
from headwater.pipelines.stack import artifacts
from headwater.pipelines.stack.ports import LOOPBACK, PortBook
from headwater.pipelines.stack.process import ProcessSpec, RunningProcess, running
from headwater.pipelines.stack.services import Services, lay_out
from headwater.pipelines.stack.state import StateDirectory
from headwater.pipelines.stack.workers import connection_environment
from headwater.schemas.errors import PrerequisiteError
from headwater.schemas.plan import Plan

TASK_HEAP_MB = 1536
MANAGED_MB = 256

Tell = Callable[[str], None]
"""Shows a person what is going on."""


class Servers:
    """A broker and a registry that run; Redis and Flink run where they are asked for.

    Attributes:
        services: how they are laid out.
        directory: where they keep their data.
    """

    def __init__(self, services: Services, directory: Path) -> None:
        self.services = services
        self.directory = directory
        self._running: list[RunningProcess] = []
        self._ended: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def running(self, spec: ProcessSpec) -> Iterator[RunningProcess]:
        """The process, ready, for the length of a `with` block."""
        with running(spec) as process:
            self._running.append(process)
            try:
                yield process
            finally:
                self._running.remove(process)
                self._ended[spec.name] += _cpu_seconds_or_none(process)

    @contextmanager
    def redis(self) -> Iterator[RunningProcess]:
        """Redis, for the length of a `with` block."""
        self.services.redis.prepare()
        with self.running(self.services.redis.spec()) as process:
            yield process

    @contextmanager
    def flink(self, cores: int | None = None) -> Iterator[RunningProcess]:
        """A Flink cluster that has run nothing yet, for the length of a `with` block: its TaskManager.

        Args:
            cores: how many the TaskManager may use, if not all.

        Raises:
            PrerequisiteError: this system has no taskset.
        """
        self.services.flink.prepare()
        spec = self.services.flink.task_manager_spec()
        with (
            self.running(self.services.flink.job_manager_spec()),
            self.running(spec if cores is None else _on_cores(spec, cores)) as task_manager,
        ):
            yield task_manager

    def materializer_spec(self, plan: Plan) -> ProcessSpec:
        """How the view's materializer is run on these servers."""
        plan_file = self.directory / f"{plan.view}.plan.json"
        plan_file.write_text(plan.canonical_json())
        return ProcessSpec(
            name="materializer",
            command=(sys.executable, "-m", "headwater.pipelines.cli", "materialize", "--plan", str(plan_file)),
            log=self.directory / "logs" / "materializer.log",
            ready=lambda: True,
            environment={
                **connection_environment(self.services.endpoints.model_dump()),
                "HEADWATER_METRICS_HOST": LOOPBACK,
                "HEADWATER_LOG_LEVEL": "warning",
            },
        )

    def settings(self, **choices: object) -> Settings:
        """The settings of a process that uses these servers."""
        endpoints = self.services.endpoints
        return Settings(
            **{
                **endpoints.model_dump(),
                "checkpoint_dir": self.services.flink.checkpoint_directory.as_uri(),
                **choices,
            }
        )

    def cpu_seconds(self) -> dict[str, float]:
        """CPU seconds by process, of all that ran so far, but for those that were killed."""
        total = self._ended.copy()
        for process in self._running:
            total[process.spec.name] += _cpu_seconds_or_none(process)
        return dict(total)


@contextmanager
def servers(tell: Tell, *, slots: int = 1, managed_mb: int = 0, heap_mb: int = TASK_HEAP_MB) -> Iterator[Servers]:
    """A broker and a registry of one's own, gone with all their data after the `with` block.

    Args:
        tell: is told what starts.
        slots: of a Flink cluster.
        managed_mb: memory outside the heap, for RocksDB, or Flink SQL and Python.
        heap_mb: of the TaskManager.

    Raises:
        PrerequisiteError: the extra `local` is not installed.
        StackError: a server does not start.
    """
    tell("fetching what is missing of the servers")
    artifacts.fetch_all()
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as name, ExitStack() as stack:
        directory = StateDirectory(Path(name))
        directory.logs.mkdir()
        ports = PortBook(directory.root / "ports.json", {})
        services = lay_out(directory, ports, slots=slots, task_heap_mb=heap_mb, managed_mb=managed_mb)
        services.broker.prepare()
        found = Servers(services, directory.root)
        for spec in (services.broker.spec(), services.registry.spec()):
            tell(f"starting the {spec.name}")
            stack.enter_context(found.running(spec))
        yield found


def _on_cores(spec: ProcessSpec, cores: int) -> ProcessSpec:
    taskset = shutil.which("taskset")
    if taskset is None:
        raise PrerequisiteError("taskset is missing, with which a process is kept on some cores: install util-linux")
    return replace(spec, command=(taskset, "--cpu-list", f"0-{cores - 1}", *spec.command))


def cpu_seconds(pid: int) -> float:
    """User and system time that the process has used so far."""
    times = psutil.Process(pid).cpu_times()
    return times.user + times.system


def tree_cpu_seconds(pid: int) -> float:
    """The same of the process and of all that it has started and that runs."""
    total = cpu_seconds(pid)
    for child in psutil.Process(pid).children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            total += cpu_seconds(child.pid)
    return total


def _cpu_seconds_or_none(process: RunningProcess) -> float:
    try:
        return cpu_seconds(process.pid)
    except psutil.NoSuchProcess:
        return 0.0
