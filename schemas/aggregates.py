"""The aggregates that a feature can be, one function each.

All ignore nulls and take `over`, one window or several, each of which makes a feature; `name`, with which the
features' names start, by default the field and the aggregate; and `where`, an expression in CEL over the event: only
events for which it is true are aggregated, and a null is not true.

Where nothing says otherwise a feature is null over no values. Order is that of event time, then of the event's id
where the source declares one, else of topic, partition and offset.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from headwater.schemas.aggregation import Aggregation
from headwater.schemas.windows import WindowLike

Windows = WindowLike | Sequence[WindowLike]

__all__ = [
    "Aggregation",
    "count_events",
    "count_of",
    "counts_of",
    "decayed_count",
    "decayed_sum_of",
    "difference_of",
    "distinct_of",
    "distinct_sketch_of",
    "first_n_of",
    "first_of",
    "kurtosis_of",
    "last_n_distinct_of",
    "last_n_of",
    "last_of",
    "max_of",
    "mean_of",
    "min_of",
    "quantile_of",
    "quantile_sketch_of",
    "ratio_of",
    "skewness_of",
    "stddev_of",
    "sum_of",
    "top_k_of",
    "variance_of",
    "vector_decayed_mean_of",
    "vector_mean_of",
    "vector_sum_of",
]


def count_events(*, over: Windows, name: str | None = None, where: str | None = None) -> Aggregation:
    """How many events there were. Empty: 0."""
    return Aggregation(aggregate="count", over=over, name=name, where=where)


def count_of(field: str, *, over: Windows, name: str | None = None, where: str | None = None) -> Aggregation:
    """How many events have a value in this field. Empty: 0."""
    return Aggregation(aggregate="count", field=field, over=over, name=name, where=where)


def sum_of(field: str, *, over: Windows, name: str | None = None, where: str | None = None) -> Aggregation:
    """The sum of a number field: an exact long for an Avro int, a compensated double for all others. Empty: 0.

    A sum of Avro longs is a double too, since it may not fit into a long.
    """
    return Aggregation(aggregate="sum", field=field, over=over, name=name, where=where)


def mean_of(field: str, *, over: Windows, name: str | None = None, where: str | None = None) -> Aggregation:
    """The mean of a number field."""
    return Aggregation(aggregate="mean", field=field, over=over, name=name, where=where)


def min_of(field: str, *, over: Windows, name: str | None = None, where: str | None = None) -> Aggregation:
    """The least value of a number field."""
    return Aggregation(aggregate="min", field=field, over=over, name=name, where=where)


def max_of(field: str, *, over: Windows, name: str | None = None, where: str | None = None) -> Aggregation:
    """The greatest value of a number field."""
    return Aggregation(aggregate="max", field=field, over=over, name=name, where=where)


def variance_of(
    field: str, *, over: Windows, sample: bool = False, name: str | None = None, where: str | None = None
) -> Aggregation:
    """The variance of a number field's values: of the population, or of the `sample` (null of a single value)."""
    return Aggregation(aggregate="variance", field=field, over=over, sample=sample, name=name, where=where)


def stddev_of(
    field: str, *, over: Windows, sample: bool = False, name: str | None = None, where: str | None = None
) -> Aggregation:
    """The standard deviation of a number field's values: of the population, or of the `sample`."""
    return Aggregation(aggregate="stddev", field=field, over=over, sample=sample, name=name, where=where)


def skewness_of(field: str, *, over: Windows, name: str | None = None, where: str | None = None) -> Aggregation:
    """The skewness of the population of a number field's values.

    Null where the values do not differ: where their variance is at most 1e-12 of their mean square.
    """
    return Aggregation(aggregate="skewness", field=field, over=over, name=name, where=where)


def kurtosis_of(field: str, *, over: Windows, name: str | None = None, where: str | None = None) -> Aggregation:
    """The excess kurtosis of the population of a number field's values, 0 for a normal distribution.

    Null where the values do not differ: where their variance is at most 1e-12 of their mean square.
    """
    return Aggregation(aggregate="kurtosis", field=field, over=over, name=name, where=where)


