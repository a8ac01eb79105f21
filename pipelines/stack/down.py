"""`headwater down`: stops exactly what `headwater up` started in a state directory."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from headwater.pipelines.stack.state import StackState, StateDirectory
from headwater.schemas.errors import StackError

STOP_TIMEOUT_SECONDS = 150.0
LEFTOVER_GRACE_SECONDS = 10.0

OWN_NAMES = (
    "broker",
    "registry",
    "redis",
    "flink",
    "zookeeper",
    "offline",
    "logs",
    "plans",
    "stack.json",
    "ports.json",
    "lock",
)


def down(root: Path, *, purge: bool = False, changed: Callable[[StackState], None] = lambda _: None) -> list[str]:
    """Stops the stack, its jobs with a savepoint, and returns the names of the processes that were stopped.

    Data are kept, and the next `up` goes on from them, unless `purge` is set.

    Raises:
        StackError: it does not stop in time.
    """
    directory = StateDirectory(root)
    stopped: list[str] = []
    before = directory.read()
    if before is not None:
        stopped = [each.name for each in before.processes if each.identity and each.identity.find()]
        supervisor = before.supervisor.find()
        if supervisor is not None:
            supervisor.terminate()
            _wait(directory, before, changed)
        sweep(directory)
    if purge:
        with directory.owned():
            for name in OWN_NAMES:
                _remove(directory.root / name)
        with contextlib.suppress(OSError):  # something else is kept there too
            directory.root.rmdir()
    return stopped


def sweep(directory: StateDirectory) -> None:
    """Stops what an earlier supervisor left running, if it was killed where the kernel does not clean up after it."""
    state = directory.read()
    if state is None:
        return
    identities = [each.identity for each in state.processes if each.identity is not None]
    leftover = [process for identity in identities if (process := identity.find()) is not None]
    for process in leftover:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(leftover, timeout=LEFTOVER_GRACE_SECONDS)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=LEFTOVER_GRACE_SECONDS)


def _wait(directory: StateDirectory, before: StackState, changed: Callable[[StackState], None]) -> None:
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS
    while before.supervisor.find() is not None:
        if time.monotonic() > deadline:
            raise StackError(
                f"the supervisor (pid {before.supervisor.pid}) has not stopped within {STOP_TIMEOUT_SECONDS:.0f} s; "
                f"see {directory.logs}, or kill it: the kernel then ends all that it started"
            )
        now = directory.read()
        if now is not None:
            changed(now)
        time.sleep(0.2)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
