"""The aggregates that a feature can be, as declared, and one table of what each needs and gives.

To add an aggregate: a row in `AGGREGATES` and a function here, its plain meaning in
`operators/reference.py`, and its accumulator in the kernel's `aggregate` package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator

from headwater.schemas.declaration import Declaration
from headwater.schemas.plan import AggregateName, ColumnType, ValueType
from headwater.schemas.windows import DeclaredWindow, WindowLike, as_window

NUMBERS: frozenset[ColumnType] = frozenset({"long", "double"})
ANY: frozenset[ColumnType] = frozenset({"long", "double", "string", "bytes", "boolean"})


@dataclass(frozen=True, slots=True)
class AggregateTraits:
    """Which column types an aggregate takes, the type it gives (`same`: the column's) and its value when empty."""

    takes: frozenset[ColumnType]
    gives: ValueType | Literal["same", "sum"]
    empty: int | None
    exactness: str


AGGREGATES: dict[AggregateName, AggregateTraits] = {
    "count": AggregateTraits(ANY, "long", 0, "exact"),
    "sum": AggregateTraits(NUMBERS, "sum", 0, "exact for int, else within 1e-9 of the sum of magnitudes"),
    "mean": AggregateTraits(NUMBERS, "double", None, "within 1e-9 of the mean magnitude"),
    "min": AggregateTraits(NUMBERS, "same", None, "exact"),
    "max": AggregateTraits(NUMBERS, "same", None, "exact"),
    "stddev": AggregateTraits(NUMBERS, "double", None, "variance within 1e-9 of the mean square"),
    "first": AggregateTraits(ANY, "same", None, "exact"),
    "last": AggregateTraits(ANY, "same", None, "exact"),
}


def _each(value: WindowLike | Sequence[WindowLike]) -> Sequence[WindowLike]:
    return (value,) if isinstance(value, WindowLike) else value


def _as_windows(value: object) -> object:
    if isinstance(value, WindowLike):
        return (as_window(value),)
    return tuple(as_window(each) for each in value) if isinstance(value, Sequence) else value


def _at_least_one(value: WindowLike | Sequence[WindowLike]) -> WindowLike | Sequence[WindowLike]:
    if not _each(value):
        raise ValueError("an aggregate needs at least one window")
    return value


class Aggregation(Declaration):
    """One aggregate of one field over one or more windows: as many features as windows."""

    aggregate: AggregateName
    field: str | None = None
    over: Annotated[WindowLike | Sequence[WindowLike], BeforeValidator(_as_windows), AfterValidator(_at_least_one)]
    name: str | None = None

    @property
    def windows(self) -> tuple[DeclaredWindow, ...]:
        """The windows, one feature each."""
        return tuple(window for window in _each(self.over) if isinstance(window, DeclaredWindow))

    @property
    def base_name(self) -> str:
        """What the feature names start with; the window's name follows."""
        if self.name is not None:
            return self.name
        return self.aggregate if self.field is None else f"{self.field.replace('.', '_')}_{self.aggregate}"


def count_events(*, over: WindowLike | Sequence[WindowLike], name: str | None = None) -> Aggregation:
    """How many events there were. Empty: 0."""
    return Aggregation(aggregate="count", over=over, name=name)


def count_of(field: str, *, over: WindowLike | Sequence[WindowLike], name: str | None = None) -> Aggregation:
    """How many events have a value in this field. Empty: 0."""
    return Aggregation(aggregate="count", field=field, over=over, name=name)


def sum_of(field: str, *, over: WindowLike | Sequence[WindowLike], name: str | None = None) -> Aggregation:
    """The sum of a number field: an exact long for an Avro int, a compensated double for all others. Empty: 0."""
    return Aggregation(aggregate="sum", field=field, over=over, name=name)


def mean_of(field: str, *, over: WindowLike | Sequence[WindowLike], name: str | None = None) -> Aggregation:
    """The mean of a number field. Empty: null."""
    return Aggregation(aggregate="mean", field=field, over=over, name=name)


def min_of(field: str, *, over: WindowLike | Sequence[WindowLike], name: str | None = None) -> Aggregation:
    """The least value of a number field. Empty: null."""
    return Aggregation(aggregate="min", field=field, over=over, name=name)


def max_of(field: str, *, over: WindowLike | Sequence[WindowLike], name: str | None = None) -> Aggregation:
    """The greatest value of a number field. Empty: null."""
    return Aggregation(aggregate="max", field=field, over=over, name=name)


def stddev_of(field: str, *, over: WindowLike | Sequence[WindowLike], name: str | None = None) -> Aggregation:
    """The standard deviation of the population of a number field's values. Empty: null."""
    return Aggregation(aggregate="stddev", field=field, over=over, name=name)


def first_of(field: str, *, over: WindowLike | Sequence[WindowLike], name: str | None = None) -> Aggregation:
    """The earliest value of a field by event time, then topic, partition and offset. Empty: null."""
    return Aggregation(aggregate="first", field=field, over=over, name=name)


def last_of(field: str, *, over: WindowLike | Sequence[WindowLike], name: str | None = None) -> Aggregation:
    """The latest value of a field by event time, then topic, partition and offset. Empty: null."""
    return Aggregation(aggregate="last", field=field, over=over, name=name)
