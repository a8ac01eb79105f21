"""What a running stack tells others about itself: `stack.json` in its state directory.

The supervisor alone writes it, whole, at every change; `status`, `down` and the readers read it.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import psutil
from pydantic import BaseModel, ConfigDict, ValidationError

from headwater.schemas.errors import StackError

ProcessState = Literal["waiting", "starting", "ready", "restarting", "stopped"]
Phase = Literal["starting", "running", "stopping", "stopped", "failed"]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ProcessIdentity(_Part):
    """A process that no other can be mistaken for: pids are given out again, pid and start time are not."""

    pid: int
    created: float

    @classmethod
    def of_this_process(cls) -> ProcessIdentity:
        return cls(pid=os.getpid(), created=psutil.Process().create_time())

    def find(self) -> psutil.Process | None:
        """The process, or None if it is gone."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self.pid)
            alive = process.status() != psutil.STATUS_ZOMBIE
            if alive and abs(process.create_time() - self.created) < 0.01:
                return process
        return None


class ProcessRecord(_Part):
    """One supervised process. `exit_code` is that of its last death, negative for a signal."""

    name: str
    state: ProcessState
    identity: ProcessIdentity | None
    restarts: int
    exit_code: int | None
    log: Path
    addresses: dict[str, str]


class Endpoints(_Part):
    """Where the stack's services are; the names are those of `Settings`."""

    kafka_bootstrap_servers: str
    registry_url: str
    redis_url: str
    flink_rest_url: str
    checkpoint_dir: str
    offline_root: str


class ViewRecord(_Part):
    """A feature view that the stack serves, with where its plan, its topics, its table and its metrics are."""

    view: str
    generation: int
    plan: Path
    job_name: str
    sources: tuple[str, ...]
    log_topic: str
    offline_table: str
    metrics: dict[str, str]


class StackState(_Part):
    """All of it. `problem` says why the phase is `failed`; `security` is where secrets stand, if it has `--secure`."""

    format: Literal[1] = 1
    phase: Phase
    problem: str | None = None
    supervisor: ProcessIdentity
    endpoints: Endpoints
    security: Path | None = None
    views: tuple[ViewRecord, ...] = ()
    processes: tuple[ProcessRecord, ...] = ()

    @property
    def is_supervised(self) -> bool:
        """Whether the supervisor that wrote this is still there."""
        return self.supervisor.find() is not None


class StateDirectory:
    """The directory that holds all of a stack: its data, its logs and `stack.json`."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def plans(self) -> Path:
        return self.root / "plans"

    @property
    def offline(self) -> Path:
        return self.root / "offline"

    @property
    def security(self) -> Path:
        return self.root / "security"

    @property
    def state_file(self) -> Path:
        return self.root / "stack.json"

    def read(self) -> StackState | None:
        """What the supervisor wrote last, or None if none ever did.

        Raises:
            StackError: the file is not one of this version of Headwater.
        """
        try:
            return StackState.model_validate_json(self.state_file.read_bytes())
        except FileNotFoundError:
            return None
        except ValidationError as error:
            raise StackError(f"{self.state_file} was not written by this version of Headwater: {error}") from error

    def write(self, state: StackState) -> None:
        """Replaces `stack.json`; a reader sees the old or the new one."""
        temporary = self.state_file.with_suffix(".part")
        temporary.write_text(state.model_dump_json(indent=1) + "\n")
        temporary.replace(self.state_file)

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        """Makes this process the directory's only supervisor for the length of a `with` block.

        Raises:
            StackError: another one is at work there.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise StackError(
                    f"a stack is already running in {self.root}: see it with `headwater status`, "
                    "stop it with `headwater down`, or give another --state directory"
                ) from error
            yield
