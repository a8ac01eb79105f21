"""Reads a view's feature log, uncommitted, from offsets that the online store dictates."""

from __future__ import annotations

import contextlib
from typing import NamedTuple, cast

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from headwater.pipelines.security.kafka import PasswordRenewal
from headwater.pipelines.security.kafka_trouble import note, told
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.topics import require_log
from headwater.schemas.errors import BrokerError, FencedError
from headwater.schemas.plan import Plan

BATCH_MESSAGES = 5_000
LINGER_SECONDS = 0.004  # what a row may wait for others to share its batch
BROKER_TIMEOUT_SECONDS = 10.0

_PREFETCH = {
    "queued.min.messages": "20000",
    "queued.max.messages.kbytes": "32768",
    "fetch.queue.backoff.ms": "20",
}

# librdkafka's own codes, which the Python client names like private members
_END_OF_PARTITION = KafkaError._PARTITION_EOF  # noqa: SLF001
_OFFSET_GONE = KafkaError._AUTO_OFFSET_RESET  # noqa: SLF001
_FENCINGS = frozenset({KafkaError._FENCED, KafkaError.FENCED_INSTANCE_ID})  # noqa: SLF001
_REFUSALS = frozenset(
    {
        *_FENCINGS,
        KafkaError._FATAL,  # noqa: SLF001
        KafkaError._AUTHENTICATION,  # noqa: SLF001
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    }
)

_log = structlog.get_logger(__name__)


class LogBounds(NamedTuple):
    """The first offset that a partition still has, and the one that comes after its last."""

    start: int
    end: int


class Read(NamedTuple):
    """Messages in the order of their partitions, and the ends of partitions that were reached behind them."""

    messages: list[Message]
    ends: dict[int, int]


class LogConsumer:
    """A static member of the view's materializer group.

    It stays a member while the process is away for less than the session timeout, so that a restarted
    process has its partitions back at once; and however long the online store keeps it from reading.
    Newly assigned partitions are not read before `start` says from where.
    """

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self._plan = plan
        self._topic = plan.log.topic
        self._consumer = Consumer({**_properties(settings, plan), "error_cb": self._report})
        self._password = PasswordRenewal(settings)
        self._reported: set[int] = set()
        self.newly_assigned: frozenset[int] | None = None

    def require_log(self) -> None:
        """Make sure that the log exists with as many partitions as the plan says.

        Raises:
            TopicError: it does not; the message has the command that creates it.
            KafkaException: the broker cannot be reached.
        """
        self._password.renew(self._consumer)
        require_log(self._consumer, self._plan)

    def subscribe(self) -> None:
        """Join the group."""
        self._consumer.subscribe(
            [self._topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_revoke
        )

    def why(self, error: Exception) -> str:
        """What went wrong with the broker and what to do about it, in one line."""
        cause = error.args[0] if error.args else None
        return told(cause, self._consumer) if isinstance(cause, KafkaError) else str(error)

    def bounds(self, partition: int) -> LogBounds:
        """What the partition holds now, asked of the broker.

        Raises:
            KafkaException: the broker cannot be reached.
        """
        self._password.renew(self._consumer)
        position = TopicPartition(self._topic, partition)
        return LogBounds(*self._consumer.get_watermark_offsets(position, BROKER_TIMEOUT_SECONDS, cached=False))

    def known_end(self, partition: int) -> int | None:
        """The end of the partition as of the newest fetch; None before the first."""
        _, end = self._consumer.get_watermark_offsets(TopicPartition(self._topic, partition), cached=True)
        return end if end >= 0 else None

    def start(self, offsets: dict[int, int]) -> None:
        """Begin to read the newly assigned partitions, each from its offset."""
        self.newly_assigned = None
        self._consumer.assign([TopicPartition(self._topic, partition, offset) for partition, offset in offsets.items()])

    def rewind(self, partition: int, offset: int) -> None:
        """Go on reading a partition from another offset; what was fetched ahead is dropped."""
        self._consumer.seek(TopicPartition(self._topic, partition, offset))

    def read(self, timeout_seconds: float) -> Read:
        """Up to BATCH_MESSAGES messages: waits for the first as long as it may, for the others a few milliseconds.

        Raises:
            TopicError: the log does not exist any more.
            FencedError: another process has taken this instance's place.
            BrokerError: the broker refuses for another reason that does not pass.
        """
        self._password.renew(self._consumer)
        try:
            first = self._consumer.poll(timeout_seconds)
            found = [] if first is None else [first, *self._consumer.consume(BATCH_MESSAGES - 1, LINGER_SECONDS)]
        except KafkaException as failure:
            raise self._refusal(failure.args[0]) from failure
        read = Read([], {})
        for message in found:
            error = message.error()
            if error is None:
                self._reported.clear()
                read.messages.append(message)
            elif error.code() == _END_OF_PARTITION:
                read.ends[cast("int", message.partition())] = cast("int", message.offset())
            else:
                self._judge(error, message)
        return read

    def close(self) -> None:
        """Stop reading. A static member does not leave its group by this."""
        self._consumer.close()

    def _judge(self, error: KafkaError, message: Message) -> None:
        if error.code() == _OFFSET_GONE:
            _log.warning("log_offset_gone", partition=message.partition(), error=error.str())
            self.newly_assigned = frozenset(p.partition for p in self._consumer.assignment())
        elif error.fatal() or error.code() in _REFUSALS:
            raise self._refusal(error)
        else:
            if error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
                self._require_log_if_reachable()  # a broker that starts may not know of it yet
            _log.warning("broker_trouble", error=error.str())

    def _report(self, error: KafkaError) -> None:
        note(error)
        # librdkafka repeats itself many times a second; it goes on trying by itself.
        if error.code() not in self._reported:
            self._reported.add(error.code())
            _log.warning("broker_trouble", error=told(error))

    def _require_log_if_reachable(self) -> None:
        with contextlib.suppress(KafkaException):
            self.require_log()

    def _refusal(self, error: KafkaError) -> FencedError | BrokerError:
        if error.code() in _FENCINGS or "fenced" in error.str():  # a fatal error hides the code that led to it
            return FencedError(
                "another process of the same HEADWATER_INSTANCE has joined the group: give every process its own"
            )
        return BrokerError(f"the broker refuses to serve {self._topic}: {told(error)}")

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self.newly_assigned = frozenset(partition.partition for partition in partitions)
        consumer.assign([])

    def _on_revoke(self, consumer: Consumer, _: list[TopicPartition]) -> None:
        self.newly_assigned = frozenset()
        consumer.unassign()


def _properties(settings: Settings, plan: Plan) -> dict[str, str | int | float | bool | None]:
    return {
        "session.timeout.ms": "30000",
        **_PREFETCH,
        **client_properties(settings),
        "group.id": f"headwater-{plan.view}-g{plan.generation}-materialize",
        "group.instance.id": settings.instance,
        "client.id": f"headwater-materialize-{plan.view}-{settings.instance}",
        "isolation.level": "read_uncommitted",
        "enable.auto.commit": "false",
        "auto.offset.reset": "error",
        "enable.partition.eof": "true",
        "max.poll.interval.ms": "86400000",
        "partition.assignment.strategy": "range",
    }
