"""The stream of a measurement: made once, given to the kernel as files and to the reference as events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from headwater.operators.reference import ReferenceEvent
from headwater.schemas.keys import EntityField, encode_key
from headwater.schemas.plan import Plan

Distribution = Literal["uniform", "Zipf 1.1"]

START_US = 1_700_000_000_000_000
ZIPF_EXPONENT = 1.1
CATEGORIES = 40
ITEMS = 2000
DIMENSIONS = 16
VECTORS = 500

ENTITY = (EntityField(name="user", type="string"),)

_FIELDS: dict[str, Any] = {
    "user": "string",
    "at": {"type": "long", "logicalType": "timestamp-micros"},
    "amount": "double",
    "quantity": "int",
    "category": "string",
    "item": "string",
    "vector": {"type": "array", "items": "double"},
}
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "BenchEvent",
    "fields": [{"name": name, "type": kind} for name, kind in _FIELDS.items()],
}
"""What an event is; every column of a measured view is one of these fields."""


@dataclass(frozen=True, slots=True)
class StreamShape:
    """How many events of how many keys, drawn how, at which rate of event time."""

    events: int
    keys: int
    per_second: int
    distribution: Distribution

    def text(self) -> str:
        return f"{self.events} events of {self.keys} keys, {self.distribution}, {self.per_second} a second"


class BenchStream:
    """Events in order of time, the same for the same shape."""

    def __init__(self, shape: StreamShape) -> None:
        self.shape = shape
        random = np.random.default_rng(17)
        size = shape.events
        self._keys = drawn(random, shape.keys, size, shape.distribution)
        self._numbers: dict[str, npt.NDArray[np.int64]] = {
            "amount": (random.integers(1, 40_000, size) * 0.25).view(np.int64),
            "quantity": random.integers(1, 10, size),
            "category": random.integers(0, CATEGORIES, size),
            "item": random.integers(0, ITEMS, size),
            "vector": random.integers(0, VECTORS, size),
        }
        vectors = random.integers(-1000, 1000, (VECTORS, DIMENSIONS)) / 64
        self._vocabularies: dict[str, list[Any]] = {
            "category": [f"category-{number:02d}" for number in range(CATEGORIES)],
            "item": [f"item-{number:06d}" for number in range(ITEMS)],
            "vector": [tuple(vector.tolist()) for vector in vectors],
        }

    @property
    def end_us(self) -> int:
        """When the event after the last one would be."""
        return self._time_us(self.shape.events)

    def write(self, directory: Path) -> dict[str, Any]:
        """Writes the arrays, and returns what tells the kernel's bench where they are."""
        keys = directory / "keys"
        keys.write_bytes(self._keys.astype("<i4").tobytes())
        columns = {}
        for name, numbers in self._numbers.items():
            file = directory / name
            file.write_bytes(numbers.astype("<i8").tobytes())
            columns[name] = {
                "file": str(file),
                "vocabulary": [_blob(value).hex() for value in self._vocabularies.get(name, ())],
            }
        return {
            "start_us": START_US,
            "per_second": self.shape.per_second,
            "events": self.shape.events,
            "keys": self.shape.keys,
            "key_file": str(keys),
            "columns": columns,
        }

    def events_by_key(self, plan: Plan) -> dict[bytes, list[ReferenceEvent]]:
        """The same events for the reference, by canonical key."""
        columns = [self._values(column.name) for column in plan.columns]
        values = list(zip(*columns, strict=True)) if columns else [()] * self.shape.events
        by_number: dict[int, list[ReferenceEvent]] = {}
        for number, key in enumerate(self._keys.tolist()):
            time_us = self._time_us(number)
            event = ReferenceEvent(time_us, values[number], time_us // 1000, offset=number)
            by_number.setdefault(key, []).append(event)
        return {encode_key(ENTITY, {"user": f"{number:010d}"}): events for number, events in by_number.items()}

    def _values(self, column: str) -> list[Any]:
        numbers = self._numbers[column]
        vocabulary = self._vocabularies.get(column)
        if vocabulary is not None:
            return [vocabulary[index] for index in numbers.tolist()]
        return list((numbers.view(np.float64) if column == "amount" else numbers).tolist())

    def _time_us(self, number: int) -> int:
        return START_US + number * 1_000_000 // self.shape.per_second


def slug(distribution: Distribution) -> str:
    """A word for it in the names of topics."""
    return distribution.split()[0].lower()


def drawn(random: np.random.Generator, keys: int, size: int, distribution: Distribution) -> npt.NDArray[np.int64]:
    """As many numbers of keys, from 0."""
    if distribution == "uniform":
        return random.integers(0, keys, size)
    weights = np.arange(1, keys + 1) ** -ZIPF_EXPONENT
    return random.choice(keys, size, p=weights / weights.sum())


def _blob(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else np.array(value, ">f8").tobytes()
