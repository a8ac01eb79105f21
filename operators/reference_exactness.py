"""How nearly an engine must come to the reference, and whether it does.

Counts, extremes and lists are exact. Sums, means and moments are within 1e-9 of the magnitudes that went into them:
that is what compensated sums promise, not what they usually do; what is less than the least normal double is
nothing. Sketches are held to bounds that a right one misses less than once in 10^9: 6.5 standard errors of a
HyperLogLog sketch, and of a KLL sketch a rank that is off by 3.5 % (its error is 1.33 % in 99 of 100 cases). A
frequent-items sketch keeps its bound always.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from headwater.operators.derived import derived
from headwater.operators.reference import ReferenceEvent, ReferenceRow
from headwater.operators.reference_aggregates import (
    NO_VARIANCE,
    Value,
    Valued,
    counted,
    decay,
    moment,
    number,
    numbers,
    ones_or_numbers,
    total,
    unit,
    values,
    vectors,
    weights,
)
from headwater.operators.reference_windows import events_in
from headwater.operators.stored_sketches import distinct_values, quantile_sketch
from headwater.schemas.aggregation import FREQUENT_TEXTS, KLL_K
from headwater.schemas.errors import FormatError
from headwater.schemas.plan import AggregateName, Feature, Plan

ROUNDING = 1e-9
HLL_STANDARD_ERRORS = 6.5
KLL_RANK_ERROR = 0.035
FREQUENT_ERROR = 3.5 / 1024

_SKETCH_FRACTIONS = (0.05, 0.25, 0.5, 0.75, 0.95)


class FeatureMismatch(NamedTuple):
    """A feature whose value is not what it must be."""

    feature: str
    expected: Value
    actual: Value

    def __str__(self) -> str:
        return f"{self.feature} is {self.actual!r} instead of {self.expected!r}"


def row_mismatch(
    plan: Plan, events: Iterable[ReferenceEvent], expected: ReferenceRow, actual: Mapping[str, Value]
) -> str:
    """The first of `feature_mismatches`, as a sentence; empty if there is none."""
    return str(next(feature_mismatches(plan, events, expected, actual), ""))


def feature_mismatches(
    plan: Plan, events: Iterable[ReferenceEvent], expected: ReferenceRow, actual: Mapping[str, Value]
) -> Iterator[FeatureMismatch]:
    """The features of a row that are not what the reference says, within what their aggregates promise.

    Ratios and differences are held to the inputs that stand in the row, which are held to the reference.

    Args:
        plan: the view's plan.
        events: all events that the row is made of, each as often as it counts.
        expected: the reference's row.
        actual: the row's values by feature name; maps may be lists of pairs, as Arrow gives them.
    """
    ordered = sorted(events, key=lambda event: event.order)
    for feature in plan.features:
        value = actual[feature.name]
        if feature.window is None:
            wanted: Value = derived(plan, feature, actual)
            is_right = wanted == value
        else:
            wanted = expected.values[feature.name]
            is_right = same_value(
                feature, wanted, value, events_in(plan, plan.windows[feature.window], ordered, expected.clock_us)
            )
        if not is_right:
            yield FeatureMismatch(feature.name, wanted, value)


def same_value(feature: Feature, expected: Value, actual: Value, events: Sequence[Valued]) -> bool:
    """Whether `actual` is `expected` within what the aggregate promises over these events, all of its window.

    For aggregates over a window; what is made of other features is for `row_mismatch`. A map may be a list of pairs.
    """
    events = counted(feature, events)
    check = _CHECKS.get(feature.aggregate)
    if feature.aggregate in _SKETCHES:
        return (
            actual is None
            if not events
            else isinstance(actual, bytes) and _SKETCHES[feature.aggregate](feature, actual, events)
        )
    if feature.type.startswith("map"):
        actual = _as_map(actual)
    if expected is None or actual is None or check is None or (feature.aggregate, feature.type) == ("sum", "long"):
        return expected == actual or _is_ambiguous(feature, events)
    return check(feature, expected, actual, events)


def _near(expected: Value, actual: Value, magnitude: float) -> bool:
    wanted, found = number(expected), number(actual)
    return wanted == found or abs(wanted - found) <= ROUNDING * magnitude + sys.float_info.min


def _sum(feature: Feature, expected: Value, actual: Value, events: Sequence[Valued]) -> bool:
    return _near(expected, actual, total(abs(each) for each in numbers(feature, events)))


def _mean(feature: Feature, expected: Value, actual: Value, events: Sequence[Valued]) -> bool:
    return _near(expected, actual, _mean_power(feature, events, 1))


def _variance(feature: Feature, expected: Value, actual: Value, events: Sequence[Valued]) -> bool:
    freedom = len(events) / (len(events) - 1) if feature.sample else 1.0
    return _near(expected, actual, freedom * _mean_power(feature, events, 2))


def _stddev(feature: Feature, expected: Value, actual: Value, events: Sequence[Valued]) -> bool:
    return _variance(feature, number(expected) ** 2, number(actual) ** 2, events)


def _skewness(feature: Feature, expected: Value, actual: Value, events: Sequence[Valued]) -> bool:
    scale = moment(feature, events, 2) ** 1.5
    magnitude = _mean_power(feature, events, 3)
    return math.isinf(magnitude) or _near(number(expected) * scale, number(actual) * scale, magnitude)


def _kurtosis(feature: Feature, expected: Value, actual: Value, events: Sequence[Valued]) -> bool:
    scale = moment(feature, events, 2) ** 2
    magnitude = _mean_power(feature, events, 4)
    return math.isinf(magnitude) or _near(number(expected) * scale, number(actual) * scale, magnitude)


def _is_ambiguous(feature: Feature, events: Sequence[Valued]) -> bool:
    """Whether the values differ so little, or are so great, that rounding decides if a higher moment is null."""
    if feature.aggregate not in ("skewness", "kurtosis") or not events:
        return False
    square, fourth = _mean_power(feature, events, 2), _mean_power(feature, events, 4)
    return math.isinf(fourth) or NO_VARIANCE / 10 < moment(feature, events, 2) / (square or 1) < NO_VARIANCE * 10


def _distinct(feature: Feature, expected: Value, actual: Value, events: Sequence[Valued]) -> bool:
    if len(set(values(feature, events))) <= (feature.limit or 0):
        return expected == actual
    return _is_estimate(feature, number(expected), number(actual))


def _is_estimate(feature: Feature, expected: float, actual: float) -> bool:
    error = HLL_STANDARD_ERRORS * 1.04 / math.sqrt(2 ** (feature.precision or 0))
    return abs(expected - actual) <= max(0.5, error * expected)


def _quantile(feature: Feature, expected: Value, actual: Value, events: Sequence[Valued]) -> bool:
    if len(events) <= KLL_K:
        return expected == actual
    return _has_rank(numbers(feature, events), number(actual), feature.fraction or 0.0)


def _has_rank(found: Sequence[float], value: float, fraction: float) -> bool:
    below = sum(float(each) < value for each in found) / len(found)
    up_to = sum(float(each) <= value for each in found) / len(found)
    return below < up_to and below - KLL_RANK_ERROR <= fraction <= up_to + KLL_RANK_ERROR


def _top_k(feature: Feature, expected: Value, actual: Value, events: Sequence[Valued]) -> bool:
    sums = weights(feature, events)
    if len(sums) <= FREQUENT_TEXTS:
        return expected == actual
    if not isinstance(actual, Mapping) or not set(actual) <= set(sums) or len(actual) != feature.limit:
        return False
    error = FREQUENT_ERROR * sums.total() / unit(feature)
    exact = {key: units / unit(feature) for key, units in sums.items()}
    least = min(number(weight) for weight in actual.values())
    return all(-ROUNDING <= number(actual[key]) - exact[key] <= error for key in actual) and all(
        exact[key] <= least + error for key in set(exact) - set(actual)
    )


def _decayed(feature: Feature, expected: Value, actual: Value, events: Sequence[Valued]) -> bool:
    newest_us = max((event.time_us for event in events), default=0)
    parts = zip(events, ones_or_numbers(feature, events), strict=True)
    return _near(expected, actual, total(abs(each) * decay(feature, newest_us, event) for event, each in parts))


def _vector(feature: Feature, expected: Value, actual: Value, events: Sequence[Valued]) -> bool:
    if not isinstance(expected, Sequence) or not isinstance(actual, Sequence) or len(expected) != len(actual):
        return False
    newest_us = max(event.time_us for event in events)
    decays = [decay(feature, newest_us, event) if feature.half_life_ms else 1.0 for event in events]
    divisor = 1.0 if feature.aggregate == "vector_sum" else total(decays)
    elements = zip(*vectors(feature, events), strict=True)
    magnitudes = [
        total(abs(each) * left for each, left in zip(found, decays, strict=True)) / divisor for found in elements
    ]
    return all(_near(*each) for each in zip(expected, actual, magnitudes, strict=True))


def _distinct_sketch(feature: Feature, actual: bytes, events: Sequence[Valued]) -> bool:
    try:
        return _is_estimate(feature, len(set(values(feature, events))), distinct_values(actual))
    except FormatError:
        return False


def _quantile_sketch(feature: Feature, actual: bytes, events: Sequence[Valued]) -> bool:
    try:
        sketch = quantile_sketch(actual)
    except FormatError:
        return False
    found = numbers(feature, events)
    return sketch.n == len(found) and all(
        _has_rank(found, sketch.get_quantile(fraction, True), fraction) for fraction in _SKETCH_FRACTIONS
    )


def _mean_power(feature: Feature, events: Sequence[Valued], power: int) -> float:
    try:
        return total(abs(float(each)) ** power for each in numbers(feature, events)) / len(events)
    except OverflowError:
        return math.inf


def _as_map(value: Value) -> Value:
    return dict(value) if isinstance(value, list) else value


_CHECKS: dict[AggregateName, Callable[[Feature, Value, Value, Sequence[Valued]], bool]] = {
    "sum": _sum,
    "mean": _mean,
    "variance": _variance,
    "stddev": _stddev,
    "skewness": _skewness,
    "kurtosis": _kurtosis,
    "distinct": _distinct,
    "quantile": _quantile,
    "top_k": _top_k,
    "decayed_count": _decayed,
    "decayed_sum": _decayed,
    "vector_sum": _vector,
    "vector_mean": _vector,
    "vector_decayed_mean": _vector,
}
_SKETCHES: dict[AggregateName, Callable[[Feature, bytes, Sequence[Valued]], bool]] = {
    "distinct_sketch": _distinct_sketch,
    "quantile_sketch": _quantile_sketch,
}
