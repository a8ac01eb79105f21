"""Whether two rows of one version say the same, where the events that they are made of are not at hand.

Both are made of one set of events, so each is as near to the truth as its aggregate promises
(`reference_exactness`), and the two are twice as near to each other. What that promise is measured by is not in a row,
so something stands for it here:

* Sums and means: 1e-9 of the greater of the two values and of 1. Moments, whose promise is measured by powers of the
  values: 1e-6. An engine's sums are compensated, so two attempts differ by far less, unless great values cancel.
* Numbers of distinct values: twice the sketch's error. Sketches by what they estimate.
* Quantiles and most frequent values behind a sketch have no bound that could be told from two rows: where they differ,
  it is undecided.

All others are exact.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

from headwater.operators.derived import derived
from headwater.operators.reference_exactness import HLL_STANDARD_ERRORS, KLL_RANK_ERROR, ROUNDING
from headwater.operators.stored_sketches import distinct_values, quantile_sketch
from headwater.schemas.aggregation import FREQUENT_TEXTS, KLL_K
from headwater.schemas.errors import FormatError, PrerequisiteError
from headwater.schemas.plan import AggregateName, Feature, Plan

MOMENT_ROUNDING = 1e-6

_NULL_BY_ROUNDING: tuple[AggregateName, ...] = ("skewness", "kurtosis")
"""They are null where values do not vary, which rounding may decide."""

_SKETCH_FRACTIONS = (0.05, 0.25, 0.5, 0.75, 0.95)


class Agreement(StrEnum):
    """What can be said of two values that should be the same."""

    AGREED = "agreed"
    DISAGREED = "disagreed"
    UNDECIDED = "undecided"


class Compared(NamedTuple):
    """A feature's values in two rows of one version."""

    feature: str
    agreement: Agreement
    one: Any
    other: Any


def compare_rows(plan: Plan, one: Mapping[str, Any], other: Mapping[str, Any]) -> list[Compared]:
    """Every feature of the plan in two rows of one key and version; maps may be lists of pairs, as Arrow gives them.

    A ratio or a difference is right if it follows from the inputs that stand beside it.
    """
    found = []
    for feature in plan.features:
        values = one[feature.name], other[feature.name]
        if feature.inputs is not None:
            follows = all(row[feature.name] == derived(plan, feature, row) for row in (one, other))
            agreement = Agreement.AGREED if follows else Agreement.DISAGREED
        else:
            agreement = compare_values(feature, *values, n=one["n"])
        found.append(Compared(feature.name, agreement, *values))
    return found


def compare_values(feature: Feature, one: Any, other: Any, *, n: int) -> Agreement:
    """Two values of a feature over one set of events, of which there are at most n."""
    if feature.type.startswith("map"):
        one, other = _as_map(one), _as_map(other)
    if one == other:
        return Agreement.AGREED
    check = _CHECKS.get(feature.aggregate)
    if feature.aggregate in _NULL_BY_ROUNDING and (one is None or other is None):
        return Agreement.UNDECIDED
    if one is None or other is None or check is None or (feature.aggregate, feature.type) == ("sum", "long"):
        return Agreement.DISAGREED
    return check(feature, one, other, n)


def _of(holds: bool) -> Agreement:
    return Agreement.AGREED if holds else Agreement.DISAGREED


def _is_near(one: float, other: float, share: float) -> bool:
    if math.isnan(one) and math.isnan(other):
        return True
    return abs(one - other) <= 2 * share * max(abs(one), abs(other), 1.0)


def _rounded(_feature: Feature, one: Any, other: Any, _n: int) -> Agreement:
    return _of(_is_near(one, other, ROUNDING))


def _moment(_feature: Feature, one: Any, other: Any, _n: int) -> Agreement:
    return _of(_is_near(one, other, MOMENT_ROUNDING))


def _vector(_feature: Feature, one: Sequence[float], other: Sequence[float], _n: int) -> Agreement:
    return _of(len(one) == len(other) and all(map(_is_near, one, other, [ROUNDING] * len(one))))


def _distinct(feature: Feature, one: Any, other: Any, _n: int) -> Agreement:
    if max(one, other) <= (feature.limit or 0):
        return Agreement.DISAGREED
    return _of(abs(one - other) <= _distinct_error(feature, max(one, other)))


def _distinct_error(feature: Feature, most: float) -> float:
    return max(1.0, 2 * HLL_STANDARD_ERRORS * 1.04 / math.sqrt(2 ** (feature.precision or 0)) * most)


def _estimate(feature: Feature, _one: Any, _other: Any, n: int) -> Agreement:
    """Of as many values as its sketch keeps, a quantile or a frequent value is exact."""
    kept = KLL_K if feature.aggregate == "quantile" else FREQUENT_TEXTS
    return Agreement.DISAGREED if n <= kept else Agreement.UNDECIDED


def _distinct_sketch(feature: Feature, one: bytes, other: bytes, _n: int) -> Agreement:
    return _sketches(
        lambda: (
            abs(distinct_values(one) - distinct_values(other))
            <= _distinct_error(feature, max(distinct_values(one), distinct_values(other)))
        )
    )


def _quantile_sketch(_feature: Feature, one: bytes, other: bytes, _n: int) -> Agreement:
    def agree() -> bool:
        first, second = quantile_sketch(one), quantile_sketch(other)
        return bool(first.n == second.n) and all(
            first.get_rank(value, False) - 2 * KLL_RANK_ERROR
            <= fraction
            <= first.get_rank(value, True) + 2 * KLL_RANK_ERROR
            for fraction in _SKETCH_FRACTIONS
            for value in (second.get_quantile(fraction, True),)
        )

    return _sketches(agree)


def _sketches(agree: Callable[[], bool]) -> Agreement:
    try:
        return _of(agree())
    except FormatError:
        return Agreement.DISAGREED
    except PrerequisiteError:
        return Agreement.UNDECIDED


def _as_map(value: Any) -> Any:
    return dict(value) if isinstance(value, list) else value


_CHECKS: dict[AggregateName, Callable[[Feature, Any, Any, int], Agreement]] = {
    "sum": _rounded,
    "mean": _rounded,
    "variance": _moment,
    "stddev": _moment,
    "skewness": _moment,
    "kurtosis": _moment,
    "distinct": _distinct,
    "quantile": _estimate,
    "top_k": _estimate,
    "decayed_count": _rounded,
    "decayed_sum": _rounded,
    "vector_sum": _vector,
    "vector_mean": _vector,
    "vector_decayed_mean": _vector,
    "distinct_sketch": _distinct_sketch,
    "quantile_sketch": _quantile_sketch,
}
