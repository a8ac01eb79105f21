"""The process that carries a view's feature log into the online store, without decoding it.

It reads uncommitted rows, so that values are fresh whatever the interval between checkpoints, and
leaves it to the fence (`headwater.operators.fence`) that the store converges. The offsets are the
store's: whatever Redis lost, it is read again.
"""

from __future__ import annotations

import threading
import time
from dataclasses import asdict

import structlog
from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry
from redis.exceptions import RedisError

from headwater.operators.fence import Refused
from headwater.operators.heartbeats import FoldedHeartbeat
from headwater.operators.log_batch import by_partition
from headwater.operators.online_metrics import OnlineLimits, OnlineMetrics
from headwater.pipelines.backoff import Dependency, StopRequested
from headwater.pipelines.log_consumer import LogConsumer
from headwater.pipelines.online_schemas import OnlineSchemas
from headwater.pipelines.online_store import address, check_store, connect, partition_keys, read_keys, trouble
from headwater.pipelines.online_view import publish
from headwater.pipelines.partition_writer import PartitionWriter
from headwater.pipelines.service import service
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import TopicError
from headwater.schemas.plan import Plan

IDLE_POLL_SECONDS = 0.2
STATUS_SECONDS = 1.0
INSPECT_SECONDS = 5.0
REPORT_SECONDS = 10.0
END_PATIENCE_SECONDS = 10.0  # a broker that was killed learns its log's end a moment after it is back

_log = structlog.get_logger(__name__)


def run(settings: Settings, plan: Plan) -> None:
    """Materialize the view until SIGTERM or SIGINT; then finish the batch in hand and return.

    Raises:
        OnlineStoreError: Redis is too old or may evict values.
        TopicError: the feature log is missing, has another number of partitions, or ends before what Redis has.
        FencedError: another process took this instance's place.
        BrokerError: Kafka refuses for good.
        PrerequisiteError: the metrics address is taken.
    """
    with service(settings) as (stop, registry):
        Materializer(settings, plan, stop, registry).run()


