"""What each aggregate is over the events that a window holds, and how nearly an engine must come to it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from headwater.schemas.plan import AggregateName, Feature

Value = int | float | str | bytes | bool | None


class Valued(Protocol):
    """An event; `values` holds one value per column of the plan."""

    @property
    def values(self) -> tuple[Value, ...]: ...


def value_of(feature: Feature, events: Sequence[Valued]) -> Value:
    """The feature's value over these events, which are in their order."""
    if feature.filter is not None:
        events = [event for event in events if event.values[feature.filter] is True]
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


def same_value(feature: Feature, expected: Value, actual: Value, events: Sequence[Valued]) -> bool:
    """Whether `actual` is `expected` within what the aggregate promises over these events.

    Sums, means and variances are within 1e-9 of the sum (or mean) of the magnitudes that went into them.
    """
    if not isinstance(expected, int | float) or not isinstance(actual, int | float) or isinstance(expected, bool):
        return expected == actual
    if feature.column is None or feature.type == "long" or feature.aggregate in ("min", "max", "first", "last"):
        return expected == actual
    if feature.filter is not None:
        events = [event for event in events if event.values[feature.filter] is True]
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
