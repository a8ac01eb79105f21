"""The supervisor keeps real processes running, whatever happens to them, and leaves none behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from headwater.pipelines.stack.process import ProcessSpec
from headwater.pipelines.stack.state import ProcessRecord
from headwater.pipelines.stack.supervisor import Supervisor
from headwater.schemas.errors import StackError

RUN_ON = "import time; time.sleep(600)"
IGNORE_SIGTERM = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {RUN_ON}"


class Watched:
    """A supervisor and what it last said."""

    def __init__(self) -> None:
        self.records: dict[str, ProcessRecord] = {}
        self.supervisor = Supervisor(self._changed)

    def pid(self, name: str) -> int:
        identity = self.records[name].identity
        assert identity is not None
        return identity.pid

    def step_until(self, condition: Callable[[], bool], seconds: float) -> float:
        began = time.monotonic()
        while not condition():
            assert time.monotonic() - began < seconds, self.records
            self.supervisor.step()
            time.sleep(0.05)
        return time.monotonic() - began

    def _changed(self, records: tuple[ProcessRecord, ...]) -> None:
        self.records = {record.name: record for record in records}


@pytest.fixture
def watched() -> Iterator[Watched]:
    watched = Watched()
    yield watched
    watched.supervisor.stop_all()


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., ProcessSpec]:
    def make_spec(
        name: str, program: str = RUN_ON, *, ready: Callable[[], bool] = lambda: True, **more: object
    ) -> ProcessSpec:
        log = tmp_path / f"{name}.log"
        return ProcessSpec(name, (sys.executable, "-c", program), log, ready, **more)  # type: ignore[arg-type]

    return make_spec


def never() -> bool:
    return False


def test_a_killed_process_runs_again_within_5_seconds(watched: Watched, make: Callable[..., ProcessSpec]) -> None:
    watched.supervisor.add([make("a")])
    watched.supervisor.wait_until_ready(never)
    for restart in (1, 2, 3):
        killed = watched.pid("a")
        os.kill(killed, signal.SIGKILL)
        seconds = watched.step_until(lambda: watched.records["a"].restarts == restart, 5)  # noqa: B023
        seconds += watched.step_until(lambda: watched.records["a"].state == "ready", 5)
        assert seconds < 5
        assert watched.pid("a") != killed
    assert watched.records["a"].exit_code == -signal.SIGKILL


def test_a_process_waits_for_what_it_needs(watched: Watched, make: Callable[..., ProcessSpec], tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    watched.supervisor.add([make("b", needs=("a",)), make("a", ready=flag.exists)])
    for _ in range(3):
        watched.supervisor.step()
    assert watched.records["b"].identity is None
    flag.touch()
    watched.supervisor.wait_until_ready(never)
    assert watched.records["b"].state == "ready"


def test_a_process_whose_partner_died_is_started_anew(watched: Watched, make: Callable[..., ProcessSpec]) -> None:
    watched.supervisor.add([make("a"), make("b", needs=("a",), dies_with=("a",)), make("c", needs=("a",))])
    watched.supervisor.wait_until_ready(never)
    pids = {name: watched.pid(name) for name in "abc"}
    os.kill(pids["a"], signal.SIGKILL)
    watched.step_until(lambda: watched.records["a"].restarts == 1, 5)
    watched.step_until(lambda: all(record.state == "ready" for record in watched.records.values()), 5)
    assert watched.pid("b") != pids["b"]
    assert watched.pid("c") == pids["c"]


def test_a_process_that_keeps_dying_is_named_with_the_end_of_its_log(
    watched: Watched, make: Callable[..., ProcessSpec]
) -> None:
    watched.supervisor.add([make("a", "print('no such thing'); raise SystemExit(7)", ready=never)])
    with pytest.raises(StackError, match=r"(?s)a does not start.*exit code 7.*no such thing"):
        watched.supervisor.wait_until_ready(never)


def test_a_process_that_keeps_dying_waits_longer_each_time(watched: Watched, make: Callable[..., ProcessSpec]) -> None:
    watched.supervisor.add([make("a", "raise SystemExit(1)", ready=never)])
    watched.step_until(lambda: "a" in watched.records and watched.records["a"].restarts == 3, 10)
    assert watched.step_until(lambda: watched.records["a"].restarts == 4, 10) > 1.5


def test_what_others_need_is_stopped_after_them(
    watched: Watched, make: Callable[..., ProcessSpec], tmp_path: Path
) -> None:
    order = tmp_path / "order"
    program = textwrap.dedent(f"""
        import pathlib, signal, sys, time
        def stop(*_):
            time.sleep(0.2)
            with open({str(order)!r}, "a") as file: file.write(NAME)
            sys.exit(0)
        signal.signal(signal.SIGTERM, stop)
        pathlib.Path({str(tmp_path)!r}, NAME).touch()
        time.sleep(600)
    """)

    def spec(name: str, *needs: str) -> ProcessSpec:
        return make(name, f"NAME = {name!r}\n{program}", ready=(tmp_path / name).exists, needs=needs)

    watched.supervisor.add([spec("a"), spec("b", "a"), spec("c", "b")])
    watched.supervisor.wait_until_ready(never)
    watched.supervisor.stop_all()
    assert order.read_text() == "cba"
    assert {record.exit_code for record in watched.records.values()} == {0}


def test_a_process_that_ignores_sigterm_is_killed_after_its_grace(
    watched: Watched, make: Callable[..., ProcessSpec], tmp_path: Path
) -> None:
    spec = make("a", IGNORE_SIGTERM, ready=lambda: "deaf" in (tmp_path / "a.log").read_text(), grace_seconds=0.5)
    watched.supervisor.add([spec])
    watched.supervisor.wait_until_ready(never)
    began = time.monotonic()
    watched.supervisor.stop_all()
    assert 0.4 < time.monotonic() - began < 5
    assert watched.records["a"].exit_code == -signal.SIGKILL


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    program = textwrap.dedent(f"""
        import pathlib, sys, time
        from headwater.pipelines.stack.process import ProcessSpec, RunningProcess
        log = pathlib.Path({str(tmp_path / "log")!r})
        spec = ProcessSpec("a", (sys.executable, "-c", {RUN_ON!r}), log, lambda: True)
        pathlib.Path({str(pid_file)!r}).write_text(str(RunningProcess.start(spec).pid))
        time.sleep(600)
    """)
    supervisor = subprocess.Popen([sys.executable, "-c", program])
    try:
        while not (pid_file.exists() and pid_file.read_text()):
            time.sleep(0.05)
        child = psutil.Process(int(pid_file.read_text()))
        time.sleep(0.5)  # the launcher asks the kernel to tie the two
        assert child.is_running()
    finally:
        supervisor.kill()
        supervisor.wait()
    psutil.wait_procs([child], timeout=5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
