"""What a peer's program is told, and what it shares with the others. It runs in an environment without Headwater's
dependencies: nothing but the standard library is imported here, and fastavro to decode."""

from __future__ import annotations

import io
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

FRAME_BYTES = 5
COLUMNS = ("user", "window_seconds", "end_seconds", "count", "sum", "mean", "min", "max", "stddev")
"""Of a result, as text with commas between them. `end_seconds` is the window's end, in seconds since 1970."""

Event = tuple[str, int, float]
"""User, event time in microseconds, and amount."""


@dataclass(frozen=True)
class Task:
    """Windows of one topic, and where their results go.

    Attributes:
        events: how many there are to be read.
        schema: of the events, as JSON.
        windows_seconds: lengths of the windows, each of which ends at every whole `hop_seconds`.
        lateness_seconds: by how much an event is at most behind the newest that came before it.
        state_directory: for whatever a peer wants to keep.
    """

    bootstrap_servers: str
    registry_url: str
    topic: str
    results: str
    events: int
    schema: str
    windows_seconds: tuple[int, ...]
    hop_seconds: int
    lateness_seconds: int
    checkpoint_seconds: float
    state_directory: str

    @classmethod
    def read(cls) -> Task:
        """The task on standard input."""
        told = json.loads(sys.stdin.read())
        return cls(**{**told, "windows_seconds": tuple(told["windows_seconds"])})


class Stopwatch:
    """Runs from the first event to the end; what was imported and started before does not count."""

    def __init__(self, events: int) -> None:
        self._events = events
        self._began: tuple[float, float] | None = None
        self._came = 0

    def event(self) -> None:
        """Another event has come."""
        if self._began is None:
            self._began = time.monotonic(), _cpu_seconds()
        self._came += 1

    @property
    def has_all(self) -> bool:
        """Whether all events have come."""
        return self._came >= self._events

    def tell(self, idle_seconds: float = 0.0) -> None:
        """Writes the time, the CPU and the number of events to standard output, on a line of its own.

        Args:
            idle_seconds: for how long nothing was done at last but to wait whether more would come.
        """
        began, cpu = self._began or (time.monotonic(), _cpu_seconds())
        seconds = time.monotonic() - began - idle_seconds
        told = {"seconds": seconds, "cpu_seconds": _cpu_seconds() - cpu, "events": self._came}
        print(json.dumps(told), flush=True)


class Totals:
    """The six aggregates of some events."""

    __slots__ = ("count", "greatest", "least", "squares", "total")

    def __init__(self) -> None:
        self.count, self.total, self.squares = 0, 0.0, 0.0
        self.least, self.greatest = float("inf"), float("-inf")

    def add(self, amount: float) -> None:
        """Takes in an event."""
        self.count += 1
        self.total += amount
        self.squares += amount * amount
        self.least = min(self.least, amount)
        self.greatest = max(self.greatest, amount)

    def merge(self, other: Totals) -> None:
        """Takes in the events of another."""
        self.count += other.count
        self.total += other.total
        self.squares += other.squares
        self.least = min(self.least, other.least)
        self.greatest = max(self.greatest, other.greatest)

    def result(self, user: str, window_seconds: int, end_seconds: int) -> str:
        """The result of a window that holds these events."""
        numbers = self.count, self.total, self.squares, self.least, self.greatest
        return result(user, window_seconds, end_seconds, numbers)


def result(user: str, window_seconds: int, end_seconds: int, numbers: tuple[int, float, float, float, float]) -> str:
    """A result; the numbers are count, sum, sum of squares, least and greatest."""
    count, total, squares, least, greatest = numbers
    mean = total / count
    stddev = sqrt(max(0.0, squares / count - mean * mean))
    return f"{user},{window_seconds},{end_seconds},{count},{total!r},{mean!r},{least!r},{greatest!r},{stddev!r}"


def decoder(task: Task) -> Callable[[bytes], Event]:
    """Decodes an event from Confluent's framing and Avro, by fastavro's compiled code."""
    from fastavro import parse_schema, schemaless_reader

    fields: Any = json.loads(task.schema)
    for field in fields["fields"]:  # times stay whole numbers: a datetime for each event would cost more
        if isinstance(field["type"], dict):
            field["type"].pop("logicalType", None)
    schema = parse_schema(fields)

    def decode(value: bytes) -> Event:
        event: Any = schemaless_reader(io.BytesIO(value[FRAME_BYTES:]), schema, None)
        return event["user"], event["at"], event["amount"]

    return decode


def _cpu_seconds() -> float:
    used = os.times()
    return used.user + used.system + used.children_user + used.children_system
