"""From the declared event sources of a view and their Avro schemas to how their records are read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, count
from typing import Any

from headwater.schemas.compile_expectations import compile_expectations
from headwater.schemas.durations import to_ms
from headwater.schemas.event_fields import EventFields, Found
from headwater.schemas.keys import EntityField, KeyType
from headwater.schemas.mistakes import Mistakes
from headwater.schemas.plan import Column, ColumnType, EventTime, Input, SourcePlan
from headwater.schemas.view import FeatureView

_KEY_TYPES: dict[ColumnType, KeyType] = {"string": "string", "long": "long", "bytes": "bytes", "boolean": "boolean"}


@dataclass(frozen=True, slots=True)
class Field:
    """A value that features may aggregate: the same in every source, as far as its type goes."""

    type: ColumnType
    avro_type: str
    nullable: bool
    inputs: tuple[Input | None, ...]


class SourceCompiler:
    """Finds what features name in the events of every source, and gathers it as the plan's columns."""

    def __init__(self, view: FeatureView, schemas: Sequence[Mapping[str, Any]], mistakes: Mistakes) -> None:
        """`schemas`: one for each of the view's `event_sources`, in their order."""
        self._view = view
        self._mistakes = mistakes
        self._columns: dict[tuple[tuple[Input | None, ...], int | None], Column] = {}
        self._sources = [
            EventFields(source, schema, place, mistakes)
            for (place, source), schema in zip(view.placed_sources(), schemas, strict=True)
        ]

    def entity(self) -> tuple[EntityField, ...]:
        """The fields of the entity's key."""
        names = self._view.entity_names
        for each in self._sources:
            keys = each.source.key_fields
            if len(names) != len(keys):
                what = f"names {len(names)} fields, but the {each.place}'s key has {len(keys)}"
                self._mistakes.add("entity", what, "name each key field")
                return ()
        fields = []
        for index, name in enumerate(names):
            found = self._key_part(index)
            if found is None:
                continue
            key_type = _KEY_TYPES.get(found.type)
            if key_type is None:
                key = self._sources[0].source.key_fields[index]
                what = f"{key} is a {found.avro_type}; such keys do not compare safely"
                self._mistakes.add(f"{self._sources[0].place}.key", what, "use a string or integer")
                continue
            fields.append(EntityField(name=name, type=key_type))
        return tuple(fields)

    def find(self, where: str, name: str) -> Field | None:
        """The value of this name in every source; None, and a mistake is noted, if a source lacks it."""
        return self._in_each(
            lambda each: each.column(where if len(self._sources) == 1 else f"{where} {each.place}", name)
        )

    def column(self, name: str, field: Field, dimensions: int | None = None) -> int:
        """The index of the plan's column that holds this field; the first to ask for it adds it.

        Args:
            name: what the column is called where it is new.
            field: what `find` gave.
            dimensions: of a vector; an event with another number is rejected, so it is a mistake to ask for two.
        """
        key = (field.inputs, dimensions)
        others = {of for inputs, of in self._columns if inputs == field.inputs and of not in (None, dimensions)}
        if dimensions is not None and others:
            self._mistakes.add(
                f"features.{name}",
                f"has {dimensions} dimensions in one feature and {others.pop()} in another",
                "its vectors can be of one length only",
            )
        if key not in self._columns:
            self._columns[key] = Column(
                name=self._unused(name.replace(".", "_")),
                type=field.type,
                nullable=field.nullable,
                dimensions=dimensions,
            )
        return list(self._columns).index(key)

    def _unused(self, name: str) -> str:
        """The name, or the next one like it: the kernel tells columns by their names, and `a.b` and `a_b` are two."""
        taken = {column.name for column in self._columns.values()}
        return next(each for each in chain([name], (f"{name}_{n}" for n in count(2))) if each not in taken)

    def condition(self, where: str, text: str) -> int | None:
        """The index of the boolean column that says which events a feature counts.

        Args:
            where: what has the condition, for mistakes.
            text: the name of a boolean field or of one of the sources' `columns`, or an expression.

        Returns:
            None, and a mistake is noted, if it is no condition.
        """
        found = self.find(where, text) if text.isidentifier() else self._in_each(lambda each: each.value(where, text))
        if found is None:
            return None
        if found.type != "boolean":
            self._mistakes.add(where, f"{text} is a {found.type}", "write a condition, such as amount > 0.0")
            return None
        return self.column(text, found)

    def columns(self) -> tuple[Column, ...]:
        """The columns that were asked for."""
        return tuple(self._columns.values())

    def plans(self) -> tuple[SourcePlan, ...]:
        """How each source is read. To be asked for once all columns are known; empty if there were mistakes."""
        having_ids = [each for each in self._sources if each.source.id_fields]
        if having_ids and len(having_ids) < len(self._sources):
            lacking = next(each for each in self._sources if not each.source.id_fields)
            self._mistakes.add(
                f"{lacking.place}.event_id", "is missing, but other sources have one", "say one for each"
            )
        plans = [self._plan(index, each) for index, each in enumerate(self._sources)]
        return tuple(plan for plan in plans if plan is not None)

    def _plan(self, index: int, fields: EventFields) -> SourcePlan | None:
        source, view = fields.source, self._view
        event_time = self._event_time(fields)
        key = [fields.value(f"{fields.place}.key", text) for text in source.key_fields]
        event_id = [self._id(fields, text) for text in source.id_fields]
        where = [
            fields.condition(place, text)
            for place, text in ((f"{fields.place}.where", source.where), ("where", view.where))
            if text is not None
        ]
        for name in source.columns:
            fields.column(f"{fields.place}.columns", name)
        expectations = compile_expectations(view, fields, self._mistakes)
        if not fields.is_readable or event_time is None:
            return None
        return SourcePlan(
            topic=source.topic,
            subject=source.subject_name,
            reader_schema=fields.reader_schema(),
            explode=fields.explode,
            variables=fields.variables,
            where=tuple(text for text in where if text is not None),
            key=_inputs(key),
            event_time=event_time,
            event_id=_inputs(event_id),
            columns=tuple(inputs[index] for inputs, _ in self._columns),
            expectations=expectations,
            allowed_skew_ms=to_ms(source.allowed_skew),
            watermark_delay_ms=to_ms(source.watermark_delay),
            idle_timeout_ms=to_ms(source.idle_timeout),
        )

    def _in_each(self, find: Callable[[EventFields], Found | None]) -> Field | None:
        """What is found in every source, if it is of one type."""
        each = [(fields, find(fields)) for fields in self._sources]
        found = [(fields, one) for fields, one in each if one is not None]
        if len(found) < len(self._sources):
            return None
        typed = [(fields, one) for fields, one in found if one.input is not None]
        if not typed:
            place = self._sources[0].place
            self._mistakes.add(f"{place}.columns", "no source has a value for it", "give one a field or an expression")
            return None
        first_fields, first = typed[0]
        for fields, one in typed[1:]:
            if one.type != first.type:
                what = f"is a {one.type} in {fields.place}, but a {first.type} in {first_fields.place}"
                self._mistakes.add(
                    f"{fields.place}.columns", f"{_name(one)} {what}", "convert one of them by an expression"
                )
                return None
        avro_types = {one.avro_type for _, one in typed}
        return Field(
            type=first.type,
            avro_type=first.avro_type if len(avro_types) == 1 else first.type,
            nullable=any(one.nullable for _, one in found),
            inputs=tuple(one.input for _, one in found),
        )

    def _key_part(self, index: int) -> Field | None:
        return self._in_each(lambda each: each.value(f"{each.place}.key", each.source.key_fields[index]))

    def _id(self, fields: EventFields, text: str) -> Found | None:
        found = fields.value(f"{fields.place}.event_id", text)
        if found is not None and found.type not in _KEY_TYPES:
            what = f"{text} is a {found.avro_type}; such ids do not compare safely"
            self._mistakes.add(f"{fields.place}.event_id", what, "use a string, an integer or bytes")
        return found

    def _event_time(self, fields: EventFields) -> EventTime | None:
        source, place = fields.source, fields.place
        field = fields.path(f"{place}.event_time", source.event_time)
        if field is None or field.input is None or field.input.path is None:
            return None
        known = fields.timestamp_unit(field.input.path)
        if field.avro_type != "long":
            self._mistakes.add(
                f"{place}.event_time", f"{source.event_time} is of type {field.avro_type}", "use a long since the epoch"
            )
        elif known is None and source.event_time_unit is None:
            self._mistakes.add(
                f"{place}.event_time_unit", f"{source.event_time} is a plain long", "say event_time_unit='ms' or 'us'"
            )
        elif known is not None and source.event_time_unit not in (None, known):
            name = {"ms": "timestamp-millis", "us": "timestamp-micros"}[known]
            self._mistakes.add(
                f"{place}.event_time_unit",
                f"is {source.event_time_unit}, but {source.event_time} is a {name}",
                "leave it out",
            )
        return EventTime(path=field.input.path, unit=known or source.event_time_unit or "ms")


def _inputs(found: Sequence[Found | None]) -> tuple[Input, ...]:
    return tuple(one.input for one in found if one is not None and one.input is not None)


def _name(found: Found) -> str:
    if found.input is None:
        return "null"
    return found.input.cel or ".".join(found.input.path or ())
