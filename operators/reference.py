"""What the values mean, written so plainly that it can only be right.

It keeps every event, filters and aggregates. It is the specification that the kernel is held to and
the oracle of every comparison, so it shares no window code with the kernel and takes no short cut
that would need an argument. Times are microseconds since the epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from headwater.schemas.plan import AggregateName, Feature, Plan, Window

Value = int | float | str | bytes | bool | None


@dataclass(frozen=True, slots=True)
class ReferenceEvent:
    """One valid event of one key; `values` holds one value per column of the plan."""

    time_us: int
    values: tuple[Value, ...]
    ingested_at_ms: int = 0
    source: int = 0
    partition: int = 0
    offset: int = 0

    @property
    def order(self) -> tuple[int, int, int, int]:
        """Where the event stands among the events of its key."""
        return (self.time_us, self.source, self.partition, self.offset)


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """The row of a key: its version (generation, clock, n), values by feature name, and changes by window name."""

    generation: int
    clock_us: int
    n: int
    values: dict[str, Value]
    event_time_us: int
    ingested_at_ms: int
    next_change_us: dict[str, int | None]
    empty_at_us: dict[str, int | None]


def reference_row(plan: Plan, events: Iterable[ReferenceEvent], watermark_us: int | None = None) -> ReferenceRow:
    """The row of a key with these events, once the watermark has passed `watermark_us` (None: it never moved).

    Raises:
        ValueError: there is no event, hence no row.
    """
    events = list(events)
    return row_at(plan, events, clock_of(plan, events, watermark_us))


def row_at(plan: Plan, events: Iterable[ReferenceEvent], clock_us: int) -> ReferenceRow:
    """The row of a key with these events when its clock stands at `clock_us`.

    Raises:
        ValueError: there is no event, or one is later than the clock.
    """
    events = sorted(events, key=lambda event: event.order)
    if not events or events[-1].time_us > clock_us:
        raise ValueError("a row needs events, and a clock that is not before them")
    inside = [events_in(window, events, clock_us) for window in plan.windows]
    ticks = [[tick(event, window) for event in held] for window, held in zip(plan.windows, inside, strict=True)]
    names = [window.name for window in plan.windows]
    return ReferenceRow(
        generation=plan.generation,
        clock_us=clock_us,
        n=sum(event.time_us >= reach(plan, clock_us) for event in events),
        values={feature.name: value_of(feature, inside[feature.window]) for feature in plan.features},
        event_time_us=events[-1].time_us,
        ingested_at_ms=max(event.ingested_at_ms for event in events),
        next_change_us={name: min(held, default=None) for name, held in zip(names, ticks, strict=True)},
        empty_at_us={name: max(held, default=None) for name, held in zip(names, ticks, strict=True)},
    )


def clock_of(plan: Plan, events: Sequence[ReferenceEvent], watermark_us: int | None) -> int:
    """The larger of the greatest event time and the latest tick that the watermark has passed.

    Raises:
        ValueError: there is no event.
    """
    clock = max(event.time_us for event in events)
    if watermark_us is None:
        return clock
    passed = (tick(event, window) for event in events for window in plan.windows)
    return max(clock, max((each for each in passed if each <= watermark_us), default=clock))


def start(window: Window, clock_us: int) -> int:
    """The first event time inside the window at this clock."""
    length, resolution = window.length_ms * 1000, window.resolution_ms * 1000
    return (clock_us - length) // resolution * resolution


def tick(event: ReferenceEvent, window: Window) -> int:
    """The first clock at which the event has left the window."""
    length, resolution = window.length_ms * 1000, window.resolution_ms * 1000
    return (event.time_us // resolution + 1) * resolution + length


def reach(plan: Plan, clock_us: int) -> int:
    """The earliest event time that any window holds at this clock; older events matter to nothing."""
    return min(start(window, clock_us) for window in plan.windows)


def events_in(window: Window, events: Iterable[ReferenceEvent], clock_us: int) -> list[ReferenceEvent]:
    """The events that the window holds at this clock, in their order."""
    return [event for event in events if start(window, clock_us) <= event.time_us <= clock_us]


def value_of(feature: Feature, events: Sequence[ReferenceEvent]) -> Value:
    """The feature's value over these events, which are in their order."""
    if feature.column is None:
        return len(events)
    values = [event.values[feature.column] for event in events if event.values[feature.column] is not None]
    if feature.aggregate == "count":
        return len(values)
    if feature.aggregate == "sum" and not values:
        return 0
    if not values:
        return None
    if feature.aggregate == "sum" and feature.type == "long":
        return sum(_whole(value) for value in values)
    return _AGGREGATES[feature.aggregate](values)


def same_value(feature: Feature, expected: Value, actual: Value, events: Sequence[ReferenceEvent]) -> bool:
    """Whether `actual` is `expected` within what the aggregate promises over these events.

    Sums, means and variances are within 1e-9 of the sum (or mean) of the magnitudes that went into them.
    """
    if not isinstance(expected, int | float) or not isinstance(actual, int | float) or isinstance(expected, bool):
        return expected == actual
    if feature.column is None or feature.type == "long" or feature.aggregate in ("min", "max", "first", "last"):
        return expected == actual
    numbers = [_number(event.values[feature.column]) for event in events if event.values[feature.column] is not None]
    count = max(1, len(numbers))
    if feature.aggregate == "stddev":
        return abs(expected * expected - actual * actual) <= 1e-9 * _sum(number * number for number in numbers) / count
    magnitude = _sum(abs(number) for number in numbers)
    return abs(expected - actual) <= 1e-9 * (magnitude if feature.aggregate == "sum" else magnitude / count)


def _sum(values: Iterable[float]) -> float:
    """The sum; infinite where it is greater than any double."""
    try:
        return math.fsum(values)
    except OverflowError:
        return math.inf


def _mean(values: Sequence[Value]) -> float:
    return _sum(map(_number, values)) / len(values)


def _stddev(values: Sequence[Value]) -> float:
    mean = _mean(values)
    return math.sqrt(_sum((_number(value) - mean) * (_number(value) - mean) for value in values) / len(values))


_AGGREGATES: dict[AggregateName, Callable[[Sequence[Value]], Value]] = {
    "sum": lambda values: _sum(map(_number, values)),
    "mean": _mean,
    "min": lambda values: min(values, key=_number),
    "max": lambda values: max(values, key=_number),
    "stddev": _stddev,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}


def _number(value: Value) -> float:
    if isinstance(value, int | float):
        return value
    raise TypeError(f"{value!r} is not a number")


def _whole(value: Value) -> int:
    if isinstance(value, int):
        return value
    raise TypeError(f"{value!r} is not a whole number")
