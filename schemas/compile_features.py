"""From declared aggregates to the plan's features."""

from __future__ import annotations

from headwater.schemas.aggregates import AGGREGATES, Aggregation
from headwater.schemas.compile_source import SourceCompiler
from headwater.schemas.compile_windows import WindowCompiler
from headwater.schemas.mistakes import Mistakes
from headwater.schemas.plan import ColumnType, Feature, ValueType
from headwater.schemas.view import FeatureView

_SAME: dict[ColumnType, ValueType] = {
    "long": "long",
    "double": "double",
    "string": "string",
    "bytes": "bytes",
    "boolean": "boolean",
}


class FeatureCompiler:
    """Compiles the aggregates of one view."""

    def __init__(self, view: FeatureView, source: SourceCompiler, windows: WindowCompiler, mistakes: Mistakes) -> None:
        self._view = view
        self._source = source
        self._windows = windows
        self._mistakes = mistakes

    def features(self) -> tuple[Feature, ...]:
        """All features of the view, without those in which there are mistakes."""
        features: list[Feature] = []
        for aggregation in self._view.features:
            if aggregation.broken or any(window.broken for window in aggregation.windows):
                continue
            column, output = self._input(aggregation)
            if output is None:
                continue
            features.extend(
                Feature(
                    name=f"{aggregation.base_name}_{window.name}",
                    aggregate=aggregation.aggregate,
                    column=column,
                    window=self._windows.index(window),
                    type=output,
                )
                for window in aggregation.windows
            )
        return tuple(features)

    def _input(self, aggregation: Aggregation) -> tuple[int | None, ValueType | None]:
        traits = AGGREGATES[aggregation.aggregate]
        where = f"features.{aggregation.base_name}"
        if aggregation.field is None:
            if aggregation.aggregate != "count":
                self._mistakes.add(where, f"{aggregation.aggregate} needs a field", "name one")
                return None, None
            return None, "long"
        field = self._source.find(where, aggregation.field)
        if field is None:
            return None, None
        if field.type not in traits.takes:
            takes = ", ".join(sorted(traits.takes))
            self._mistakes.add(
                where, f"{aggregation.aggregate} of {aggregation.field}, a {field.avro_type}", f"it takes {takes}"
            )
            return None, None
        column = self._source.column(aggregation.field, field)
        if traits.gives == "same":
            return column, _SAME.get(field.type)
        if traits.gives == "sum":
            return column, "long" if field.avro_type == "int" else "double"
        return column, traits.gives
