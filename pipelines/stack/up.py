"""`headwater up`: one process that starts a stack for some views and keeps it running until it is told to stop."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Protocol

from confluent_kafka.admin import AdminClient

from headwater.pipelines.declarations import CompiledView, load_plans
from headwater.pipelines.rollout.deployed import check_follows, plans_topic
from headwater.pipelines.security.grants import Grants, users_of
from headwater.pipelines.settings import client_properties, load_settings
from headwater.pipelines.stack import artifacts, preflight
from headwater.pipelines.stack.down import sweep
from headwater.pipelines.stack.enforcement import let_in, registry_roles, warn_without_tls
from headwater.pipelines.stack.ports import PortBook
from headwater.pipelines.stack.security import ADMIN, StackSecurity
from headwater.pipelines.stack.services import Services, lay_out
from headwater.pipelines.stack.sources import prepare_sources
from headwater.pipelines.stack.state import (
    Phase,
    ProcessIdentity,
    ProcessRecord,
    StackState,
    StateDirectory,
    ViewRecord,
)
from headwater.pipelines.stack.supervisor import STEP_SECONDS, Supervisor
from headwater.pipelines.stack.workers import ViewWorkers
from headwater.pipelines.topics import create_output_topics, create_topics
from headwater.schemas.errors import HeadwaterError


@dataclass(frozen=True, slots=True)
class UpOptions:
    """What the user asked for.

    Attributes:
        views: file or directory of declarations.
        schemas: directory of Avro files, if not beside the views.
        partitions: of each event topic that is created.
        parallelism: subtasks of each view's job.
        ports: ports that shall be as given instead of free ones, by server.
        task_heap_mb: heap of the process that computes, which holds the state of all keys.
        high_availability: whether the JobManager keeps its jobs in ZooKeeper, and so survives its own death.
        secure: whether servers want to know who connects, over TLS, and allow each what it needs.
        worker_environment: settings of Headwater's own processes that are to be others than the stack's.
    """

    views: Path
    state: Path
    schemas: Path | None = None
    partitions: int = 4
    parallelism: int = 2
    ports: dict[str, int] = field(default_factory=dict)
    task_heap_mb: int = 576
    high_availability: bool = False
    secure: bool = False
    worker_environment: dict[str, str] = field(default_factory=dict)


class Observer(Protocol):
    """Whoever shows a person what is going on."""

    def fetching(self, file: str, done_bytes: int, total_bytes: int) -> None:
        """A file of the stack is being downloaded."""

    def changed(self, state: StackState) -> None:
        """A process started, became ready, died or stopped, or the phase is another one."""


def check(options: UpOptions) -> list[CompiledView]:
    """The views, compiled, if a stack can be started for them; nothing has been downloaded or started yet.

    Raises:
        PrerequisiteError: the machine lacks something.
        DeclarationError: the views are wrong.
    """
    preflight.check(options.state, options.ports)
    return load_plans(options.views, options.schemas)


def up(options: UpOptions, observer: Observer) -> None:
    """Runs the stack until SIGTERM, SIGINT or SIGHUP, then stops it in order.

    Raises:
        PrerequisiteError, DeclarationError: as `check`.
        StackError: another stack runs in the state directory, or a process does not start.
    """
    views = check(options)
    artifacts.fetch_all(observer.fetching)
    directory = StateDirectory(options.state)
    with directory.owned(), _stop_signals() as stop_requested:
        sweep(directory)
        Stack(options, directory, views, observer).run(stop_requested)


class Stack:
    """One run of the stack in a directory that this process owns.

    Attributes:
        supervisor: what keeps the processes running.
        services: the servers and where they are.
        workers: Headwater's own processes, four for each view.
    """

    def __init__(
        self, options: UpOptions, directory: StateDirectory, views: Sequence[CompiledView], observer: Observer
    ) -> None:
        ports = PortBook(directory.root / "ports.json", options.ports)
        self._options = options
        self._directory = directory
        self._views = views
        self._observer = observer
        for each in (directory.logs, directory.plans, directory.offline):
            each.mkdir(parents=True, exist_ok=True)
        self._users = users_of(view.plan for view in views) if options.secure else {}
        self.services = _services(options, directory, ports, views, self._users)
        self.workers = [
            ViewWorkers(
                view.plan,
                directory.plans / f"{view.plan.view}.plan.json",
                self.services,
                directory,
                ports,
                options.parallelism,
                options.worker_environment,
            )
            for view in views
        ]
        self.supervisor = Supervisor(self._processes_changed)
        self._phase: Phase = "starting"
        self._problem: str | None = None
        self._processes: tuple[ProcessRecord, ...] = ()
        self._records: tuple[ViewRecord, ...] = tuple(worker.record() for worker in self.workers)
        self._specs = [spec for worker in self.workers for spec in worker.specs()]
        ports.save()

    def run(self, stop_requested: Callable[[], bool]) -> None:
        """Starts all, keeps it running until a stop is requested, and stops it in order; all in the calling thread.

        Raises:
            StackError: a process does not start.
        """
        try:
            self._enter("starting")
            if self._start(stop_requested):
                self._enter("running")
                while not stop_requested():
                    self.supervisor.step()
                    time.sleep(STEP_SECONDS)
            self._enter("stopping")
            self.supervisor.stop_all()
        except HeadwaterError as error:
            self._problem = str(error)
            self.supervisor.stop_all()
            self._enter("failed")
            raise
        self._enter("stopped")

    def _start(self, stop_requested: Callable[[], bool]) -> bool:
        self.services.prepare()
        self.supervisor.add(self.services.specs())
        if not self.supervisor.wait_until_ready(stop_requested):
            return False
        settings = load_settings(**self.services.environment(ADMIN))
        check_follows(settings, (view.plan for view in self._views))
        for view, worker in zip(self._views, self.workers, strict=True):
            worker.plan_file.write_text(view.plan.canonical_json())
        if self.services.security:
            warn_without_tls(self.services.redis)
            with self.services.redis.admin() as redis:
                let_in(self.services.security, self.services.broker.admin(), redis, self._users)
        prepare_sources(self._views, settings, partitions=self._options.partitions)
        admin = AdminClient(client_properties(settings))
        create_topics(admin, [plans_topic()])
        for view in self._views:
            create_output_topics(admin, view.plan)
        self.supervisor.add(self._specs)
        return self.supervisor.wait_until_ready(stop_requested)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._publish()

    def _processes_changed(self, records: tuple[ProcessRecord, ...]) -> None:
        self._processes = records
        self._publish()

    def _publish(self) -> None:
        state = StackState(
            phase=self._phase,
            problem=self._problem,
            supervisor=ProcessIdentity.of_this_process(),
            endpoints=self.services.endpoints,
            security=self.services.security and self.services.security.directory,
            views=self._records,
            processes=self._processes,
        )
        self._directory.write(state)
        self._observer.changed(state)


def _services(
    options: UpOptions,
    directory: StateDirectory,
    ports: PortBook,
    views: Sequence[CompiledView],
    users: Mapping[str, tuple[Grants, ...]],
) -> Services:
    needs_managed_memory = load_settings().state_backend == "rocksdb"
    return lay_out(
        directory,
        ports,
        slots=options.parallelism * len(views),
        task_heap_mb=options.task_heap_mb,
        managed_mb=192 if needs_managed_memory else 0,
        high_availability=options.high_availability,
        security=StackSecurity(directory.security) if options.secure else None,
        registry_users=registry_roles(users) if options.secure else None,
    )


@contextmanager
def _stop_signals() -> Iterator[Callable[[], bool]]:
    """Turns the signals that end a process into a question that the loop asks."""
    received: list[int] = []

    def note(number: int, _frame: FrameType | None) -> None:
        received.append(number)

    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    before = {number: signal.signal(number, note) for number in numbers}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