def first_of(field: str, *, over: Windows, name: str | None = None, where: str | None = None) -> Aggregation:
    """The earliest value of a field."""
    return Aggregation(aggregate="first", field=field, over=over, name=name, where=where)


def last_of(field: str, *, over: Windows, name: str | None = None, where: str | None = None) -> Aggregation:
    """The latest value of a field."""
    return Aggregation(aggregate="last", field=field, over=over, name=name, where=where)


def first_n_of(field: str, n: int, *, over: Windows, name: str | None = None, where: str | None = None) -> Aggregation:
    """The `n` (1 to 1000) earliest values of a field, earliest first."""
    return Aggregation(aggregate="first_n", field=field, limit=n, over=over, name=name, where=where)


def last_n_of(field: str, n: int, *, over: Windows, name: str | None = None, where: str | None = None) -> Aggregation:
    """The `n` (1 to 1000) latest values of a field, latest last."""
    return Aggregation(aggregate="last_n", field=field, limit=n, over=over, name=name, where=where)


def last_n_distinct_of(
    field: str, n: int, *, over: Windows, name: str | None = None, where: str | None = None
) -> Aggregation:
    """The `n` (1 to 1000) latest distinct values of a field, each where it came last, latest last."""
    return Aggregation(aggregate="last_n_distinct", field=field, limit=n, over=over, name=name, where=where)


def distinct_of(
    field: str,
    *,
    over: Windows,
    exact_up_to: int = 256,
    precision: int = 12,
    name: str | None = None,
    where: str | None = None,
) -> Aggregation:
    """How many distinct values a field has. Empty: 0.

    Args:
        exact_up_to: 0 to 10,000; so many values are counted exactly, and kept: 8 bytes each, 16 of text.
        precision: 8 to 16; beyond, a HyperLogLog sketch of 2^precision registers estimates with a relative standard
            error of 1.04 / sqrt(2^precision), 1.6 % by default.
    """
    return Aggregation(
        aggregate="distinct", field=field, limit=exact_up_to, precision=precision, over=over, name=name, where=where
    )


def distinct_sketch_of(
    field: str, *, over: Windows, precision: int = 12, name: str | None = None, where: str | None = None
) -> Aggregation:
    """A HyperLogLog sketch of a field's distinct values, of 2^precision registers, as DataSketches stores it.

    It can be merged with other sketches of DataSketches, in which texts are hashed as UTF-8 and numbers as longs or
    doubles. An empty text, which DataSketches leaves out, is counted too: as the long 0.
    """
    return Aggregation(aggregate="distinct_sketch", field=field, precision=precision, over=over, name=name, where=where)


def quantile_of(
    field: str, *, at: float | Sequence[float], over: Windows, name: str | None = None, where: str | None = None
) -> Aggregation:
    """The quantiles of a number field at fractions between 0 and 1, a feature each: 0.5 is `<field>_p50_<window>`.

    A quantile is the least value that at least this fraction of the values do not exceed. It is exact up to 200
    values; beyond, a KLL sketch gives a value whose rank is off by at most 1.33 % in 99 of 100 cases.
    """
    fractions = tuple(at) if isinstance(at, Sequence) else (at,)
    return Aggregation(aggregate="quantile", field=field, fractions=fractions, over=over, name=name, where=where)


def quantile_sketch_of(field: str, *, over: Windows, name: str | None = None, where: str | None = None) -> Aggregation:
    """A KLL sketch (of doubles, k 200) of a number field's values, as DataSketches stores it."""
    return Aggregation(aggregate="quantile_sketch", field=field, over=over, name=name, where=where)


