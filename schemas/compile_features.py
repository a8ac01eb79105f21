"""From declared aggregates to the plan's features."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from headwater.schemas.aggregation import AGGREGATES, NUMBERS, Aggregation
from headwater.schemas.compile_derived import Derived, with_derived
from headwater.schemas.compile_source import Field, SourceCompiler
from headwater.schemas.compile_windows import WindowCompiler
from headwater.schemas.durations import to_ms
from headwater.schemas.mistakes import Mistakes
from headwater.schemas.plan import Feature, ValueType
from headwater.schemas.view import FeatureView

_ESSENTIAL = frozenset({"aggregate", "field", "inputs", "dimensions"})
"""Without these arguments nothing can be said about what an aggregate reads."""


class _Inputs(NamedTuple):
    """The plan's columns that an aggregate reads, and the type that it gives."""

    column: int | None
    type: ValueType
    filter: int | None = None
    weight: int | None = None
    weight_scale: int | None = None


class FeatureCompiler:
    """Compiles the aggregates of one view."""

    def __init__(self, view: FeatureView, source: SourceCompiler, windows: WindowCompiler, mistakes: Mistakes) -> None:
        self._view = view
        self._source = source
        self._windows = windows
        self._mistakes = mistakes

    def features(self) -> tuple[Feature, ...]:
        """All features of the view, without those in which there are mistakes."""
        declared: list[Feature | Derived] = []
        broken: set[str] = set()
        nameless = False
        for aggregation in self._view.features:
            with self._mistakes.within(aggregation):
                inputs = None if aggregation.wrong_arguments & _ESSENTIAL else self._inputs(aggregation)
            if aggregation.broken or any(window.broken for window in aggregation.windows):
                nameless = True
            elif aggregation.inputs is not None:
                declared.append(Derived(aggregation.base_name, aggregation, aggregation.inputs))
            elif inputs is None:
                broken |= {name for name, _, _ in aggregation.names()}
            else:
                declared.extend(self._compiled(aggregation, inputs))
        return with_derived(declared, None if nameless else frozenset(broken), self._mistakes)

    def _compiled(self, aggregation: Aggregation, inputs: _Inputs) -> list[Feature]:
        half_life = aggregation.half_life
        return [
            Feature(
                name=name,
                aggregate=aggregation.aggregate,
                window=None if window is None else self._windows.index(window),
                fraction=fraction,
                limit=aggregation.limit,
                precision=aggregation.precision,
                sample=True if aggregation.sample else None,
                half_life_ms=None if half_life is None else to_ms(half_life),
                **inputs._asdict(),
            )
            for name, window, fraction in aggregation.names()
        ]

    def _inputs(self, aggregation: Aggregation) -> _Inputs | None:
        """None, and mistakes are noted, if there is anything wrong with them; None too for what is made of features."""
        if aggregation.inputs is not None:
            return None
        where = f"features.{aggregation.base_name}"
        inputs = self._column(where, aggregation)
        if inputs is None:
            return None
        if aggregation.where is not None:
            chosen = self._source.condition(where, aggregation.where)
            if chosen is None:
                return None
            inputs = inputs._replace(filter=chosen)
        return inputs if aggregation.weight is None else self._weighted(where, aggregation.weight, aggregation, inputs)

    def _column(self, where: str, aggregation: Aggregation) -> _Inputs | None:
        traits = AGGREGATES[aggregation.aggregate]
        if aggregation.field is None:
            if aggregation.aggregate not in ("count", "decayed_count"):
                self._mistakes.add(where, f"{aggregation.aggregate} needs a field", "name one")
                return None
            return _Inputs(None, cast("ValueType", traits.gives))
        field = self._source.find(where, aggregation.field)
        if field is None:
            return None
        if field.type not in traits.takes:
            takes = " or ".join(sorted(traits.takes)).replace("vector", "array of floats or doubles")
            self._mistakes.add(
                where,
                f"{aggregation.aggregate} of {aggregation.field}, of type {field.avro_type}",
                f"choose a field of type {takes}",
            )
            return None
        column = self._source.column(aggregation.field, field, aggregation.dimensions)
        return _Inputs(column, _given(traits.gives, field))

    def _weighted(self, where: str, weight: str, aggregation: Aggregation, inputs: _Inputs) -> _Inputs | None:
        field = self._source.find(where, weight)
        if field is None:
            return None
        if field.type not in NUMBERS:
            self._mistakes.add(where, f"its weight {weight} is of type {field.avro_type}", "choose a number")
            return None
        inputs = inputs._replace(weight=self._source.column(weight, field))
        if field.type == "long":
            return inputs
        return inputs._replace(type="map<double>", weight_scale=aggregation.weight_scale)


def _given(gives: str, field: Field) -> ValueType:
    named: dict[str, Any] = {
        "same": field.type,
        "sum": "long" if field.avro_type == "int" else "double",
        "array": f"array<{field.type}>",
        "weights": "map<long>",
    }
    return cast("ValueType", named.get(gives, gives))
