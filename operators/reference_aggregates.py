"""What each aggregate is over the events that a window holds."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from headwater.schemas.aggregation import OTHER_CATEGORIES
from headwater.schemas.plan import AggregateName, Feature

Item = int | float | str | bytes | bool
Value = Item | Sequence[Item] | Mapping[str, Item] | None
"""A value of an event, or of a feature. A vector of an event is a sequence of floats."""

GREATEST_WEIGHT = 10**12
NO_VARIANCE = 1e-12
"""A variance that is no greater part of the mean square than this is not told from none."""


class Valued(Protocol):
    """An event; `values` holds one value per column of the plan."""

    @property
    def time_us(self) -> int: ...

    @property
    def values(self) -> tuple[Value, ...]: ...


def value_of(feature: Feature, events: Sequence[Valued], clock_us: int) -> Value:
    """The feature's value at this clock over these events, which are in their order.

    Sketches are bytes that no reference can foretell: of them it is None. `reference_exactness` looks inside.
    """
    events = counted(feature, events)
    if feature.aggregate == "count":
        return len(events)
    if feature.aggregate in ("decayed_count", "decayed_sum"):
        return total(
            number * decay(feature, clock_us, event)
            for event, number in zip(events, ones_or_numbers(feature, events), strict=True)
        )
    if feature.aggregate == "distinct":
        return len(set(values(feature, events)))
    if feature.aggregate == "sum":
        return total_of(feature, events)
    if not events or feature.aggregate in ("distinct_sketch", "quantile_sketch"):
        return None
    return _AGGREGATES[feature.aggregate](feature, events)


def counted(feature: Feature, events: Sequence[Valued]) -> list[Valued]:
    """Those of the events that the feature aggregates: its filter is true, and its column is not null."""
    return [
        event
        for event in events
        if (feature.filter is None or event.values[feature.filter] is True)
        and (feature.column is None or event.values[feature.column] is not None)
    ]


def values(feature: Feature, events: Iterable[Valued]) -> list[Item]:
    """What stands in the feature's column."""
    return [item(event.values[column(feature)]) for event in events]


def numbers(feature: Feature, events: Iterable[Valued]) -> list[float]:
    """The numbers in the feature's column."""
    return [number(value) for value in values(feature, events)]


def ones_or_numbers(feature: Feature, events: Sequence[Valued]) -> list[float]:
    """The numbers in the feature's column, or, if it has none, a one for each event."""
    return [1.0] * len(events) if feature.column is None else numbers(feature, events)


def vectors(feature: Feature, events: Iterable[Valued]) -> list[Sequence[float]]:
    """The vectors in the feature's column."""
    found = [event.values[column(feature)] for event in events]
    return [[number(element) for element in each] for each in found if isinstance(each, Sequence)]


def decay(feature: Feature, clock_us: int, event: Valued) -> float:
    """What part of an event is left at the clock."""
    return float(2.0 ** ((event.time_us - clock_us) / (1000 * (feature.half_life_ms or 1))))


def weights(feature: Feature, events: Iterable[Valued]) -> Counter[str]:
    """The sum of the weights of each text, in whole units; what has no positive weight is not there."""
    sums: Counter[str] = Counter()
    for event in events:
        units = weight_units(feature, event)
        if units > 0:
            sums[text(item(event.values[column(feature)]))] += units
    return sums


def unit(feature: Feature) -> float | int:
    """How many units make a weight of 1."""
    return 1 if feature.weight_scale is None else 10.0**feature.weight_scale


def total(terms: Iterable[float]) -> float:
    """The sum; infinite where it is greater than any double."""
    try:
        return math.fsum(terms)
    except OverflowError:
        return math.inf


def text(value: Item) -> str:
    """The text that stands for a value where values are keys."""
    if isinstance(value, bytes):
        return value.hex()
    return str(value).lower() if isinstance(value, bool) else str(value)


def hash_of(key: str) -> int:
    """The unsigned 64-bit hash by which categories are chosen: FNV-1a, its bits mixed by the end of MurmurHash3."""
    mask = 2**64 - 1
    hashed = 0xCBF29CE484222325
    for byte in key.encode():
        hashed = (hashed ^ byte) * 0x100000001B3 & mask
    hashed = (hashed ^ hashed >> 33) * 0xFF51AFD7ED558CCD & mask
    hashed = (hashed ^ hashed >> 33) * 0xC4CEB9FE1A85EC53 & mask
    return hashed ^ hashed >> 33


def column(feature: Feature) -> int:
    """The feature's column, which it has."""
    if feature.column is None:
        raise TypeError(f"{feature.name} has no column")
    return feature.column


def item(value: Value) -> Item:
    """The value, which is a single one."""
    if isinstance(value, int | float | str | bytes):
        return value
    raise TypeError(f"{value!r} is not a single value")