class Materializer:
    """The loop of the process; `run` it once."""

    def __init__(self, settings: Settings, plan: Plan, stop: threading.Event, registry: CollectorRegistry) -> None:
        self._plan = plan
        self._stop = stop
        self._address = address(settings.redis_url)
        limits = OnlineLimits(settings.behind_rows, settings.behind_seconds, settings.fenced_rows_per_minute)
        self._metrics = OnlineMetrics(plan, registry, limits)
        self._client = connect(settings)
        self._store = Dependency(
            "online_store",
            stop,
            (RedisError,),
            explain=lambda error: trouble(error) if isinstance(error, RedisError) else str(error),
            on_change=self._store_changed,
        )
        self._schemas = OnlineSchemas(settings, self._client, self._store, stop)
        self._consumer = LogConsumer(settings, plan)
        self._broker = Dependency("broker", stop, (KafkaException,), explain=self._consumer.why)
        self._writers: dict[int, PartitionWriter] = {}
        self._published: bool | None = None
        self._check_again = True
        self._next_status = self._next_inspection = self._next_report = 0.0
        self._reported = asdict(self._metrics.counts)

    def run(self) -> None:
        """Read and write until stop is set; see `run` of this module for what it raises."""
        try:
            self._check_store()
            self._broker.call(self._consumer.require_log)
            self._consumer.subscribe()
            _log.info(
                "materializing", view=self._plan.view, generation=self._plan.generation, online_store=self._address
            )
            while not self._stop.is_set():
                self._turn()
            for writer in self._writers.values():
                writer.write_if_due(at_once=True)
        except StopRequested as request:
            _log.warning("stopped_while_waiting", waiting_for=str(request))
        finally:
            self._consumer.close()
            self._client.close()
        _log.info("stopped", view=self._plan.view)

    def _turn(self) -> None:
        if self._check_again:
            self._check_store()
        if self._consumer.newly_assigned is not None:
            self._position(self._consumer.newly_assigned)
        messages, ends = self._consumer.read(self._patience_seconds())
        if self._consumer.newly_assigned is not None:
            return  # what was read belongs to an assignment that is no more
        received_ms = time.time() * 1000
        for partition, batch in by_partition(messages).items():
            self._schemas.provide(batch.schema_frames())
            if not self._accepted(partition, self._writers[partition].take(batch, received_ms)):
                ends.pop(partition, None)
        for partition, end in ends.items():
            self._writers[partition].reached(end)
        for partition, writer in list(self._writers.items()):
            self._accepted(partition, writer.write_if_due())
        self._look_after(time.monotonic())

    def _position(self, partitions: frozenset[int]) -> None:
        """Find out from where newly assigned partitions are read, and begin."""
        self._writers = {partition: self._new_writer(partition) for partition in sorted(partitions)}
        self._consumer.start({partition: writer.position for partition, writer in self._writers.items()})
        self._next_status = self._next_inspection = 0.0
        positions = {partition: writer.position for partition, writer in self._writers.items()}
        _log.info("partitions_assigned", view=self._plan.view, positions=positions)

    def _accepted(self, partition: int, outcome: Refused | None) -> bool:
        """Whether the store took what was written; if not, the partition is rewound to what the store has."""
        if outcome is None:
            return True
        self._rewind(partition, outcome.stored_offset)
        return False

    def _rewind(self, partition: int, stored_offset: int | None) -> None:
        position = self._writers[partition].position
        writer = self._writers[partition] = self._new_writer(partition)
        self._consumer.rewind(partition, writer.position)
        self._schemas.forget()  # a store that lost rows may have lost these as well
        _log.warning(
            "rewound", partition=partition, stored=stored_offset, read_to=position, reading_from=writer.position
        )

    def _new_writer(self, partition: int) -> PartitionWriter:
        keys = partition_keys(self._plan.view, self._plan.generation, partition)
        offset, heartbeat = self._store.call(lambda: read_keys(self._client, [keys.offset, keys.heartbeat]))
        stored = int(offset) if offset is not None else None
        return PartitionWriter(
            self._client,
            self._store,
            self._plan,
            partition,
            self._metrics,
            stored_offset=stored,
            position=self._start_of(partition, stored),
            heartbeat=FoldedHeartbeat.unpack(heartbeat) if heartbeat else None,
        )

    def _start_of(self, partition: int, stored: int | None) -> int:
        """The offset to read from, given what the store has: as near to it as the log still allows."""
        deadline = time.monotonic() + END_PATIENCE_SECONDS
        start, end = self._broker.call(lambda: self._consumer.bounds(partition))
        if stored is None:
            return start
        while stored > end and time.monotonic() < deadline and not self._stop.wait(0.5):
            start, end = self._broker.call(lambda: self._consumer.bounds(partition))
        if stored > end:
            topic, key = self._plan.log.topic, partition_keys(self._plan.view, self._plan.generation, partition).offset
            raise TopicError(
                f"the online store was filled from {topic}[{partition}] up to offset {stored}, but that ends at {end}:"
                " the log was recreated, or lost its newest records. Raise the view's generation; or, to read this log"
                " from its start and keep the rows that stand until newer ones come,"
                f" run `redis-cli DEL '{key.decode()}'`"
            )
        if stored < start:
            _log.warning("log_starts_later", partition=partition, stored=stored, reading_from=start)
        return max(start, stored)

    def _patience_seconds(self) -> float:
        due = [writer.due_in_seconds() for writer in self._writers.values() if writer.pending]
        return min(IDLE_POLL_SECONDS, max(0.0, min(due, default=IDLE_POLL_SECONDS)))

    def _look_after(self, now: float) -> None:
        if now >= self._next_status:
            self._next_status = now + STATUS_SECONDS
            self._metrics.report({p: writer.status(self._consumer.known_end(p)) for p, writer in self._writers.items()})
            if self._writers and not self._published:
                self._publish()
        if now >= self._next_inspection:
            self._next_inspection = now + INSPECT_SECONDS
            self._inspect()
        if now >= self._next_report:
            self._next_report = now + REPORT_SECONDS
            self._report()

    def _publish(self) -> None:
        published = self._store.call(lambda: publish(self._client, self._plan, time.time() * 1000))
        if published != self._published:
            self._published = published
            event = "readers_see_this_generation" if published else "readers_see_another_generation"
            _log.info(event, view=self._plan.view, generation=self._plan.generation)

    def _inspect(self) -> None:
        """Notice what the store lost while nothing was written to it."""
        keys = [partition_keys(self._plan.view, self._plan.generation, partition).offset for partition in self._writers]
        stored = self._store.call(lambda: read_keys(self._client, keys))
        for (partition, writer), offset in zip(list(self._writers.items()), stored, strict=True):
            if (int(offset) if offset is not None else None) != writer.stored_offset:
                self._rewind(partition, int(offset) if offset is not None else None)
        self._schemas.restore()
        if self._writers:
            self._publish()

    def _report(self) -> None:
        counts = asdict(self._metrics.counts)
        if counts != self._reported:
            recent = {name: count - self._reported[name] for name, count in counts.items()}
            _log.info(
                "materialized", view=self._plan.view, state=self._metrics.state(time.time() * 1000).value, **recent
            )
            self._reported = counts

    def _check_store(self) -> None:
        self._check_again = False
        for warning in self._store.call(lambda: check_store(self._client)):
            _log.warning("online_store_setting", warning=warning)

    def _store_changed(self, available: bool) -> None:
        self._metrics.store_available = available
        self._check_again = self._check_again or available
        self._next_inspection = 0.0
