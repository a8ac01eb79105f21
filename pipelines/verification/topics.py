"""Whole topics, read from their beginning to the end that they had when the reading began."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from headwater.pipelines.settings import Settings, client_properties
from headwater.schemas.errors import BrokerError, TopicError

BROKER_TIMEOUT_SECONDS = 10.0
_BATCH = 10_000


def read_committed(settings: Settings, topic: str, timeout_seconds: float) -> Iterator[Message]:
    """All committed messages of the topic up to its present end, which may have to be committed first.

    Raises:
        TopicError: the topic does not exist.
        BrokerError: the broker refused, or the end was not committed within the timeout.
    """
    yield from _read(settings, topic, timeout_seconds, "read_committed")


def read_uncommitted(settings: Settings, topic: str, timeout_seconds: float) -> Iterator[Message]:
    """All messages of the topic up to its present end, those of open and of aborted transactions included.

    Raises:
        TopicError: the topic does not exist.
        BrokerError: the broker refused, or the end was not reached within the timeout.
    """
    yield from _read(settings, topic, timeout_seconds, "read_uncommitted")


def _read(settings: Settings, topic: str, timeout_seconds: float, isolation: str) -> Iterator[Message]:
    consumer = _consumer(
        settings, {"isolation.level": isolation, "auto.offset.reset": "earliest", "enable.partition.eof": True}
    )
    try:
        ends = _ends(settings, topic)
        consumer.assign([TopicPartition(topic, partition, 0) for partition in ends])
        yield from _until(consumer, topic, ends, time.monotonic() + timeout_seconds)
    except KafkaException as error:
        raise BrokerError(f"{topic} cannot be read: {error}") from error
    finally:
        consumer.close()


def _ends(settings: Settings, topic: str) -> dict[int, int]:
    """The end of each partition, open transactions included."""
    consumer = _consumer(settings, {"isolation.level": "read_uncommitted"})
    try:
        found = consumer.list_topics(topic, BROKER_TIMEOUT_SECONDS).topics[topic]
        if found.error is not None:
            raise TopicError(f"topic {topic} cannot be read: {found.error.str()}")
        return {
            partition: consumer.get_watermark_offsets(TopicPartition(topic, partition), BROKER_TIMEOUT_SECONDS)[1]
            for partition in found.partitions
        }
    finally:
        consumer.close()


def _until(consumer: Consumer, topic: str, ends: dict[int, int], deadline: float) -> Iterator[Message]:
    missing = {partition for partition, end in ends.items() if end > 0}
    while missing:
        for message in consumer.consume(_BATCH, 0.2):
            error = message.error()
            if error is None:
                if (message.offset() or 0) < ends[message.partition() or 0]:
                    yield message
            elif error.code() != KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's name for it
                raise BrokerError(f"{topic} cannot be read: {error.str()}")
        for position in consumer.position([TopicPartition(topic, partition) for partition in missing]):
            if position.offset >= ends[position.partition]:
                missing.discard(position.partition)
        if missing and time.monotonic() > deadline:
            raise BrokerError(
                f"{topic}: partitions {sorted(missing)} are not committed up to their end; is a job running?"
            )


def _consumer(settings: Settings, properties: Mapping[str, str | bool]) -> Consumer:
    """A consumer in a group of its own, which leaves no trace in Kafka."""
    group = {"group.id": f"headwater-verify-{uuid.uuid4()}", "enable.auto.commit": False}
    return Consumer({**client_properties(settings), **group, **properties})
