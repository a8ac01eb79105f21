"""What the kernel's state of a view holds beside counts of events: the cells that its features are read from.

The names are those of `CellLayout` in the kernel, and a property test holds the two together. A feature can be read
from a state that has all of its cells, whichever view they were made for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from headwater.schemas.plan import AggregateName, Feature, Plan


def state_cells(plan: Plan) -> dict[str, frozenset[str]]:
    """By feature, the names of the cells that it is read from; none where the events' count is enough.

    A feature that is made of others has theirs.
    """
    found: dict[str, frozenset[str]] = {}

    def cells(index: int) -> frozenset[str]:
        feature = plan.features[index]
        if feature.name not in found:
            parts = [cells(each) for each in feature.inputs or ()]
            own = frozenset() if parts else frozenset(_Cells(plan, feature).names())
            found[feature.name] = own.union(*parts)
        return found[feature.name]

    for index in range(len(plan.features)):
        cells(index)
    return found


class _Cells:
    """The cells of one feature, as the kernel's `Cells` makes them."""

    def __init__(self, plan: Plan, feature: Feature) -> None:
        self._plan = plan
        self._feature = feature

    def names(self) -> Iterator[str]:
        make = _BY_AGGREGATE.get(self._feature.aggregate)
        if make is not None:
            yield from make(self)

    def count(self) -> Iterator[str]:
        column, is_filtered = self._feature.column, self._feature.filter is not None
        if column is not None and self._plan.columns[column].nullable:
            yield self._named("count")
        elif is_filtered:
            yield self._named("count", of_events=True)

    def sum(self) -> Iterator[str]:
        yield self._named("exact sum" if self._is_exact() else "sum")

    def mean(self) -> Iterator[str]:
        yield from self.count()
        yield from self.sum()

    def least(self) -> Iterator[str]:
        yield from self.count()
        yield self._named("min")

    def greatest(self) -> Iterator[str]:
        yield from self.count()
        yield self._named("max")

    def second_moment(self) -> Iterator[str]:
        yield from self.mean()
        yield self._named("squared deviations")

    def third_moment(self) -> Iterator[str]:
        yield from self.second_moment()
        yield self._named("third moment")

    def fourth_moment(self) -> Iterator[str]:
        yield from self.third_moment()
        yield self._named("fourth moment")

    def decayed_sum(self) -> Iterator[str]:
        yield self._named(f"sum of half-life {self._feature.half_life_ms} ms")

    def first(self) -> Iterator[str]:
        yield self._named("first" if self._is_ordered_by_offset() else "first 1")

    def last(self) -> Iterator[str]:
        yield self._named("last" if self._is_ordered_by_offset() else "last 1")

    def first_n(self) -> Iterator[str]:
        yield self._named(f"first {self._feature.limit}")

    def last_n(self) -> Iterator[str]:
        yield self._named(f"last {self._feature.limit}")

    def last_n_distinct(self) -> Iterator[str]:
        yield self._named(f"last distinct {self._feature.limit}")

    def distinct(self) -> Iterator[str]:
        feature = self._feature
        yield self._named(f"distinct values up to {feature.limit} then 2^{feature.precision} registers")

    def distinct_sketch(self) -> Iterator[str]:
        yield self._named(f"2^{self._feature.precision} registers")

    def quantiles(self) -> Iterator[str]:
        yield self._named("quantiles")

    def frequencies(self) -> Iterator[str]:
        weight = self._feature.weight
        if weight is None:
            yield self._named("frequencies")
            return
        scale = self._feature.weight_scale if self._plan.columns[weight].type == "double" else 0
        yield self._named(f"frequencies by {self._described(weight)} to 10^-{scale or 0}")

    def categories(self) -> Iterator[str]:
        yield self._named(f"counts of {self._feature.limit} categories")

    def vector_sum(self) -> Iterator[str]:
        yield self._named("sum")

    def vector_mean(self) -> Iterator[str]:
        yield from self.count()
        yield self._named("sum")

    def _is_exact(self) -> bool:
        """Whether the view has the exact sum of that column anyway."""
        feature = self._feature
        return any(
            each.aggregate == "sum"
            and each.type == "long"
            and (each.column, each.filter) == (feature.column, feature.filter)
            for each in self._plan.features
        )

    def _is_ordered_by_offset(self) -> bool:
        return not any(source.event_id or source.explode for source in self._plan.sources)

    def _named(self, what: str, *, of_events: bool = False) -> str:
        column, chosen = self._feature.column, self._feature.filter
        of = "events" if of_events or column is None else self._described(column)
        return f"{what} of {of}" if chosen is None else f"{what} of {of} where {self._described(chosen)}"

    def _described(self, column: int) -> str:
        each = self._plan.columns[column]
        return f"{each.name} ({each.type.upper()}{' or null' if each.nullable else ''})"


_BY_AGGREGATE: dict[AggregateName, Callable[[_Cells], Iterator[str]]] = {
    "count": _Cells.count,
    "sum": _Cells.sum,
    "mean": _Cells.mean,
    "min": _Cells.least,
    "max": _Cells.greatest,
    "variance": _Cells.second_moment,
    "stddev": _Cells.second_moment,
    "skewness": _Cells.third_moment,
    "kurtosis": _Cells.fourth_moment,
    "first": _Cells.first,
    "last": _Cells.last,
    "first_n": _Cells.first_n,
    "last_n": _Cells.last_n,
    "last_n_distinct": _Cells.last_n_distinct,
    "distinct": _Cells.distinct,
    "distinct_sketch": _Cells.distinct_sketch,
    "quantile": _Cells.quantiles,
    "quantile_sketch": _Cells.quantiles,
    "top_k": _Cells.frequencies,
    "counts": _Cells.categories,
    "decayed_count": _Cells.decayed_sum,
    "decayed_sum": _Cells.decayed_sum,
    "vector_sum": _Cells.vector_sum,
    "vector_mean": _Cells.vector_mean,
    "vector_decayed_mean": _Cells.decayed_sum,
}