def top_k_of(
    field: str,
    k: int,
    *,
    over: Windows,
    weight: str | None = None,
    weight_scale: int = 2,
    name: str | None = None,
    where: str | None = None,
) -> Aggregation:
    """The `k` (1 to 100) values of a field that occur most often, or that have the greatest sum of a weight.

    The value is a map from text (bytes in hexadecimal) to count or weight. It is written heaviest first, those of one
    weight in the order of their UTF-8 bytes; readers whose maps have no order sort it.

    Exact while there are at most 768 distinct values; beyond, a frequent-items sketch tells weights that are too great
    by at most 3.5/1024 of the sum of all.

    Args:
        weight: a number field. An event whose weight is null or not positive is left out; one above 10^12 counts as
            that, of a double above 10^12 units.
        weight_scale: 0 to 6; weights that are doubles are rounded to so many decimals and added up exactly.
    """
    return Aggregation(
        aggregate="top_k",
        field=field,
        limit=k,
        weight=weight,
        weight_scale=weight_scale,
        over=over,
        name=name,
        where=where,
    )


def counts_of(
    field: str, *, over: Windows, limit: int = 100, name: str | None = None, where: str | None = None
) -> Aggregation:
    """How often each value of a field occurs: a map from text (bytes in hexadecimal) to count.

    Where there are more than `limit` (1 to 1000) values, those with the least 64-bit hashes have their counts, and
    all others together have one under `__other__`: a sample that does not depend on the order of events.
    """
    return Aggregation(aggregate="counts", field=field, limit=limit, over=over, name=name, where=where)


def decayed_count(
    *, half_life: str | timedelta, over: Windows, name: str | None = None, where: str | None = None
) -> Aggregation:
    """How many events there were, each counting half as much for each half-life (1s to 400d) that has passed. Empty: 0.

    The value is as of the row's clock; a read decays it on to the instant that is asked for.
    """
    return Aggregation(aggregate="decayed_count", half_life=half_life, over=over, name=name, where=where)


def decayed_sum_of(
    field: str, *, half_life: str | timedelta, over: Windows, name: str | None = None, where: str | None = None
) -> Aggregation:
    """The sum of a number field, each value halved for each half-life (1s to 400d) that has passed. Empty: 0.

    The value is as of the row's clock; a read decays it on to the instant that is asked for.
    """
    return Aggregation(aggregate="decayed_sum", field=field, half_life=half_life, over=over, name=name, where=where)


def vector_sum_of(
    field: str, *, dimensions: int, over: Windows, name: str | None = None, where: str | None = None
) -> Aggregation:
    """The sum, element by element, of an array of floats or doubles of so many `dimensions` (1 to 4096)."""
    return Aggregation(aggregate="vector_sum", field=field, dimensions=dimensions, over=over, name=name, where=where)


def vector_mean_of(
    field: str, *, dimensions: int, over: Windows, name: str | None = None, where: str | None = None
) -> Aggregation:
    """The mean, element by element, of an array of floats or doubles of so many `dimensions` (1 to 4096)."""
    return Aggregation(aggregate="vector_mean", field=field, dimensions=dimensions, over=over, name=name, where=where)


def vector_decayed_mean_of(
    field: str,
    *,
    dimensions: int,
    half_life: str | timedelta,
    over: Windows,
    name: str | None = None,
    where: str | None = None,
) -> Aggregation:
    """The mean, element by element, of a vector field, weighing half as much for each half-life that has passed."""
    return Aggregation(
        aggregate="vector_decayed_mean",
        field=field,
        dimensions=dimensions,
        half_life=half_life,
        over=over,
        name=name,
        where=where,
    )


def ratio_of(numerator: str, denominator: str, *, name: str) -> Aggregation:
    """One feature of the view divided by another, both by full name, such as `count_1h`; any window each.

    Null where either is null, where the denominator is 0 and where the result is not a number.
    """
    return Aggregation(aggregate="ratio", inputs=(numerator, denominator), name=name)


def difference_of(a: str, b: str, *, name: str) -> Aggregation:
    """Feature `a` of the view minus feature `b`, both by full name, as a double; any window each.

    Null where either is null and where the result is not a number.
    """
    return Aggregation(aggregate="difference", inputs=(a, b), name=name)
