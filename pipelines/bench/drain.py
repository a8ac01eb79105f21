"""How fast a job catches up on a topic, beside as much of it as decodes the events, and as brings them together."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from statistics import median
from typing import cast

from headwater.pipelines.bench.events import PARTITIONS, SCHEMA, BenchEvents, Destination, EventShape, preload
from headwater.pipelines.bench.graphs import STAGES, Stage, submit_stage
from headwater.pipelines.bench.meter import Drained, Meter, Sample, drained, meter_of
from headwater.pipelines.bench.rows_check import Row, check_rows
from headwater.pipelines.bench.servers import Servers
from headwater.pipelines.bench.stream import slug
from headwater.pipelines.bench.views import TOPIC, WINDOWS, windows_view
from headwater.pipelines.checkpoints import checkpoint_store
from headwater.pipelines.flink_rest import ENDED, FlinkRest
from headwater.pipelines.groundwork import lay_groundwork
from headwater.pipelines.jars import job_jars
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.sources import create_source_topics
from headwater.pipelines.submission import prepare
from headwater.pipelines.verification.topics import read_committed
from headwater.schemas.errors import VerificationError
from headwater.schemas.feature_log import HEARTBEAT_HEADER_NAME, ROW_HEADER_NAME, VERSION_BYTES, Heartbeat, RowHeader
from headwater.schemas.plan import Plan

OPERATORS: dict[Stage, int] = {"decode": 2, "exchange": 3, "full": 3}
"""How many operators an event passes in a row."""

QUIET_SECONDS = 4.0
"""After the last event: until idle partitions no longer hold the watermark back, and the heartbeats say so."""

COMMIT_SECONDS = 120.0

Progress = Callable[[str, int, int], None]
"""Told what is done, how much of it, and of how much."""


@dataclass(frozen=True, slots=True)
class JobChoices:
    """How the jobs are run."""

    parallelism: int
    checkpoint_ms: int
    state_backend: str

    def settings(self, servers: Servers) -> Settings:
        return servers.settings(
            parallelism=self.parallelism,
            checkpoint_interval_ms=self.checkpoint_ms,
            state_backend=self.state_backend,
            log_level="warning",
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """A view on one stream: medians of alternating runs, by stage."""

    shape: EventShape
    windows: int
    choices: JobChoices
    repeats: int
    stages: dict[Stage, Drained]

    @property
    def share_of_ceiling(self) -> float:
        """Of the events a second that are decoded and thrown away."""
        return self.stages["full"].events_per_second / self.stages["decode"].events_per_second

    @property
    def share_by_cpu(self) -> float:
        """The same, if both had the CPU that they use."""
        return self.stages["decode"].cpu_us_per_event / self.stages["full"].cpu_us_per_event

    @property
    def events_per_core_second(self) -> float:
        """Of the full path, for each second of CPU that the JVM uses."""
        return 1e6 / self.stages["full"].cpu_us_per_event


def compare_all(
    servers: Servers,
    shapes: Sequence[EventShape],
    windows: Sequence[int],
    choices: JobChoices,
    repeats: int,
    progress: Progress,
) -> Iterator[Comparison]:
    """Each number of windows on each of the streams, in a TaskManager of its own, which has run each stage once before.

    Raises:
        VerificationError: the feature log is not what the reference says.
        ClusterError, BrokerError, RegistryError: a server failed.
    """
    settings = choices.settings(servers)
    for shape in shapes:
        topic = f"{TOPIC}.{slug(shape.distribution)}"
        events = BenchEvents(shape, int(time.time()) * 1_000_000)
        load(settings, events, topic, progress)
        for count in windows:
            with servers.flink() as task_manager:
                meter = meter_of(servers, task_manager)
                with closing(FlinkRest(settings.flink_rest_url)) as flink:
                    runs = ViewRuns(settings, meter, flink, events, topic, WINDOWS[count], progress)
                    runs.check()
                    rounds = [{stage: runs.run(stage) for stage in STAGES} for _ in range(repeats)]
            stages = {stage: middle([each[stage] for each in rounds]) for stage in STAGES}
            yield Comparison(shape, count, choices, repeats, stages)


def load(
    settings: Settings,
    events: BenchEvents,
    topic: str,
    progress: Progress,
    *,
    end: int | None = None,
    keyed: bool = False,
) -> Destination:
    """Makes the topic, registers its schema and writes the events before `end`; with the user as Kafka key if wanted.

    Raises:
        BrokerError, RegistryError: a server failed.
    """
    with Registry(settings) as registry:
        schema_id = registry.register(f"{topic}-value", SCHEMA)
    create_source_topics(settings.kafka_bootstrap_servers, [topic], PARTITIONS)
    destination = Destination(settings.kafka_bootstrap_servers, topic, schema_id)
    total = end or events.shape.events
    preload(events, destination, lambda done: progress(f"loading {topic}", done, total), end=end, keyed=keyed)
    return destination


class ViewRuns:
    """Runs of one view on one stream, each from nothing."""

    def __init__(
        self,
        settings: Settings,
        meter: Meter,
        flink: FlinkRest,
        events: BenchEvents,
        topic: str,
        windows: Sequence[str],
        progress: Progress,
        *,
        generation: int = 1,
    ) -> None:
        self._settings = settings
        self._meter = meter
        self._events = events
        self._topic = topic
        self._windows = windows
        self._progress = progress
        self._flink = flink
        self._generation = generation
        self._lay_groundwork()

    def check(self) -> None:
        """Runs every stage, and compares what the full path wrote with the reference."""
        for stage in STAGES:
            self.run(stage, checked=True)

    def run(self, stage: Stage, *, checked: bool = False) -> Drained:
        """One run from nothing."""
        self._progress(f"{self._named(stage)}: starting", 0, 0)
        before = self._meter.before()
        job_id = self.submit(stage)
        found = self.await_events(job_id, stage, self._meter, before, self._events.shape.events)
        if checked and stage == "full":
            self.finish(job_id)
        else:
            self._flink.cancel(job_id)
            self._await_end(job_id)
        return found

    def submit(self, stage: Stage) -> str:
        """Submits a job that knows nothing yet, and returns its id."""
        if stage == "full":
            self._generation += 1  # so that it goes on from no state, and writes to a log of its own
            self._lay_groundwork()
        return submit_stage(prepare(self._plan, self._deployment, self._settings, jars=job_jars()), stage)

    def await_events(self, job_id: str, stage: Stage, meter: Meter, before: Sample, events: int) -> Drained:
        """Waits until so many events are through the job's TaskManager since `before`."""
        what = self._named(stage)
        return drained(
            meter,
            self._flink,
            job_id,
            before,
            operators=OPERATORS[stage],
            events=events,
            progress=lambda done: self._progress(what, done, events),
        )

    def finish(self, job_id: str) -> None:
        """Lets the job of the full path write and commit all that it has to, and compares that with the reference."""
        time.sleep(QUIET_SECONDS)
        store = checkpoint_store(self._settings.checkpoint_dir, self._plan)
        self._flink.stop(job_id, store.stops, COMMIT_SECONDS)
        self._await_end(job_id)
        self._compare(self._plan)

    def _named(self, stage: Stage) -> str:
        return f"{len(self._windows)} windows, {self._events.shape.distribution}, {stage}"

    def _lay_groundwork(self) -> None:
        self._plan = windows_view(self._topic, self._windows, self._generation)
        self._deployment = lay_groundwork(self._settings, self._plan).deployment

    def _await_end(self, job_id: str) -> None:
        while (state := self._flink.state(job_id)) is not None and state not in ENDED:
            time.sleep(0.1)

    def _compare(self, plan: Plan) -> None:
        self._progress(f"{len(self._windows)} windows: reading the feature log", 0, 0)
        rows, watermark_ms = newest_rows(self._settings, plan)
        check_rows(
            plan,
            self._events.events_by_key(),
            rows,
            watermark_ms * 1000,
            lambda done: self._progress(f"{len(self._windows)} windows: comparing with the reference", done, len(rows)),
        )


