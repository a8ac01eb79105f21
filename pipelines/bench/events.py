"""The events that jobs are measured with: about 100 bytes of Avro each, drawn from a seed, preloaded into a topic.

The bytes of all events have the same shape, so that numpy can write millions of them at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from confluent_kafka import Producer

from headwater.operators.reference import ReferenceEvent
from headwater.pipelines.bench.stream import ENTITY, Distribution, drawn
from headwater.schemas.errors import BrokerError
from headwater.schemas.keys import encode_key

PARTITIONS = 4
IDLE_PARTITION = 3
OUT_OF_ORDER, OUT_OF_ORDER_US = 0.05, 2_000_000
LATE, LATE_US = 0.01, (30_000_000, 90_000_000)
SEED = 29
BATCH = 50_000

SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "BenchPurchase",
    "namespace": "headwater.bench",
    "fields": [
        {"name": "user", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "amount", "type": "double"},
        {"name": "quantity", "type": "int"},
        {"name": "category", "type": "string"},
        {"name": "item", "type": "string"},
        {"name": "merchant", "type": "string"},
        {"name": "session", "type": "string"},
    ],
}

_Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class EventShape:
    """How many events of how many keys, drawn how, at which rate of event time."""

    events: int
    keys: int
    per_second: int
    distribution: Distribution

    def text(self) -> str:
        return (
            f"{self.events:,} events of {self.keys:,} keys, {self.distribution}, {self.per_second:,} for each second of"
            f" event time, {OUT_OF_ORDER:.0%} up to {OUT_OF_ORDER_US // 1_000_000} s out of order,"
            f" {LATE:.0%} {LATE_US[0] // 1_000_000} to {LATE_US[1] // 1_000_000} s late,"
            f" {PARTITIONS} partitions of which one is idle"
        )


class Destination(NamedTuple):
    """Where the events go."""

    bootstrap_servers: str
    topic: str
    schema_id: int


class BenchEvents:
    """Events in the order in which they arrive; the same for the same shape and end.

    Args:
        end_us: when the last event happens, a whole number of seconds; none may be later than its arrival.
    """

    def __init__(self, shape: EventShape, end_us: int) -> None:
        self.shape = shape
        random = np.random.default_rng(SEED)
        size = shape.events
        times = end_us - (size - 1 - np.arange(size, dtype=np.int64)) * 1_000_000 // shape.per_second
        arrival = np.argsort(times + _delays_us(random, size), kind="stable")
        self.times_us: npt.NDArray[np.int64] = times[arrival]
        self.keys: npt.NDArray[np.int64] = drawn(random, shape.keys, size, shape.distribution)
        self.amounts: npt.NDArray[np.float64] = random.integers(1, 40_000, size) * 0.25
        self._quantities = random.integers(1, 10, size)
        self._categories = random.integers(0, 40, size)
        self._items = random.integers(0, 1_000_000, size)
        self._merchants = random.integers(0, 10_000, size)
        self._sessions = random.integers(0, 10**16, size)

    def values(self, schema_id: int, start: int, end: int) -> list[bytes]:
        """The events from `start` to before `end`, as framed Avro."""
        rows = slice(start, end)
        count = len(self.times_us[rows])
        columns = [
            np.broadcast_to(np.frombuffer(b"\0" + schema_id.to_bytes(4, "big"), np.uint8), (count, 5)),
            _text(b"", self.keys[rows], 10),
            _varint(self.times_us[rows] * 2),
            self.amounts[rows].astype("<f8").view(np.uint8).reshape(count, 8),
            (self._quantities[rows] * 2).astype(np.uint8).reshape(count, 1),
            _text(b"category-", self._categories[rows], 2),
            _text(b"item-", self._items[rows], 6),
            _text(b"merchant-", self._merchants[rows], 6),
            _text(b"session-", self._sessions[rows], 16),
        ]
        rows_of_bytes = np.ascontiguousarray(np.concatenate(columns, axis=1))
        width = rows_of_bytes.shape[1]
        data = rows_of_bytes.tobytes()
        return [data[at : at + width] for at in range(0, len(data), width)]

    def events_by_key(self) -> Iterator[tuple[bytes, list[ReferenceEvent]]]:
        """The events for the reference, by canonical key. Their one column is the amount, if a view has it."""
        order = np.argsort(self.keys, kind="stable")
        bounds = np.flatnonzero(np.diff(self.keys[order], prepend=-1, append=-1))
        for start, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            numbers = order[start:end]
            times, amounts = self.times_us[numbers].tolist(), self.amounts[numbers].tolist()
            key = encode_key(ENTITY, {"user": f"{self.keys[numbers[0]]:010d}"})
            yield (
                key,
                [
                    ReferenceEvent(time_us, (amount,), offset=number)
                    for time_us, amount, number in zip(times, amounts, numbers.tolist(), strict=True)
                ],
            )


def preload(
    events: BenchEvents,
    destination: Destination,
    progress: Callable[[int], None],
    *,
    start: int = 0,
    end: int | None = None,
    keyed: bool = False,
) -> None:
    """Writes the events from `start` to before `end`; those of a key to one partition, and none to the idle one.

    Args:
        keyed: whether each has its user as Kafka key, which Headwater does not need, but others do.

    Raises:
        BrokerError: the broker did not take all of them.
    """
    topic = destination.topic
    producer = Producer(
        {"bootstrap.servers": destination.bootstrap_servers, "linger.ms": 50, "queue.buffering.max.messages": 1_000_000}
    )
    end = events.shape.events if end is None else end
    for first in range(start, end, BATCH):
        after = min(first + BATCH, end)
        values = events.values(destination.schema_id, first, after)
        users = events.keys[first:after]
        for partition in range(PARTITIONS - 1):
            chosen = np.flatnonzero(users % (PARTITIONS - 1) == partition).tolist()
            messages = [
                {"value": values[number], **({"key": b"%010d" % users[number]} if keyed else {})} for number in chosen
            ]
            if producer.produce_batch(topic, messages, partition=partition) != len(messages):
                raise BrokerError(f"{topic}: the producer's queue is full")
        if producer.flush(60) > 0:
            raise BrokerError(f"{topic}: the broker does not take the events")
        progress(after)


def _delays_us(random: np.random.Generator, size: int) -> npt.NDArray[np.int64]:
    fate = random.random(size)
    delays = np.zeros(size, dtype=np.int64)
    out_of_order, late = fate < OUT_OF_ORDER, fate > 1 - LATE
    delays[out_of_order] = random.integers(1, OUT_OF_ORDER_US, np.count_nonzero(out_of_order))
    delays[late] = random.integers(*LATE_US, np.count_nonzero(late))
    return delays


def _text(prefix: bytes, numbers: npt.NDArray[np.int64], digits: int) -> _Bytes:
    """Avro strings of a prefix and so many digits."""
    places = 10 ** np.arange(digits - 1, -1, -1, dtype=np.int64)
    figures = (numbers[:, None] // places % 10 + ord("0")).astype(np.uint8)
    head = np.frombuffer(bytes([2 * (len(prefix) + digits)]) + prefix, np.uint8)
    return np.concatenate([np.broadcast_to(head, (len(numbers), len(head))), figures], axis=1)


def _varint(numbers: npt.NDArray[np.int64]) -> _Bytes:
    """Variable-length integers of eight bytes, which times in microseconds are from 1987 to 2512."""
    shifts = np.arange(0, 56, 7, dtype=np.int64)
    septets = (numbers[:, None] >> shifts & 0x7F).astype(np.uint8)
    septets[:, :-1] |= 0x80
    return septets
