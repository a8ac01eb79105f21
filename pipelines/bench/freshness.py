"""From the moment at which an event is to be sent to the moment at which a reader sees it, at a set rate."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass

from redis import Redis

from headwater.operators.reference import ReferenceEvent
from headwater.pipelines.bench.events import PARTITIONS, SCHEMA, Destination, EventShape
from headwater.pipelines.bench.open_loop import OpenLoop, steady_events
from headwater.pipelines.bench.servers import Servers
from headwater.pipelines.bench.stream import slug
from headwater.pipelines.bench.views import FIVE_WINDOWS, TOPIC, windows_view
from headwater.pipelines.bench.watcher import Seen, Watcher
from headwater.pipelines.flink_rest import FlinkRest
from headwater.pipelines.groundwork import lay_groundwork
from headwater.pipelines.jars import job_jars
from headwater.pipelines.online_store import connect
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.process import RunningProcess
from headwater.pipelines.stack.sources import create_source_topics
from headwater.pipelines.stack.workers import job_state
from headwater.pipelines.submission import prepare, submit_in_child
from headwater.pipelines.verification.online import await_arrival, online_mismatches
from headwater.schemas.errors import ClusterError, VerificationError
from headwater.schemas.plan import Plan

WARM_UP_SECONDS = 15
FOLLOWED_PER_SECOND = 100
START_SECONDS = 120.0
ARRIVAL_SECONDS = 300.0
TRIES = 5

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Load:
    """What is sent, for how long after warming up, and what happens meanwhile."""

    shape: EventShape
    seconds: int
    emission_interval: str
    kill: bool


@dataclass(frozen=True, slots=True)
class Freshness:
    """What was seen at one interval between checkpoints, in the order of sending, from `start_us` on.

    `behind_ms` is by how much the sender was late at worst: it counts against us. `killed_us` is when the TaskManager
    was killed, if it was.
    """

    load: Load
    checkpoint_ms: int
    start_us: int
    seen: Sequence[Seen]
    behind_ms: float
    killed_us: int | None


def measure(servers: Servers, load: Load, checkpoints_ms: Sequence[int], progress: Progress) -> Iterator[Freshness]:
    """A run for each interval between checkpoints, each with a cluster, a store and a topic of its own.

    Raises:
        VerificationError: an event was not seen, or what stands in the store at the end is not the reference's.
        ClusterError, BrokerError, RegistryError, StackError: a server failed.
    """
    drawn = slug(load.shape.distribution)
    for checkpoint_ms in checkpoints_ms:
        settings = servers.settings(
            log_level="warning", checkpoint_interval_ms=checkpoint_ms, parallelism=servers.services.flink.slots
        )
        plan = windows_view(f"{TOPIC}.{drawn}.{checkpoint_ms}", FIVE_WINDOWS, emission_interval=load.emission_interval)
        with servers.redis(), servers.flink() as task_manager, ExitStack() as stack:
            yield _Run(servers, settings, plan, load, progress).run(task_manager, stack)


class _Run:
    """One run, from an empty topic."""

    def __init__(self, servers: Servers, settings: Settings, plan: Plan, load: Load, progress: Progress) -> None:
        self._servers = servers
        self._settings = settings
        self._plan = plan
        self._load = load
        self._progress = progress
        self._what = f"checkpoint each {settings.checkpoint_interval_ms / 1000:g} s"

    def run(self, task_manager: RunningProcess, stack: ExitStack) -> Freshness:
        shape, topic = self._load.shape, self._plan.sources[0].topic
        self._progress(f"{self._what}: starting", 0, 0)
        with Registry(self._settings) as registry:
            schema_id = registry.register(f"{topic}-value", SCHEMA)
        create_source_topics(self._settings.kafka_bootstrap_servers, [topic], PARTITIONS)
        job_id = self._start_job()
        stack.enter_context(self._servers.running(self._servers.materializer_spec(self._plan)))
        client = connect(self._settings.redis_url)
        stack.callback(client.close)

        start_us = (time.time_ns() // 1_000_000_000 + 3) * 1_000_000
        events = steady_events(shape, start_us)
        measured_us = start_us + WARM_UP_SECONDS * 1_000_000
        first = int(WARM_UP_SECONDS * shape.per_second)
        step = max(1, shape.per_second // FOLLOWED_PER_SECOND)
        watcher = Watcher(client, self._plan, events, range(first, shape.events, step))
        loop = OpenLoop(shape, start_us, Destination(self._settings.kafka_bootstrap_servers, topic, schema_id))
        stack.callback(loop.stop)
        loop.start()
        killed_us = self._watch(watcher, start_us, task_manager, stack)
        delays = loop.finish()
        self._check(client, job_id, dict(events.events_by_key()))
        seen = sorted(watcher.seen)
        return Freshness(
            self._load,
            self._settings.checkpoint_interval_ms,
            measured_us,
            seen,
            float(delays[delays[:, 0] >= first, 1].max()),
            killed_us,
        )

    def _watch(self, watcher: Watcher, start_us: int, task_manager: RunningProcess, stack: ExitStack) -> int | None:
        """Polls until all is seen; kills the TaskManager in the middle if that is wanted."""
        total_seconds = WARM_UP_SECONDS + self._load.seconds
        kill_at_us = start_us + (WARM_UP_SECONDS + self._load.seconds // 2) * 1_000_000
        deadline = time.monotonic() + total_seconds + ARRIVAL_SECONDS
        killed_us = None
        told = 0
        while watcher.waiting:
            watcher.poll()
            now_us = time.time_ns() // 1000
            if self._load.kill and killed_us is None and now_us >= kill_at_us:
                task_manager.kill()
                killed_us = now_us
                again = RunningProcess.start(self._servers.services.flink.task_manager_spec())
                stack.callback(again.stop)
            if (second := (now_us - start_us) // 1_000_000) > told:
                told = second
                self._progress(self._what, min(second, total_seconds), total_seconds)
            if time.monotonic() > deadline:
                raise VerificationError(f"{watcher.waiting} events were not seen within {ARRIVAL_SECONDS:.0f} s")
        return killed_us

    def _start_job(self) -> str:
        deployment, origin, _ = lay_groundwork(self._settings, self._plan)
        job_id = submit_in_child(
            prepare(self._plan, deployment, self._settings, jars=job_jars(), restore_from=origin.url)
        )
        deadline = time.monotonic() + START_SECONDS
        name = deployment.group_id
        while (state := job_state(self._settings.flink_rest_url, name)) != "RUNNING":
            if time.monotonic() > deadline:
                raise ClusterError(f"the job {name} is {state} after {START_SECONDS:.0f} s")
            time.sleep(0.2)
        return job_id

    def _check(self, client: Redis, job_id: str, by_key: dict[bytes, list[ReferenceEvent]]) -> None:
        """Every key's row is the reference's; a difference that passes by itself, as the watermark does, is none."""
        self._progress(f"{self._what}: comparing with the reference", 0, 0)
        await_arrival(client, self._plan, time.time() * 1000, time.monotonic() + ARRIVAL_SECONDS)
        for _ in range(TRIES):
            if not (wrong := online_mismatches(client, self._plan, by_key)):
                return
            time.sleep(2 * self._plan.heartbeat_interval_ms / 1000)
        with closing(FlinkRest(self._settings.flink_rest_url)) as flink:
            cause = flink.root_cause(job_id)
        raise VerificationError(f"{len(wrong)} keys differ, such as {wrong[0]}. {cause}".strip())
