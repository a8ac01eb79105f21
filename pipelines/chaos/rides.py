"""The events of the suite: a seeded stream of rides, with copies, stragglers and every kind of record that is none."""

from __future__ import annotations

import heapq
import io
import json
import random
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import resources
from itertools import count
from typing import Any

from fastavro import parse_schema, schemaless_writer

from headwater.schemas.dead_letter import Reason

TOPIC = "chaos.rides"
SUBJECT = f"{TOPIC}-value"
WRONG_SUBJECT = "chaos.wrong-value"
UNKNOWN_SCHEMA_ID = 987_654_321
CITIES = 3
POISON_EVERY = 61
"""So many records there are from one that is no event to the next."""

SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
OLD_US = 3 * HOUR_US
"""Older than every window of the view, whatever the clock of the key."""

FUTURE_SHARE, OLD_SHARE, LATE_SHARE, COPIED_SHARE, NULL_SHARE = 0.001, 0.01, 0.05, 0.05, 0.1
STRAGGLE_SECONDS = 2.0
SHUFFLED_WITHIN_SECONDS = 600.0
MOST_RECORDS_BETWEEN_COPIES = 400

# Every field of a ride, none of which has the type that the view's schema can read it as.
WRONG_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Ride",
    "namespace": "chaos",
    "fields": [
        {"name": "ride", "type": "long"},
        {"name": "ended", "type": "string"},
    ],
}

_FRAME = struct.Struct(">bI")


@dataclass(frozen=True, slots=True)
class Record:
    """A record to be sent; `poison` says for what it must be rejected, if it is sure to be."""

    key: bytes
    value: bytes | None
    poison: Reason | None = None


@dataclass(order=True, slots=True)
class _Copy:
    due: int
    number: int
    record: Record = field(compare=False)


class Rides:
    """The records of one seed, in the order in which they are sent.

    All that is drawn depends on the seed alone: whatever happens meanwhile, the n-th record of a seed is the same but
    for the instant from which its event time counts back.
    """

    def __init__(self, seed: int, drivers: int, schema_ids: Mapping[str, int]) -> None:
        """
        Args:
            seed: decides which records there are.
            drivers: how many keys there are is this times CITIES.
            schema_ids: ids that the registry gave to the schemas `v1`, `v2` and `wrong`.
        """
        self._random = random.Random(seed)  # noqa: S311 - a stream that can be had again, no secret
        self._drivers = drivers
        self._frames = {version: _FRAME.pack(0, schema_id) for version, schema_id in schema_ids.items()}
        self._schemas = {version: parse_schema(schema_of(version)) for version in ("v1", "v2")}
        self._copies: list[_Copy] = []
        self._numbers = count()
        self._poisons = count()
        self.version = "v1"
        self.is_shuffled = False

    def next(self, now_us: int) -> Record:
        """The next record, if it is sent now; microseconds since the epoch."""
        number = next(self._numbers)
        if self._copies and self._copies[0].due <= number:
            return heapq.heappop(self._copies).record
        if number % POISON_EVERY == POISON_EVERY - 1:
            return self._poison(number, now_us)
        record = self._ride(number, now_us - self._lag_us())
        if self._random.random() < COPIED_SHARE:
            due = number + self._random.randrange(1, MOST_RECORDS_BETWEEN_COPIES)
            heapq.heappush(self._copies, _Copy(due, number, record))
        return record

    def _lag_us(self) -> int:
        chance = self._random.random()
        if chance < FUTURE_SHARE:
            return -HOUR_US
        if chance < FUTURE_SHARE + OLD_SHARE:
            return OLD_US + self._random.randrange(24 * HOUR_US)
        if chance < FUTURE_SHARE + OLD_SHARE + LATE_SHARE:
            return self._random.randrange(HOUR_US)
        straggles = self._random.expovariate(1 / STRAGGLE_SECONDS)
        return int((chance * SHUFFLED_WITHIN_SECONDS if self.is_shuffled else straggles) * SECOND_US)

    def _ride(self, number: int, ended: int, **given: Any) -> Record:
        chance = self._random
        ride: dict[str, Any] = {
            "ride": number,
            "driver": f"driver-{chance.randrange(self._drivers)}",
            "city": {"id": chance.randrange(CITIES)},
            "ended": ended,
            "fare": None if chance.random() < NULL_SHARE else round(chance.uniform(-5, 90), 2),
            "stops": chance.randrange(6),
            "passenger": f"passenger-{chance.randrange(500)}",
            "tariff": chance.choice(["DAY", "NIGHT", "NIGHT", "TEST"]),
            "tip": None if chance.random() < NULL_SHARE else round(chance.uniform(0, 9), 2),
            **given,
        }
        buffer = io.BytesIO()
        buffer.write(self._frames[self.version])
        schemaless_writer(buffer, self._schemas[self.version], ride)
        return Record((ride["driver"] or "").encode()[:64], buffer.getvalue())

    def _poison(self, number: int, now_us: int) -> Record:
        makers = list(self._poison_kinds(number, now_us))
        value, reason = makers[next(self._poisons) % len(makers)]
        return Record(b"poison-%d" % number, value, reason)

    def _poison_kinds(self, number: int, now_us: int) -> Iterator[tuple[bytes | None, Reason]]:
        def ride(ended: int = now_us, **given: Any) -> bytes:
            return self._ride(number, ended, tariff="DAY", **given).value or b""

        good = ride()
        yield None, Reason.NULL_VALUE
        yield b"", Reason.BAD_MAGIC
        yield b'{"ride": 1}', Reason.BAD_MAGIC
        yield good[:4], Reason.TRUNCATED
        yield good[:-3], Reason.TRUNCATED
        yield good + b"!", Reason.TRAILING_BYTES
        yield _FRAME.pack(0, UNKNOWN_SCHEMA_ID) + good[_FRAME.size :], Reason.UNKNOWN_SCHEMA
        yield self._frames["wrong"] + b"\x02\x04no", Reason.SCHEMA_INCOMPATIBLE
        yield self._frames["v1"] + b"\x02\x02" + b"\xff" * 9 + b"\x01", Reason.MALFORMED
        yield ride(driver=None), Reason.MISSING_KEY
        yield ride(driver=""), Reason.MISSING_KEY
        yield ride(driver="d" * 70_000), Reason.KEY_TOO_LONG
        yield ride(ended=-1), Reason.EVENT_TIME_OUT_OF_RANGE
        yield ride(ended=now_us + HOUR_US), Reason.FUTURE_EVENT
        yield ride(fare=float("nan")), Reason.NOT_FINITE
        yield ride(fare=float("-inf")), Reason.NOT_FINITE
        yield b"x" * 900_000, Reason.BAD_MAGIC


def schema_of(version: str) -> dict[str, Any]:
    """The schema of rides of a version, `v1` or `v2`."""
    file = resources.files(__package__).joinpath("subjects", SUBJECT, f"{version}.avsc")
    schema: dict[str, Any] = json.loads(file.read_text())
    return schema


def entities(drivers: int) -> list[dict[str, Any]]:
    """The keys of so many drivers."""
    return [{"driver": f"driver-{driver}", "city_id": city} for driver in range(drivers) for city in range(CITIES)]
