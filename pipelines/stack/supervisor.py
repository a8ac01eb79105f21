"""Keeps processes running: starts them in the order of their needs, restarts what dies, stops all in reverse.

It is one loop in one thread (`step`), because the kernel ties a child's life to the thread that
started it. What dies is started anew at once; what dies again soon waits twice as long each time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import structlog

from headwater.pipelines.stack.process import ProcessSpec, RunningProcess, tail
from headwater.pipelines.stack.state import ProcessIdentity, ProcessRecord, ProcessState
from headwater.schemas.errors import StackError

STEP_SECONDS = 0.2
FIRST_BACKOFF_SECONDS = 1.0
LONGEST_BACKOFF_SECONDS = 30.0
STEADY_SECONDS = 3.0
"""A process that was ready for so long has recovered: its next death starts a new count."""

_log = structlog.get_logger(__name__)


@dataclass(slots=True)
class _Supervised:
    """What is known of one process between two steps."""

    spec: ProcessSpec
    process: RunningProcess | None = None
    state: ProcessState = "waiting"
    restarts: int = 0
    deaths_in_a_row: int = 0
    start_at: float = 0.0
    ready_since: float = 0.0
    exit_code: int | None = None
    held: bool = False

    def record(self) -> ProcessRecord:
        process = self.process
        return ProcessRecord(
            name=self.spec.name,
            state=self.state,
            identity=ProcessIdentity(pid=process.pid, created=process.created) if process else None,
            restarts=self.restarts,
            exit_code=self.exit_code,
            log=self.spec.log,
            addresses=dict(self.spec.addresses),
        )


class Supervisor:
    """The processes of one stack. `on_change` is told the records of all of them whenever one changes."""

    def __init__(self, on_change: Callable[[tuple[ProcessRecord, ...]], None]) -> None:
        self._on_change = on_change
        self._supervised: dict[str, _Supervised] = {}
        self._told: tuple[ProcessRecord, ...] = ()

    def add(self, specs: Iterable[ProcessSpec]) -> None:
        """Takes on more processes; `step` starts each once what it needs is ready."""
        self._supervised.update({spec.name: _Supervised(spec) for spec in specs})

    def hold(self, name: str) -> None:
        """Lets a process stay away once it has died, until it is released; for faults. Any thread may call it."""
        self._supervised[name].held = True

    def release(self, name: str) -> None:
        """Starts a process that was held back, at once. Any thread may call it."""
        each = self._supervised[name]
        each.start_at, each.deaths_in_a_row, each.held = 0.0, 0, False

    def replace(self, spec: ProcessSpec) -> None:
        """The process of this name is run so the next time that it starts. Any thread may call it."""
        self._supervised[spec.name].spec = spec

    def step(self) -> None:
        """Looks at every process once, and does what is due."""
        for each in self._supervised.values():
            self._look_at(each)
        self._tell()

    def wait_until_ready(self, stop_requested: Callable[[], bool], deaths_allowed: int = 3) -> bool:
        """Steps until all processes are ready; False if a stop was requested before.

        Raises:
            StackError: one of them died more often than allowed; with the end of its log.
        """
        while not all(each.state == "ready" for each in self._supervised.values()):
            if stop_requested():
                return False
            self.step()
            for each in self._supervised.values():
                if each.deaths_in_a_row >= deaths_allowed:
                    raise StackError(
                        f"{each.spec.name} does not start: it died {each.deaths_in_a_row} times, "
                        f"last with exit code {each.exit_code}\n{tail(each.spec.log)}"
                    )
            time.sleep(STEP_SECONDS)
        return True

    def stop_all(self) -> None:
        """Stops every process, each after all that need it; SIGTERM, and SIGKILL when its grace period is over."""
        left = {name for name, each in self._supervised.items() if each.process is not None}
        while left:
            specs = [self._supervised[name].spec for name in left]
            needed = {name for spec in specs for name in (*spec.needs, *spec.stops_before)}
            batch = [self._supervised[name] for name in sorted(left - needed)]
            self._stop_together(batch or [self._supervised[name] for name in sorted(left)])
            left = {name for name in left if self._supervised[name].process is not None}
        self._tell()

    def _look_at(self, each: _Supervised) -> None:
        now = time.monotonic()
        if each.process is not None and each.process.exit_code is not None:
            self._bury(each, now)
        if each.process is None:
            if not each.held and now >= each.start_at and self._needs_are_ready(each):
                each.process = RunningProcess.start(each.spec)
                each.state = "starting"
        elif each.state == "starting":
            if each.spec.ready():
                each.state, each.ready_since = "ready", time.monotonic()
                _log.debug("process_ready", process=each.spec.name, seconds=round(now - each.process.started, 1))
            elif now - each.process.started > each.spec.start_timeout_seconds:
                _log.warning("process_not_ready_in_time", process=each.spec.name, log=str(each.spec.log))
                each.process.kill()

    def _needs_are_ready(self, each: _Supervised) -> bool:
        return all(self._supervised[name].state == "ready" for name in each.spec.needs)

    def _bury(self, dead: _Supervised, now: float) -> None:
        """Takes note of a death, and kills what cannot outlive it."""
        if dead.process is None:
            return
        dead.exit_code = dead.process.exit_code
        dead.process.sweep()
        dead.process = None
        steady = dead.state == "ready" and now - dead.ready_since > STEADY_SECONDS
        dead.deaths_in_a_row = 1 if steady else dead.deaths_in_a_row + 1
        dead.state = "restarting"
        dead.restarts += 1
        backoff = FIRST_BACKOFF_SECONDS * 2 ** min(dead.deaths_in_a_row - 2, 10) if dead.deaths_in_a_row > 1 else 0.0
        dead.start_at = now + min(backoff, LONGEST_BACKOFF_SECONDS)
        _log.debug(
            "process_died",
            process=dead.spec.name,
            exit_code=dead.exit_code,
            restart_in_seconds=round(dead.start_at - now, 1),
            log=str(dead.spec.log),
        )
        for each in self._supervised.values():
            if dead.spec.name in each.spec.dies_with and each.process is not None:
                each.process.kill()
                each.deaths_in_a_row = 0  # not its own fault
                self._bury(each, now)

    def _stop_together(self, batch: list[_Supervised]) -> None:
        deadline = {each.spec.name: time.monotonic() + each.spec.grace_seconds for each in batch}
        for each in batch:
            if each.process is not None:
                each.process.ask_to_stop()
        while any(each.process is not None for each in batch):
            for each in batch:
                process = each.process
                if process is None:
                    continue
                if process.exit_code is None and time.monotonic() > deadline[each.spec.name]:
                    _log.warning("process_ignored_sigterm", process=each.spec.name)
                    process.kill()
                if process.exit_code is not None:
                    process.sweep()
                    each.process, each.state, each.exit_code = None, "stopped", process.exit_code
            self._tell()
            time.sleep(STEP_SECONDS / 4)

    def _tell(self) -> None:
        records = tuple(each.record() for each in self._supervised.values())
        if records != self._told:
            self._told = records
            self._on_change(records)
