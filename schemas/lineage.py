"""Which field of which topic reaches which feature of a view, by which way, and what that field says of people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from headwater.schemas.contracts.parse import parse
from headwater.schemas.contracts.types import Array, AvroType, Field, Map, Record, Union
from headwater.schemas.plan import Feature, Plan, SourcePlan
from headwater.schemas.reads import FieldPath, Reads, Use, features_below

Way = Literal["value", "weight", "filter"]
"""How a field reaches a feature: it is aggregated, it weighs what is, or it decides which events are."""


@dataclass(frozen=True, slots=True)
class EventField:
    """A field of a topic's events that the view can read, with its class of personal data as its schema says it."""

    topic: str
    path: FieldPath
    personal_data: str

    @property
    def name(self) -> str:
        return ".".join(self.path)


@dataclass(frozen=True, slots=True)
class FeatureOrigin:
    """A field, and how it reaches the feature: through which aggregate, which is `filter` for one that only decides."""

    field: EventField
    feature: str
    way: Way
    aggregate: str


@dataclass(frozen=True, slots=True)
class Lineage:
    """Where all of a view comes from.

    Attributes:
        features: every field that reaches a feature, in the order of features, topics and fields.
        view: every field that decides which events count, whose they are and when they were.
    """

    features: tuple[FeatureOrigin, ...]
    view: tuple[tuple[EventField, Use], ...]

    def origins_of(self, feature: str) -> list[FeatureOrigin]:
        return [origin for origin in self.features if origin.feature == feature]


def lineage_of(plan: Plan) -> Lineage:
    """The lineage of a plan, which has the schemas of its events."""
    fields = [(field, Reads(source, field.path)) for source in plan.sources for field in _fields_of(source)]
    features = [
        FeatureOrigin(field, feature.name, way, "filter" if way == "filter" else below.aggregate)
        for feature in plan.features
        for below in features_below(plan.features, feature)
        for field, reads in fields
        for way in _ways(below, reads)
    ]
    view = [(field, use) for field, reads in fields for use in reads.uses()]
    return Lineage(tuple(dict.fromkeys(features)), tuple(view))


def _ways(feature: Feature, reads: Reads) -> Iterator[Way]:
    if feature.column in reads.columns:
        yield "value"
    if feature.weight in reads.columns:
        yield "weight"
    if feature.filter in reads.columns:
        yield "filter"


def _fields_of(source: SourcePlan) -> list[EventField]:
    root, _ = parse(source.reader_schema)
    return [] if root is None else list(_leaves(root, source.topic, (), frozenset()))


def _leaves(each: AvroType, topic: str, path: FieldPath, above: frozenset[str]) -> Iterator[EventField]:
    for field in _record_fields(each, above):
        below, inside = (*path, field.name), above | {_name(each)}
        leaves = list(_leaves(field.type, topic, below, inside))
        yield from leaves or [EventField(topic, below, str(field.pii or ""))]


def _record_fields(each: AvroType, above: frozenset[str]) -> list[Field]:
    """The fields of the record that this type is or holds, but for one that it is itself a part of."""
    match each:
        case Record():
            return [] if each.name in above else each.fields
        case Array():
            return _record_fields(each.items, above)
        case Map():
            return []
        case Union():
            return [field for branch in each.branches for field in _record_fields(branch, above)]
        case _:
            return []


def _name(each: AvroType) -> str:
    return each.name if isinstance(each, Record) else ""
