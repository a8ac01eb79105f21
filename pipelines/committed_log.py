"""Reads a view's feature log as the offline log wants it: committed rows alone, from offsets that the caller keeps."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from headwater.pipelines.security.kafka import PasswordRenewal
from headwater.pipelines.security.kafka_trouble import note, told
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.topics import require_log
from headwater.schemas.errors import BrokerError, TopicError
from headwater.schemas.plan import Plan

BROKER_TIMEOUT_SECONDS = 5.0
END_PATIENCE_SECONDS = 10.0  # a broker that was killed learns its log's end a moment after it is back
MOST_MESSAGES = 5_000
FEWEST_MESSAGES = 20
READ_BYTES = 16 * 2**20

_PREFETCH = {"queued.min.messages": 20_000, "queued.max.messages.kbytes": 32_768, "fetch.queue.backoff.ms": 20}
_LOG_LEVEL_CRITICAL = 2  # what is less comes to `_report` as well, where it is said once

_log = structlog.get_logger(__name__)
_kafka_log = logging.getLogger("headwater.kafka")


class Gap(NamedTuple):
    """Offsets of a partition that the broker deleted before they were read: from `start` up to, without, `end`."""

    partition: int
    start: int
    end: int


@dataclass(slots=True)
class Rows:
    """Rows as they stand in the log: framed Avro values and their places, three lists of one length."""

    values: list[bytes] = field(default_factory=list)
    partitions: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)


class CommittedLog:
    """All partitions of a view's log, in one consumer that belongs to no group and commits nothing to Kafka.

    Attributes:
        positions: per partition the next offset to read. Everything before it was returned by `read`, or
            is nothing to return: a heartbeat, a tombstone, a row of an aborted transaction, a control record.
        broken_off: whether the broker has deleted what was to be read next; `start` mends it.
    """

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self._plan = plan
        self._topic = plan.log.topic
        properties = {**consumer_properties(settings, plan), "error_cb": self._report}
        self._consumer = Consumer(properties, logger=_kafka_log)
        self._password = PasswordRenewal(settings)
        self._reported: set[int] = set()
        self._messages_at_once = MOST_MESSAGES
        self._trouble: TopicError | BrokerError | None = None
        self.positions: dict[int, int] = {}
        self.broken_off = False

    def start(self, offsets: Mapping[int, int]) -> list[Gap]:
        """Read from these offsets on, one per partition, or from the beginning where that comes later.

        Returns:
            What lies between an offset and the beginning of its partition.

        Raises:
            TopicError: the log does not exist, has another number of partitions, or ends before an offset.
            BrokerError: the broker cannot be reached.
        """
        deadline = time.monotonic() + END_PATIENCE_SECONDS
        bounds = self._bounds(offsets)
        while any(offsets[p] > bounds[p][1] for p in offsets) and time.monotonic() < deadline:
            time.sleep(0.5)
            bounds = self._bounds(offsets)
        for partition, offset in offsets.items():
            if offset > bounds[partition][1]:
                raise TopicError(
                    f"{self._topic} partition {partition} ends at offset {bounds[partition][1]}, but is archived up to"
                    f" {offset}: the topic was deleted and created anew, or has lost records; raise the view's"
                    " generation, so that it gets a log and a table of its own"
                )
        self.positions = {partition: max(offset, bounds[partition][0]) for partition, offset in offsets.items()}
        self.broken_off = False
        self._consumer.assign([TopicPartition(self._topic, *position) for position in self.positions.items()])
        return [Gap(p, offset, bounds[p][0]) for p, offset in offsets.items() if offset < bounds[p][0]]

    def read(self, most_rows: int, timeout_seconds: float) -> Rows:
        """The next rows, in the order of their partitions: as many as there are, as may be, and as fit into memory.

        Raises:
            TopicError: the log does not exist any more.
            BrokerError: the broker refuses for another reason that does not pass.
        """
        if self._trouble is not None:
            # Not raised when it was met: that would have lost the rows that were read beside it.
            trouble, self._trouble = self._trouble, None
            raise trouble
        self._password.renew(self._consumer)
        rows = Rows()
        messages = self._consumer.consume(min(most_rows, self._messages_at_once), timeout_seconds)
        for message in messages:
            partition, offset = message.partition(), message.offset()
            if message.error() is not None:
                self._note(message)
            elif partition is not None and offset is not None and offset >= self.positions[partition]:
                self._reported.clear()
                self.positions[partition] = offset + 1
                value = message.value()
                if value is not None:
                    rows.values.append(bytes(value))
                    rows.partitions.append(partition)
                    rows.offsets.append(offset)
        if rows.values:
            mean_bytes = 1 + sum(map(len, rows.values)) // len(rows.values)
            self._messages_at_once = max(FEWEST_MESSAGES, min(MOST_MESSAGES, READ_BYTES // mean_bytes))
        return rows

    def close(self) -> None:
        """Stop reading."""
        self._consumer.close()

    def _report(self, error: KafkaError) -> None:
        note(error)
        # librdkafka repeats itself many times a second; it goes on trying by itself.
        if error.code() not in self._reported:
            self._reported.add(error.code())
            _log.warning("kafka_trouble", topic=self._topic, error=told(error))

    def _note(self, message: Message) -> None:
        error, partition, offset = message.error(), message.partition(), message.offset()
        if error is None:
            return
        if error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001
            # Behind the last row stand control records, which only this tells of.
            if partition is not None and offset is not None:
                self.positions[partition] = max(self.positions[partition], offset)
        elif error.code() == KafkaError._AUTO_OFFSET_RESET:  # noqa: SLF001
            self.broken_off = True
        elif error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION):  # noqa: SLF001
            self._trouble = TopicError(f"the feature log {self._topic} does not exist any more: {error.str()}")
        elif not error.retriable() and error.code() != KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001
            self._trouble = BrokerError(f"{self._topic} cannot be read: {told(error)}")

    def _bounds(self, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Per partition the first offset that is there, and the one behind the last that is committed."""
        self._password.renew(self._consumer)
        try:
            require_log(self._consumer, self._plan)
            return {
                partition: self._consumer.get_watermark_offsets(
                    TopicPartition(self._topic, partition), BROKER_TIMEOUT_SECONDS, cached=False
                )
                for partition in partitions
            }
        except KafkaException as error:
            raise BrokerError(
                f"the bounds of {self._topic} cannot be read: {told(error.args[0], self._consumer)}"
            ) from error


def consumer_properties(settings: Settings, plan: Plan) -> dict[str, str | int | float | bool | None]:
    """Kafka properties of a consumer that gets committed rows alone and is told where partitions end."""
    return {
        **_PREFETCH,
        "log_level": _LOG_LEVEL_CRITICAL,
        **client_properties(settings),
        "group.id": f"headwater-{plan.view}-g{plan.generation}-archive",
        "client.id": f"headwater-archive-{plan.view}-{settings.instance}",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
    }
