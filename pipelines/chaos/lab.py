"""The stack under test: started in this process, so that a fault can kill what it likes and keep it away."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Self

from confluent_kafka import Consumer, KafkaException, TopicPartition

from headwater.pipelines.chaos.registry_proxy import RegistryProxy
from headwater.pipelines.chaos.traffic import Traffic
from headwater.pipelines.offline_store import OfflineStore
from headwater.pipelines.online_store import connect
from headwater.pipelines.settings import Settings, client_properties, load_settings
from headwater.pipelines.stack import artifacts
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import ProcessSpec, RunningProcess
from headwater.pipelines.stack.state import ProcessRecord, StackState, StateDirectory
from headwater.pipelines.stack.up import Stack, UpOptions, check
from headwater.pipelines.stack.workers import ViewWorkers
from headwater.pipelines.verification.online import OnlineRows
from headwater.pipelines.verification.replays import Replays
from headwater.schemas.errors import DependencyError, StackError
from headwater.schemas.plan import Plan

VIEWS = Path(__file__).parent / "views.py"
PARTITIONS = 4
POLL_SECONDS = 0.2
START_SECONDS = 480.0
PROCESS_SECONDS = 180.0
STOP_SECONDS = 180.0
BROKER_SECONDS = 2.0

# Shorter than anybody would have them, so that each fault meets some checkpoints and some commits.
CHECKPOINT_INTERVAL_MS = 2_000
ARCHIVE_FLUSH_SECONDS = 2
# Every record of an unknown schema holds its partition up for so long, and with it freshness.
UNKNOWN_SCHEMA_WAIT_MS = 200


class Lab:
    """A stack, the stream that goes through it, and hands to do harm with.

    Attributes:
        plan, settings: of the view and of a process that uses the stack.
        traffic: what is sent, `rate` events per second.
        registry: through which all of Headwater's processes reach the schema registry.
        kills: SIGKILLs so far.
        replays: what may stand twice in the output topics, and so offline, since an older savepoint was restored.
        definitions: plans besides `plan` that rows of its generation may have been written under.
    """

    def __init__(self, state: Path, *, seed: int, drivers: int, rate: int) -> None:
        self._directory = StateDirectory(state)
        self._seed, self._drivers = seed, drivers
        self.rate = rate
        self.registry = RegistryProxy()
        self._options = UpOptions(
            views=VIEWS,
            schemas=VIEWS.parent,
            state=state,
            partitions=PARTITIONS,
            high_availability=True,
            worker_environment={
                "HEADWATER_CHECKPOINT_INTERVAL_MS": str(CHECKPOINT_INTERVAL_MS),
                "HEADWATER_ARCHIVE_FLUSH_SECONDS": str(ARCHIVE_FLUSH_SECONDS),
                "HEADWATER_UNKNOWN_SCHEMA_WAIT_MS": str(UNKNOWN_SCHEMA_WAIT_MS),
                "HEADWATER_DEAD_LETTERS_PER_MINUTE": str(60 * rate),
                "HEADWATER_REGISTRY_URL": self.registry.url,
            },
        )
        self._state: StackState | None = None
        self._stopping = threading.Event()
        self._problem: Exception | None = None
        self._extra: list[RunningProcess] = []
        self.kills = 0
        self.replays = Replays()
        self.definitions: list[Plan] = []

    def __enter__(self) -> Self:
        views = check(self._options)
        artifacts.fetch_all()
        if self._directory.state_file.exists():
            shutil.rmtree(self._directory.root)
        self._owned = self._directory.owned()
        self._owned.__enter__()
        self.stack = Stack(self._options, self._directory, views, self)
        self.plan: Plan = views[0].plan
        self.settings: Settings = load_settings(**self.stack.services.endpoints.model_dump())
        self.registry.start(self.stack.services.registry.url)
        self._thread = threading.Thread(target=self._run, name="stack", daemon=True)
        self._thread.start()
        self.wait_until(lambda: self._phase() == "running", START_SECONDS, "the stack to run")
        topic = self.plan.sources[0].topic
        self.traffic = Traffic(self.settings, topic, seed=self._seed, drivers=self._drivers, rate=self.rate)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._extra:
            process.kill()
        self._stopping.set()
        self._thread.join(STOP_SECONDS)
        self.registry.stop()
        self._owned.__exit__(kind, error, trace)

    @property
    def view(self) -> str:
        return self.plan.view

    @property
    def workers(self) -> ViewWorkers:
        """How the view's processes are run while nothing is wrong with them."""
        return self.stack.workers[0]

    def changed_plan(self, plan: Plan, name: str) -> ViewWorkers:
        """How they are run with another plan, which stands in a file of this name."""
        return replace(self.workers, plan=plan, plan_file=self._directory.plans / f"{plan.view}.{name}.plan.json")

    @property
    def logs(self) -> Path:
        """Where the processes write what they do."""
        return self._directory.logs

    def fetching(self, file: str, done_bytes: int, total_bytes: int) -> None:
        """Nothing is shown of it: the artifacts were fetched before."""

    def changed(self, state: StackState) -> None:
        """The stack tells that a process started, became ready or died."""
        self._state = state

    def wait_until(self, condition: Callable[[], bool], seconds: float, what: str) -> None:
        """Returns once the condition holds.

        Raises:
            StackError: it does not within these seconds, or the stack has failed meanwhile.
        """
        deadline = time.monotonic() + seconds
        while not condition():
            if self._problem is not None:
                raise StackError(f"the stack has failed: {self._problem}") from self._problem
            if time.monotonic() > deadline:
                raise StackError(f"waited {seconds:.0f} s for {what}; {self.condition()}")
            time.sleep(POLL_SECONDS)

    def pid(self, name: str) -> int:
        """The pid of a process of the stack, which is waited for if it is just being started anew."""
        found: list[int] = []

        def runs() -> bool:
            identity = self._process(name).identity
            if identity is not None and identity.find() is not None:
                found.append(identity.pid)
            return bool(found)

        self.wait_until(runs, PROCESS_SECONDS, f"{name} to be there")
        return found[-1]

    def kill(self, name: str) -> int:
        """SIGKILL to a process of the stack, which starts it anew; its pid."""
        return self.send(name, signal.SIGKILL)

    def send(self, name: str, number: signal.Signals) -> int:
        """Sends a signal to a process of the stack and returns the pid that it had."""
        pid = self.pid(name)
        os.kill(pid, number)
        self.kills += number == signal.SIGKILL
        return pid

    def hold(self, name: str) -> None:
        """Kills a process and keeps it away until `release`."""
        self.stack.supervisor.hold(name)
        self.kill(name)

    def release(self, name: str) -> None:
        """Lets a process that was held come back."""
        self.stack.supervisor.release(name)

    def await_new(self, name: str, pid: int) -> None:
        """Returns once another process than that of this pid is ready under the name."""

        def ready(found: ProcessRecord) -> bool:
            return found.state == "ready" and found.identity is not None and found.identity.pid != pid

        self._await(name, ready, "be back")

    def exit_code(self, name: str) -> int | None:
        """How the process of this name ended last, negative for a signal."""
        return self._process(name).exit_code

    def deploy(self, workers: ViewWorkers, *names: str) -> None:
        """Ends processes of the view with SIGTERM, and returns once those of `workers` run in their place.

        Args:
            workers: how they are run from now on, such as `replace(lab.workers, parallelism=1)`.
            names: which: `compute`, `materialize`, `archive`.
        """
        workers.plan_file.write_text(workers.plan.canonical_json())
        specs = [spec for spec in workers.specs() if spec.name in map(self.worker, names)]
        for spec in specs:
            self.stack.supervisor.hold(spec.name)
            self.send(spec.name, signal.SIGTERM)
        for spec in specs:
            self._await(spec.name, lambda found: found.identity is None, "end")
            self.stack.supervisor.replace(spec)
            self.stack.supervisor.release(spec.name)
        for spec in specs:
            self._await(spec.name, lambda found: found.state == "ready", "be back")

    def succeed(self, workers: ViewWorkers) -> None:
        """From now on the view is this one, of another generation; its processes must have been deployed."""
        self.stack.workers[0] = workers
        self.plan = workers.plan
        self.definitions.clear()

    def start(self, spec: ProcessSpec) -> RunningProcess:
        """Starts one more process, which ends with the lab at the latest."""
        process = RunningProcess.start(spec)
        self._extra.append(process)
        return process

    def kill_extra(self, process: RunningProcess) -> None:
        """SIGKILL to a process that was started by `start`."""
        process.kill()
        self.kills += 1

    def rival(self, worker: str, workers: ViewWorkers | None = None) -> ProcessSpec:
        """How another process of a worker of the view is run beside the one that there is."""
        workers = workers or self.workers
        workers.plan_file.write_text(workers.plan.canonical_json())
        spec = next(each for each in workers.specs() if each.name == self.worker(worker))
        (port,) = free_ports(1)
        return ProcessSpec(
            name=f"rival-{spec.name}",
            command=spec.command,
            log=self.logs / f"rival-{spec.name}.log",
            ready=lambda: True,
            environment={**spec.environment, "HEADWATER_METRICS_PORT": str(port)},
            grace_seconds=spec.grace_seconds,
        )

    def worker(self, worker: str) -> str:
        """The name of the view's process `compute`, `materialize` or `archive`."""
        return f"{worker}.{self.view}"

    def metrics(self, process: str) -> str:
        """The /metrics URL of `compute`, `materialize`, `archive` or `taskmanager`."""
        return self.workers.record().metrics[process]

    def heartbeats_ms(self) -> list[int]:
        """Up to when each partition is known to be online, without those of which nothing is known.

        Raises:
            redis.exceptions.RedisError: the online store does not answer.
        """
        with connect(self.settings, answer_timeout_seconds=1.0) as redis:
            return [as_of for as_of, _ in OnlineRows(redis, self.plan).heartbeats()]

    def watermark_ms(self) -> int:
        """The least watermark of the partitions of the feature log, as their newest heartbeats in Redis tell it.

        Raises:
            redis.exceptions.RedisError: the online store does not answer.
        """
        with connect(self.settings, answer_timeout_seconds=1.0) as redis:
            return min(watermark for _, watermark in OnlineRows(redis, self.plan).heartbeats())

    def log_ends(self) -> dict[int, int]:
        """The end of each partition of the feature log, open transactions included; empty while the broker is away."""
        return self.ends(self.plan.log.topic)

    def ends(self, topic: str) -> dict[int, int]:
        """The end of each partition of an output topic of the view, as `log_ends`."""
        consumer = Consumer({**client_properties(self.settings), "group.id": "headwater-chaos", "log_level": 0})
        try:
            return {
                partition: consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), BROKER_SECONDS, cached=False
                )[1]
                for partition in consumer.list_topics(topic, BROKER_SECONDS).topics[topic].partitions
            }
        except KafkaException:
            return {}
        finally:
            consumer.close()

    def archived(self) -> dict[int, int]:
        """Up to where each partition of the feature log is in the offline log; nothing while that cannot be read."""
        try:
            return OfflineStore(self.settings, self.plan).end_offsets()
        except DependencyError:
            return {}

    def condition(self) -> str:
        """What each process is doing, for a person who wants to know what is stuck."""
        states = ", ".join(f"{each.name} {each.state}" for each in self._processes() if each.state != "ready")
        return f"not ready: {states}; logs in {self.logs}" if states else f"all are ready; logs in {self.logs}"

    def _await(self, name: str, holds: Callable[[ProcessRecord], bool], what: str) -> None:
        self.wait_until(lambda: holds(self._process(name)), PROCESS_SECONDS, f"{name} to {what}")

    def _process(self, name: str) -> ProcessRecord:
        return next(each for each in self._processes() if each.name == name)

    def _processes(self) -> tuple[ProcessRecord, ...]:
        return self._state.processes if self._state else ()

    def _phase(self) -> str:
        return self._state.phase if self._state else "starting"

    def _run(self) -> None:
        try:
            self.stack.run(self._stopping.is_set)
        except Exception as error:
            self._problem = error