def number(value: Value) -> float:
    """The value, which is a number."""
    if isinstance(value, int | float):
        return value
    raise TypeError(f"{value!r} is not a number")


def weight_units(feature: Feature, event: Valued) -> int:
    """An event's weight in whole units; one that is null is none."""
    if feature.weight is None:
        return 1
    weight = event.values[feature.weight]
    return 0 if weight is None else round(min(number(weight) * unit(feature), GREATEST_WEIGHT))


def total_of(feature: Feature, events: Sequence[Valued]) -> float:
    """The sum of the column: exact if it is a long."""
    if feature.type == "long":
        return sum(value for value in values(feature, events) if isinstance(value, int))
    return total(numbers(feature, events))


def moment(feature: Feature, events: Sequence[Valued], power: int) -> float:
    """The mean of the deviations from the mean to a power; infinite where that is greater than any double."""
    found = numbers(feature, events)
    mean = total(found) / len(found)
    try:
        return total((each - mean) ** power for each in found) / len(found)
    except OverflowError:
        return math.inf


def _variance(feature: Feature, events: Sequence[Valued]) -> float | None:
    free = len(events) - 1 if feature.sample else len(events)
    return moment(feature, events, 2) * len(events) / free if free else None


def _stddev(feature: Feature, events: Sequence[Valued]) -> float | None:
    variance = _variance(feature, events)
    return None if variance is None else math.sqrt(variance)


def _standardized(feature: Feature, events: Sequence[Valued], power: int) -> float | None:
    variance = moment(feature, events, 2)
    mean = total(numbers(feature, events)) / len(events)
    if not variance > NO_VARIANCE * (variance + mean * mean):
        return None
    standardized = moment(feature, events, power) / variance ** (power / 2)
    return standardized if math.isfinite(standardized) else None


def _kurtosis(feature: Feature, events: Sequence[Valued]) -> float | None:
    standardized = _standardized(feature, events, 4)
    return None if standardized is None else standardized - 3


def _last_distinct(feature: Feature, events: Sequence[Valued]) -> Value:
    found = values(feature, events)
    last = [value for place, value in enumerate(found) if value not in found[place + 1 :]]
    return last[-(feature.limit or 1) :]


def _quantile(feature: Feature, events: Sequence[Valued]) -> float:
    found = sorted(float(each) for each in numbers(feature, events))
    return found[max(0, math.ceil((feature.fraction or 0) * len(found)) - 1)]


def _top_k(feature: Feature, events: Sequence[Valued]) -> Value:
    heaviest = sorted(weights(feature, events).items(), key=lambda entry: (-entry[1], entry[0].encode()))
    in_units = feature.type == "map<long>"
    top = {key: units if in_units else units / unit(feature) for key, units in heaviest[: feature.limit]}
    return top or None


def _counts(feature: Feature, events: Sequence[Valued]) -> Value:
    counts = Counter(text(value) for value in values(feature, events))
    others = counts.pop(OTHER_CATEGORIES, 0)
    kept = sorted(counts, key=lambda key: (hash_of(key), key.encode()))[: feature.limit]
    others += counts.total() - sum(counts[key] for key in kept)
    return {key: counts[key] for key in kept} | ({OTHER_CATEGORIES: others} if others else {})


def _vector_sum(feature: Feature, events: Sequence[Valued]) -> Value:
    return [total(elements) for elements in zip(*vectors(feature, events), strict=True)]


def _vector_mean(feature: Feature, events: Sequence[Valued]) -> Value:
    return [total(elements) / len(events) for elements in zip(*vectors(feature, events), strict=True)]


def _vector_decayed_mean(feature: Feature, events: Sequence[Valued]) -> Value:
    decays = [decay(feature, events[-1].time_us, event) for event in events]
    return [
        total(each * left for each, left in zip(elements, decays, strict=True)) / total(decays)
        for elements in zip(*vectors(feature, events), strict=True)
    ]


_AGGREGATES: dict[AggregateName, Callable[[Feature, Sequence[Valued]], Value]] = {
    "mean": lambda feature, events: total(numbers(feature, events)) / len(events),
    "min": lambda feature, events: min(values(feature, events), key=number),
    "max": lambda feature, events: max(values(feature, events), key=number),
    "variance": _variance,
    "stddev": _stddev,
    "skewness": lambda feature, events: _standardized(feature, events, 3),
    "kurtosis": _kurtosis,
    "first": lambda feature, events: values(feature, events)[0],
    "last": lambda feature, events: values(feature, events)[-1],
    "first_n": lambda feature, events: values(feature, events)[: feature.limit],
    "last_n": lambda feature, events: values(feature, events)[-(feature.limit or 1) :],
    "last_n_distinct": _last_distinct,
    "quantile": _quantile,
    "top_k": _top_k,
    "counts": _counts,
    "vector_sum": _vector_sum,
    "vector_mean": _vector_mean,
    "vector_decayed_mean": _vector_decayed_mean,
}