def middle(runs: Sequence[Drained]) -> Drained:
    """The medians of runs."""
    return Drained(
        median(run.events_per_second for run in runs),
        median(run.cpu_us_per_event for run in runs),
        median(run.rows_per_event for run in runs),
        any(run.with_start for run in runs),
    )


def newest_rows(settings: Settings, plan: Plan) -> tuple[dict[bytes, Row], int]:
    """The row of the greatest version of every key in a view's committed log, and the last watermark in ms.

    Raises:
        VerificationError: the subtasks do not agree on the watermark, or there is none.
    """
    newest: dict[bytes, tuple[bytes, bytes]] = {}
    heartbeats: dict[int, Heartbeat] = {}
    for message in read_committed(settings, plan.log.topic, COMMIT_SECONDS):
        headers = cast("dict[str, bytes]", dict(message.headers() or ()))
        if (beat := headers.get(HEARTBEAT_HEADER_NAME)) is not None:
            heartbeat = Heartbeat.unpack(beat)
            heartbeats[heartbeat.subtask] = max(
                heartbeat, heartbeats.get(heartbeat.subtask, heartbeat), key=lambda each: each.watermark_ms
            )
            continue
        header, key, value = headers[ROW_HEADER_NAME], cast("bytes", message.key()), cast("bytes", message.value())
        if key not in newest or header[:VERSION_BYTES] > newest[key][0][:VERSION_BYTES]:
            newest[key] = (header, value)
    watermarks = {heartbeat.watermark_ms for heartbeat in heartbeats.values()}
    if len(watermarks) != 1:
        raise VerificationError(f"{plan.view}: the subtasks ended at the watermarks {sorted(watermarks)}, not at one")
    rows = {key: (RowHeader.unpack(header), value) for key, (header, value) in newest.items()}
    return rows, watermarks.pop()
