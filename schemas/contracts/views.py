"""Which features of a view a change of its events' schema reaches."""

from __future__ import annotations

import re
from collections.abc import Iterator

from headwater.schemas.contracts.parse import parse
from headwater.schemas.contracts.resolution import Break, breaks
from headwater.schemas.contracts.types import AvroType
from headwater.schemas.plan import Feature, Input, Plan, SourcePlan

FieldPath = tuple[str, ...]


def breaks_of_view(plan: Plan, subject: str, writer: AvroType) -> list[tuple[Break, str]]:
    """Why a job with this plan cannot read events of this writer, each with the features that it costs."""
    found = []
    for source in plan.sources:
        if source.subject == subject:
            reader, _ = parse(source.reader_schema)
            if reader is not None:
                found += [(each, uses_of(plan, source, each.field)) for each in breaks(reader, writer)]
    return found


def uses_of(plan: Plan, source: SourcePlan, field: FieldPath) -> str:
    """What in the view needs the field, or what stands below it: features by name, the key, the event time."""
    return ", ".join(_uses(plan, source, field)) or "all features"


def _uses(plan: Plan, source: SourcePlan, field: FieldPath) -> Iterator[str]:
    reads = _Reads(source, field)
    if any(map(reads.input, source.key)):
        yield "its key"
    if _overlap(source.event_time.path, field):
        yield "its event time"
    if any(map(reads.input, source.event_id)):
        yield "its event id"
    if any(map(reads.expression, source.where)):
        yield "its filter"
    expectations = [each.name for each in source.expectations if each.cel and reads.expression(each.cel)]
    if expectations:
        yield f"expectation{'s' if len(expectations) > 1 else ''} {', '.join(expectations)}"
    columns = {index for index, each in enumerate(source.columns) if each is not None and reads.input(each)}
    features = [_is_fed(plan.features, feature, columns) for feature in plan.features]
    names = [feature.name for feature, fed in zip(plan.features, features, strict=True) if fed]
    if names:
        yield f"feature{'s' if len(names) > 1 else ''} {', '.join(names)}"


class _Reads:
    """Whether an input or an expression of a source reads a field."""

    def __init__(self, source: SourcePlan, field: FieldPath) -> None:
        self._field = field
        self._variables = [variable.name for variable in source.variables if _overlap(variable.path, field)]

    def input(self, each: Input) -> bool:
        return (each.path is not None and _overlap(each.path, self._field)) or self.expression(each.cel or "")

    def expression(self, cel: str) -> bool:
        return any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", cel) for name in self._variables)


def _is_fed(features: tuple[Feature, ...], feature: Feature, columns: set[int]) -> bool:
    if columns & {feature.column, feature.filter, feature.weight}:
        return True
    return any(_is_fed(features, features[index], columns) for index in feature.inputs or ())


def _overlap(one: FieldPath, other: FieldPath) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
