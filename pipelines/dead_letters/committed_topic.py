"""The committed records of a topic, up to where they end at one moment."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from headwater.pipelines.security.kafka_trouble import told
from headwater.pipelines.settings import Settings, client_properties
from headwater.schemas.errors import BrokerError, DependencyError, TopicError

BROKER_TIMEOUT_SECONDS = 10.0
PATIENCE_SECONDS = 30.0
"""For so long a broker may say nothing before it counts as away."""
SETTLE_SECONDS = 10.0

_BATCH = 500
_END_OF_PARTITION = KafkaError._PARTITION_EOF  # noqa: SLF001 - the client's name for it

Span = tuple[int, int]


class CommittedTopic:
    """What is committed in a topic when this is made: a fixed stretch that can be read again and again.

    Attributes:
        spans: per partition the first offset that is there, and the one behind the last that is committed.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        """
        Raises:
            TopicError: the topic does not exist.
            BrokerError: the broker cannot be reached or refuses.
        """
        self.topic = topic
        self._consumer = Consumer(_properties(settings))
        try:
            self.spans = _spans(self._consumer, topic)
        except DependencyError:
            self.close()
            raise

    def messages(self) -> Iterator[Message]:
        """All of it, in the order of offsets in each partition.

        Raises:
            BrokerError: the broker went away or refuses.
        """
        yield from self._read(self.spans)

    def message(self, partition: int, offset: int) -> Message | None:
        """The record at this place, or None if no committed one stands there.

        Raises:
            BrokerError: the broker went away or refuses.
        """
        start, end = self.spans.get(partition, (0, 0))
        if not start <= offset < end:
            return None
        found = next(self._read({partition: (offset, offset + 1)}), None)
        return found if found is not None and found.offset() == offset else None

    def close(self) -> None:
        """Let go of the broker."""
        self._consumer.close()

    def _read(self, spans: Mapping[int, Span]) -> Iterator[Message]:
        left = {partition: end for partition, (start, end) in spans.items() if start < end}
        self._consumer.assign([TopicPartition(self.topic, partition, spans[partition][0]) for partition in left])
        heard = time.monotonic()
        while left:
            for message in self._heard(heard):
                error, partition, offset = message.error(), message.partition(), message.offset()
                if partition is None or offset is None or partition not in left:
                    continue
                if error is None:
                    if offset < left[partition]:
                        yield message
                    offset += 1
                elif error.code() != _END_OF_PARTITION:
                    raise BrokerError(f"{self.topic} cannot be read: {told(error)}")
                # Behind the last record may stand control records, which only the end of the partition tells of.
                if offset >= left[partition]:
                    del left[partition]
                heard = time.monotonic()

    def _heard(self, last: float) -> list[Message]:
        first = self._consumer.poll(0.5)
        if first is not None:
            return [first, *self._consumer.consume(_BATCH, 0)]
        if time.monotonic() > last + PATIENCE_SECONDS:
            raise BrokerError(f"{self.topic} cannot be read: the broker has said nothing for {PATIENCE_SECONDS:.0f} s")
        return []


def await_committed(settings: Settings, *topics: str) -> None:
    """Returns once no record of the topics waits for the end of a transaction, or after SETTLE_SECONDS.

    A producer learns of its commit a moment before readers of committed records do.

    Raises:
        TopicError: a topic does not exist.
        BrokerError: the broker cannot be reached or refuses.
    """
    committed, written = (Consumer(_properties(settings, level)) for level in ("read_committed", "read_uncommitted"))
    deadline = time.monotonic() + SETTLE_SECONDS
    try:
        for topic in topics:
            while _spans(committed, topic) != _spans(written, topic) and time.monotonic() < deadline:
                time.sleep(0.05)
    finally:
        committed.close()
        written.close()


def _spans(consumer: Consumer, topic: str) -> dict[int, Span]:
    try:
        found = consumer.list_topics(topic, BROKER_TIMEOUT_SECONDS).topics[topic]
        if found.error is not None:
            if found.error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):  # noqa: SLF001
                raise TopicError(f"the topic {topic} does not exist; the view's compute job creates it")
            raise BrokerError(f"{topic} cannot be read: {told(found.error)}")
        return {
            partition: consumer.get_watermark_offsets(
                TopicPartition(topic, partition), BROKER_TIMEOUT_SECONDS, cached=False
            )
            for partition in found.partitions
        }
    except KafkaException as error:
        raise BrokerError(f"{topic} cannot be read: {told(error.args[0], consumer)}") from error


def _properties(
    settings: Settings, isolation_level: str = "read_committed"
) -> dict[str, str | int | float | bool | None]:
    """Of a consumer that belongs to no group and leaves no trace in Kafka."""
    return {
        "log_level": 0,  # what goes wrong comes as an error, and is said once
        **client_properties(settings),
        "group.id": f"headwater-dead-letters-{uuid.uuid4()}",
        "client.id": "headwater-dead-letters",
        "isolation.level": isolation_level,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "enable.partition.eof": True,
    }
