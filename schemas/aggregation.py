"""What an aggregate is, once declared, and one table of what each takes, gives and promises.

To add an aggregate: a row in `AGGREGATES` here and a function in `aggregates.py`, its plain meaning in
`operators/reference_aggregates.py`, how nearly an engine must come to it in `operators/reference_exactness.py`, and
its accumulator in the kernel's `aggregate` package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from headwater.schemas.declaration import Declaration
from headwater.schemas.durations import Duration, duration_text, to_ms
from headwater.schemas.plan import AggregateName, ColumnType, ValueType
from headwater.schemas.windows import DeclaredWindow, WindowLike, as_window

NUMBERS: frozenset[ColumnType] = frozenset({"long", "double"})
KEYS: frozenset[ColumnType] = frozenset({"long", "string", "bytes", "boolean"})
ANY: frozenset[ColumnType] = KEYS | NUMBERS
VECTORS: frozenset[ColumnType] = frozenset({"vector"})
NOTHING: frozenset[ColumnType] = frozenset()

KLL_K = 200
"""Of quantile sketches: so many values are kept as they are."""
FREQUENT_TEXTS = 768
"""So many distinct values have exact weights in a top-k."""
OTHER_CATEGORIES = "__other__"
"""The key under which `counts_of` has what has no key of its own."""

LONGEST_HALF_LIFE_MS = 400 * 86_400_000


@dataclass(frozen=True, slots=True)
class AggregateTraits:
    """Of an aggregate: the column types it takes, what it gives, its value when empty, and how exact it is.

    `gives`: `same` is the column's type, `sum` long for an Avro int and else double, `array` an array of the column's
    type, `weights` a map of longs, or of doubles where the weight is one. `exactness` is told in `aggregates.py`.
    """

    takes: frozenset[ColumnType]
    gives: ValueType | Literal["same", "sum", "array", "weights"]
    empty: int | None
    exactness: str


AGGREGATES: dict[AggregateName, AggregateTraits] = {
    "count": AggregateTraits(ANY, "long", 0, "exact"),
    "sum": AggregateTraits(NUMBERS, "sum", 0, "exact for int, else within 1e-9 of the sum of magnitudes"),
    "mean": AggregateTraits(NUMBERS, "double", None, "within 1e-9 of the mean magnitude"),
    "min": AggregateTraits(NUMBERS, "same", None, "exact"),
    "max": AggregateTraits(NUMBERS, "same", None, "exact"),
    "variance": AggregateTraits(NUMBERS, "double", None, "within 1e-9 of the mean square"),
    "stddev": AggregateTraits(NUMBERS, "double", None, "variance within 1e-9 of the mean square"),
    "skewness": AggregateTraits(NUMBERS, "double", None, "third moment within 1e-9 of the mean cubed magnitude"),
    "kurtosis": AggregateTraits(NUMBERS, "double", None, "fourth moment within 1e-9 of the mean fourth power"),
    "first": AggregateTraits(ANY, "same", None, "exact"),
    "last": AggregateTraits(ANY, "same", None, "exact"),
    "first_n": AggregateTraits(ANY, "array", None, "exact"),
    "last_n": AggregateTraits(ANY, "array", None, "exact"),
    "last_n_distinct": AggregateTraits(ANY, "array", None, "exact"),
    "distinct": AggregateTraits(ANY, "long", 0, "exact up to exact_up_to, beyond with a HyperLogLog sketch's error"),
    "distinct_sketch": AggregateTraits(ANY, "bytes", None, "a HyperLogLog sketch's error"),
    "quantile": AggregateTraits(NUMBERS, "double", None, f"exact up to {KLL_K} values, beyond a KLL sketch's error"),
    "quantile_sketch": AggregateTraits(NUMBERS, "bytes", None, "a KLL sketch's error"),
    "top_k": AggregateTraits(
        KEYS, "weights", None, f"exact up to {FREQUENT_TEXTS} distinct values, beyond within 3.5/1024 of all weight"
    ),
    "counts": AggregateTraits(KEYS, "map<long>", None, "exact"),
    "decayed_count": AggregateTraits(NOTHING, "double", 0, "within 1e-9"),
    "decayed_sum": AggregateTraits(NUMBERS, "double", 0, "within 1e-9 of the decayed sum of magnitudes"),
    "vector_sum": AggregateTraits(VECTORS, "array<double>", None, "as the sum, for each element"),
    "vector_mean": AggregateTraits(VECTORS, "array<double>", None, "as the mean, for each element"),
    "vector_decayed_mean": AggregateTraits(VECTORS, "array<double>", None, "as the mean, for each element"),
    "ratio": AggregateTraits(NOTHING, "double", None, "of the inputs as they stand"),
    "difference": AggregateTraits(NOTHING, "double", None, "of the inputs as they stand"),
}


@dataclass(frozen=True, slots=True)
class _Bounds:
    """What a whole number may be, and what authors call it."""

    parameter: str
    least: int
    most: int


_LIMITS: dict[str, _Bounds] = {
    "first_n": _Bounds("n", 1, 1000),
    "last_n": _Bounds("n", 1, 1000),
    "last_n_distinct": _Bounds("n", 1, 1000),
    "distinct": _Bounds("exact_up_to", 0, 10_000),
    "top_k": _Bounds("k", 1, 100),
    "counts": _Bounds("limit", 1, 1000),
}
_BOUNDS = {
    "precision": _Bounds("precision", 8, 16),
    "weight_scale": _Bounds("weight_scale", 0, 6),
    "dimensions": _Bounds("dimensions", 1, 4096),
}


def _each(value: WindowLike | Sequence[WindowLike]) -> Sequence[WindowLike]:
    return (value,) if isinstance(value, WindowLike) else value


def _as_windows(value: object) -> tuple[DeclaredWindow, ...]:
    return tuple(map(as_window, value if isinstance(value, list | tuple) else (value,)))


class Aggregation(Declaration):
    """One aggregate of one field over one or more windows: as many features as windows (and as `fractions`).

    `inputs` are two other features of the view, for an aggregate that is made of them; it has no windows.
    """

    aggregate: AggregateName
    field: str | None = Field(None, description="name a field of the events")
    inputs: tuple[str, str] | None = Field(None, description="name two features of the view")
    over: Annotated[WindowLike | Sequence[WindowLike], BeforeValidator(_as_windows)] = Field((), validate_default=True)
    name: str | None = None
    where: str | None = None
    limit: int | None = None
    precision: int | None = None
    sample: bool = False
    fractions: tuple[float, ...] = Field((), validate_default=True)
    half_life: Duration | None = None
    weight: str | None = None
    weight_scale: int | None = None
    dimensions: int | None = None

    @field_validator("over")
    @classmethod
    def _check_over(
        cls, over: WindowLike | Sequence[WindowLike], arguments: ValidationInfo
    ) -> WindowLike | Sequence[WindowLike]:
        if not _each(over) and arguments.data.get("inputs") is None:
            raise ValueError("is empty; give at least one window, such as '1h'")
        return over

    @field_validator("limit", "precision", "weight_scale", "dimensions")
    @classmethod
    def _check_number(cls, value: int | None, arguments: ValidationInfo) -> int | None:
        bounds = _BOUNDS.get(arguments.field_name or "") or _LIMITS.get(arguments.data.get("aggregate", ""))
        if value is not None and bounds is not None and not bounds.least <= value <= bounds.most:
            raise ValueError(f"is {value}; choose from {bounds.least} to {bounds.most}")
        return value

    @field_validator("fractions")
    @classmethod
    def _check_fractions(cls, fractions: tuple[float, ...], arguments: ValidationInfo) -> tuple[float, ...]:
        if arguments.data.get("aggregate") == "quantile" and not fractions:
            raise ValueError("is empty; give fractions between 0 and 1, such as 0.5")
        wrong = [f"{each:g}" for each in fractions if not 0 < each < 1]
        if wrong:
            raise ValueError(f"has {', '.join(wrong)}; choose between 0 and 1, without either")
        return fractions

    @field_validator("half_life")
    @classmethod
    def _check_half_life(cls, half_life: timedelta | None) -> timedelta | None:
        if half_life is not None and not 1000 <= to_ms(half_life) <= LONGEST_HALF_LIFE_MS:
            raise ValueError(f"is {duration_text(half_life)}; choose from 1s to 400d")
        return half_life

    def _called(self, argument: str) -> str:
        if argument == "limit" and self.aggregate in _LIMITS:
            return _LIMITS[self.aggregate].parameter
        return "at" if argument == "fractions" else argument

    @property
    def windows(self) -> tuple[DeclaredWindow, ...]:
        """The windows, one feature each."""
        return tuple(window for window in _each(self.over) if isinstance(window, DeclaredWindow))

    @property
    def base_name(self) -> str:
        """What the feature names start with; a quantile's fraction and the window's name follow."""
        if self.name is not None:
            return self.name
        what = _SHORT_NAMES.get(self.aggregate, self.aggregate.removeprefix("vector_")).format(
            "n" if self.limit is None else self.limit
        )
        what = f"sample_{what}" if self.sample else what
        if self.weight is not None:
            what = f"{what}_by_{self.weight.replace('.', '_')}"
        parts = [] if self.field is None else [self.field.replace(".", "_")]
        return "_".join([*parts, what] if what else parts)

    def names(self) -> list[tuple[str, DeclaredWindow | None, float | None]]:
        """The name, the window and the fraction of each feature that is declared."""
        if self.inputs is not None:
            return [(self.base_name, None, None)]
        return [
            (
                "_".join(part for part in (self.base_name, fraction_name(fraction), window.name) if part),
                window,
                fraction,
            )
            for window in self.windows
            for fraction in self.fractions or (None,)
        ]


_SHORT_NAMES: dict[AggregateName, str] = {
    "first_n": "first_{}",
    "last_n": "last_{}",
    "last_n_distinct": "last_{}_distinct",
    "top_k": "top_{}",
    "quantile": "",
}


def fraction_name(fraction: float | None) -> str:
    """How a quantile is called: `p50`, `p99_9`."""
    return "" if fraction is None else f"p{fraction * 100:.10g}".replace(".", "_").replace("-", "_")
