"""Sends batches of records, each in a Kafka transaction; of several processes that do so only the last goes on."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_exponential, wait_random

from headwater.pipelines.security.kafka_trouble import told
from headwater.pipelines.settings import Settings, client_properties
from headwater.schemas.errors import BrokerError, FencedError

TRANSACTION_TIMEOUT_MS = 30_000
"""After so long the broker aborts what a dead process left open; until then readers of committed records wait there."""

CALL_SECONDS = 10.0
GIVE_UP_SECONDS = 60.0

_FENCED = frozenset(
    {
        KafkaError._FENCED,  # noqa: SLF001 - the client's names
        KafkaError.INVALID_PRODUCER_EPOCH,
        KafkaError.PRODUCER_FENCED,
    }
)
_BY_KEY = -1
_NOTHING = "none of the batch was sent"
_UNKNOWN = "if the batch was sent or not shows when the command is run again"
_PURGED = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT})  # noqa: SLF001


class Record(NamedTuple):
    """A record to send, with the partition that it must go to, or None for the key's own."""

    topic: str
    partition: int | None
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, str | bytes | None]]


class Transactions:
    """The transactions of one name. `take_over` comes first."""

    def __init__(self, settings: Settings, name: str) -> None:
        self._name = name
        self._producer = Producer(_properties(settings, name))
        self._refusals: list[str] = []

    def take_over(self) -> None:
        """Ends what another process of this name has open and shuts it out for good.

        When this returns, each batch of theirs is either committed, and can be read, or will never be.

        Raises:
            BrokerError: the broker cannot be reached or refuses.
        """
        try:
            self._persist(lambda: self._producer.init_transactions(CALL_SECONDS))
        except KafkaException as error:
            raise self._explained(error, _NOTHING) from error

    def send(self, records: Sequence[Record]) -> None:
        """Sends all of the records, or none.

        Raises:
            FencedError: another process has taken over; none was sent.
            BrokerError: the broker went away or refuses a record. Whether they were sent may be unknown; the next
                process that takes over can find out.
        """
        self._refusals.clear()
        try:
            self._producer.begin_transaction()
            for record in records:
                self._produce(record)
            self._persist(lambda: self._producer.commit_transaction(CALL_SECONDS))
        except BaseException as error:
            with contextlib.suppress(KafkaException):
                self._producer.abort_transaction(CALL_SECONDS)
            if not isinstance(error, KafkaException):
                raise
            sure = bool(self._refusals) or error.args[0].txn_requires_abort()
            raise self._explained(error, _NOTHING if sure else _UNKNOWN) from error

    def _produce(self, record: Record) -> None:
        while True:
            try:
                self._producer.produce(
                    record.topic,
                    record.value,
                    record.key,
                    _BY_KEY if record.partition is None else record.partition,
                    self._delivered,
                    headers=record.headers,
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and error.code() not in _PURGED:
            self._refusals.append(f"a record for {message.topic()}-{message.partition()} was refused: {error.str()}")

    def _persist(self, call: Callable[[], object]) -> None:
        Retrying(
            retry=retry_if_exception(_may_pass),
            wait=wait_exponential(multiplier=0.1, max=2) + wait_random(0, 0.1),
            stop=stop_after_delay(GIVE_UP_SECONDS),
            reraise=True,
        )(call)

    def _explained(self, error: KafkaException, outcome: str) -> FencedError | BrokerError:
        cause: KafkaError = error.args[0]
        if cause.code() in _FENCED or "fenced" in cause.str().lower():  # a fatal error hides the code that led to it
            return FencedError(
                f"{self._name}: another replay or drop has begun and goes on in place of this one, which has stopped;"
                " what it had committed stays"
            )
        return BrokerError(
            f"{self._name}: {self._refusals[0] if self._refusals else told(cause, self._producer)}; {outcome}"
        )


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, KafkaException) and bool(error.args[0].retriable())


def _properties(settings: Settings, name: str) -> dict[str, str | int | float | bool | None]:
    return {
        "log_level": 0,  # what goes wrong comes as an error, and is said once
        **client_properties(settings),
        "client.id": "headwater-dead-letters",
        "transactional.id": f"headwater-{name}",
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        "message.timeout.ms": TRANSACTION_TIMEOUT_MS - 5_000,
        "compression.type": "lz4",
        "linger.ms": 5,
    }
