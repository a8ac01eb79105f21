"""What a plan reads of a field of its events."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal

from headwater.schemas.plan import Feature, Input, SourcePlan

FieldPath = tuple[str, ...]

Use = Literal["key", "event time", "event id", "filter", "expectation"]
"""What a field is to a view as a whole."""


class Reads:
    """Whether an input or an expression of a source reads a field, or what stands above or below it."""

    def __init__(self, source: SourcePlan, field: FieldPath) -> None:
        self._source = source
        self._field = field
        self._variables = [variable.name for variable in source.variables if overlap(variable.path, field)]
        self.columns = frozenset(index for index, each in enumerate(source.columns) if each and self.input(each))
        """The plan's columns that are made of it."""

    def uses(self) -> Iterator[Use]:
        """What the field is to the whole view, in the order of `Use`; an expectation once, however many read it."""
        source = self._source
        if any(map(self.input, source.key)):
            yield "key"
        if self.path(source.event_time.path):
            yield "event time"
        if any(map(self.input, source.event_id)):
            yield "event id"
        if any(map(self.expression, source.where)):
            yield "filter"
        if self.expectations():
            yield "expectation"

    def expectations(self) -> list[str]:
        """The names of the source's expectations that read the field."""
        return [each.name for each in self._source.expectations if each.cel and self.expression(each.cel)]

    def path(self, path: FieldPath) -> bool:
        return overlap(path, self._field)

    def input(self, each: Input) -> bool:
        return (each.path is not None and self.path(each.path)) or self.expression(each.cel or "")

    def expression(self, cel: str) -> bool:
        return any(re.search(rf"(?<![\w.]){re.escape(name)}(?!\w)", cel) for name in self._variables)


def features_below(features: tuple[Feature, ...], feature: Feature) -> list[Feature]:
    """The feature itself, or, of a ratio or a difference, those over windows that it is made of in the end."""
    if feature.inputs is None:
        return [feature]
    return [each for index in feature.inputs for each in features_below(features, features[index])]


def overlap(one: FieldPath, other: FieldPath) -> bool:
    """Whether one path leads to the other, or they are the same."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]
