"""`headwater up --detach`: the supervisor in the background, and the wait until it says that all is ready."""

from __future__ import annotations

import subprocess
import sys
import time

from headwater.pipelines.stack import artifacts
from headwater.pipelines.stack.process import tail
from headwater.pipelines.stack.state import StackState, StateDirectory
from headwater.pipelines.stack.up import Observer, UpOptions, check
from headwater.schemas.errors import StackError

POLL_SECONDS = 0.2


def start_in_background(options: UpOptions, observer: Observer) -> StackState:
    """Starts the stack under a supervisor that outlives this process, and returns its state once all is ready.

    Raises:
        PrerequisiteError, DeclarationError: before anything was started.
        StackError: it did not become ready, and has been stopped again.
    """
    check(options)
    artifacts.fetch_all(observer.fetching)
    directory = StateDirectory(options.state)
    with directory.owned():  # says so at once if another stack runs here
        directory.logs.mkdir(parents=True, exist_ok=True)
    log = directory.logs / "supervisor.log"
    with log.open("ab") as output:
        supervisor = subprocess.Popen(
            (sys.executable, "-m", "headwater.pipelines.cli", *_arguments(options)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    while True:
        ended = supervisor.poll() is not None
        state = directory.read()
        if state is not None and state.supervisor.pid == supervisor.pid:
            observer.changed(state)
            if state.phase == "running":
                return state
            if state.problem is not None and ended:
                raise StackError(state.problem)
        if ended:
            raise StackError(f"the supervisor ended with exit code {supervisor.returncode}\n{tail(log)}")
        time.sleep(POLL_SECONDS)


def _arguments(options: UpOptions) -> list[str]:
    arguments = ["up", "--views", str(options.views.resolve()), "--state", str(options.state.resolve())]
    if options.schemas is not None:
        arguments += ["--schemas", str(options.schemas.resolve())]
    for name, port in options.ports.items():
        arguments += ["--port", f"{name}={port}"]
    for name in ("partitions", "parallelism", "task_heap_mb"):
        arguments += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
    flags = {"--high-availability": options.high_availability, "--secure": options.secure}
    return [*arguments, *(flag for flag, is_set in flags.items() if is_set)]
