"""Follows a view's feature log as it is written: decoded rows, each with the time that its stages took."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from headwater.pipelines.dead_letters.framed_avro import FramedAvro
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.topics import require_log
from headwater.schemas.errors import BrokerError, FormatError
from headwater.schemas.feature_log import CAUSES, ROW_HEADER_NAME, RowHeader
from headwater.schemas.keys import KeyValue, decode_key, encode_key, partition_of
from headwater.schemas.plan import Plan

BROKER_TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.2

_EVENT = CAUSES.index("EVENT")
_PASSES = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._TRANSPORT, KafkaError._RESOLVE})  # noqa: SLF001

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Seconds that an event took from one stage to the next; None where a row does not tell.

    Only a row that an event caused has the first two, and only one that was written while the log was followed the
    last: how late an old row is read says nothing of the pipeline. Clocks of several machines may disagree: what
    would be negative is 0.

    Attributes:
        event_to_broker: from the greatest event time of the key to the greatest Kafka timestamp of its events.
        broker_to_computed: from there until the row was emitted.
        computed_to_read: from there until it was read here.
    """

    event_to_broker: float | None
    broker_to_computed: float | None
    computed_to_read: float | None


@dataclass(frozen=True, slots=True)
class TailedRow:
    """One row of the feature log.

    Attributes:
        entity: the key's fields.
        header: version, times and cause, as they stand beside the row.
        values: the features, of the plan's types; timestamps are not among them.
    """

    partition: int
    offset: int
    entity: dict[str, KeyValue]
    header: RowHeader
    times: StageTimes
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that should be a row and cannot be decoded; `reason` says why."""

    partition: int
    offset: int
    reason: str


class LogTail:
    """A reader of one view's log that belongs to no group and leaves no trace in Kafka; a context.

    Args:
        entity: only rows of this key; None: of all.
        since_ms: begin with the first rows emitted at or after this time; None: with the next that are written.
        committed: only rows of committed transactions, which the offline log will have. Without it rows are seen as
            soon as the online store sees them, and so may come again after a restart of the job.
    """

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        *,
        entity: dict[str, KeyValue] | None = None,
        since_ms: int | None = None,
        committed: bool = False,
    ) -> None:
        """
        Raises:
            FormatError: the entity is no key of the view.
            TopicError: the log does not exist, or has another number of partitions.
            BrokerError: the broker cannot be reached.
        """
        self._plan = plan
        self._key = None if entity is None else encode_key(plan.entity, entity)
        self._avro = FramedAvro(Registry(settings), plan.log.schema_)
        self._consumer = Consumer(_properties(settings, committed))
        self._began_ms = time.time() * 1000
        self._troubles: set[int] = set()
        try:
            require_log(self._consumer, plan)
            self._consumer.assign(self._starts(since_ms))
        except KafkaException as error:
            self._consumer.close()
            raise BrokerError(f"{plan.log.topic} cannot be read: {error.args[0].str()}") from error

    def __enter__(self) -> LogTail:
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def rows(self) -> Iterator[TailedRow | Unreadable]:
        """Rows in the order of their partitions, for ever. Waits while there are none, or the broker is away.

        Raises:
            BrokerError: the broker refuses for a reason that does not pass.
            RegistryError: the registry cannot be reached for a schema that is new.
        """
        while True:
            message = self._consumer.poll(POLL_SECONDS)
            if message is None:
                continue
            if message.error() is not None:
                self._judge(message.error())
            elif message.value() is not None and self._key in (None, message.key()):
                self._troubles.clear()
                yield self._row(message, time.time() * 1000)

    def _starts(self, since_ms: int | None) -> list[TopicPartition]:
        count = self._plan.log.partitions
        numbers = range(count) if self._key is None else [partition_of(self._key, count)]
        topic = self._plan.log.topic
        if since_ms is not None:
            wanted = [TopicPartition(topic, number, since_ms) for number in numbers]
            return self._consumer.offsets_for_times(wanted, BROKER_TIMEOUT_SECONDS)
        # A number, not "the end": what is written while the first fetch is under way counts.
        places = [TopicPartition(topic, number) for number in numbers]
        for place in places:
            _, place.offset = self._consumer.get_watermark_offsets(place, BROKER_TIMEOUT_SECONDS, cached=False)
        return places

    def _row(self, message: Message, read_ms: float) -> TailedRow | Unreadable:
        partition, offset = message.partition() or 0, message.offset() or 0
        headers = dict(message.headers() or ())
        try:
            header = RowHeader.unpack(cast("bytes", headers.get(ROW_HEADER_NAME) or b""))
            entity = decode_key(self._plan.entity, message.key() or b"")
            fields = self._avro.decode(message.value())
        except FormatError as error:
            return Unreadable(partition, offset, str(error))
        values = {feature.name: fields[feature.name] for feature in self._plan.features}
        return TailedRow(partition, offset, entity, header, self._times(header, read_ms), values)

    def _times(self, header: RowHeader, read_ms: float) -> StageTimes:
        def seconds(start_ms: float, end_ms: float, told: bool) -> float | None:
            return max(0.0, end_ms - start_ms) / 1000 if told else None

        by_event = header.cause == _EVENT
        return StageTimes(
            seconds(header.event_time_us / 1000, header.ingested_at_ms, by_event),
            seconds(header.ingested_at_ms, header.computed_at_ms, by_event),
            seconds(header.computed_at_ms, read_ms, header.computed_at_ms >= self._began_ms),
        )

    def _judge(self, error: KafkaError | None) -> None:
        if error is None:
            return
        if not error.retriable() and error.code() not in _PASSES:
            raise BrokerError(f"{self._plan.log.topic} cannot be read: {error.str()}")
        if error.code() not in self._troubles:
            self._troubles.add(error.code())
            _log.warning("kafka_trouble", topic=self._plan.log.topic, error=error.str())


def _properties(settings: Settings, committed: bool) -> dict[str, str | int | float | bool | None]:
    return {
        "log_level": 0,  # what goes wrong comes as an error, and is said once
        **client_properties(settings),
        "group.id": f"headwater-tail-{uuid.uuid4()}",
        "client.id": "headwater-tail",
        "isolation.level": "read_committed" if committed else "read_uncommitted",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "fetch.queue.backoff.ms": 20,
    }
