"""From declared expectations to what is checked of each event: conditions in CEL, and how late it may come to Kafka."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from headwater.schemas.durations import to_ms
from headwater.schemas.event_fields import EventFields, Found
from headwater.schemas.expectations import (
    Between,
    Bound,
    Condition,
    Expectation,
    FreshWithin,
    Matches,
    NotNull,
    OfField,
    OneOf,
)
from headwater.schemas.mistakes import Mistakes
from headwater.schemas.plan import ColumnType, ExpectationPlan
from headwater.schemas.view import FeatureView

MOST_EXPECTATIONS = 32
"""Of a source and its view together: each makes two metrics in every subtask."""

_WRITTEN: dict[ColumnType | str, str] = {
    "long": "whole numbers",
    "double": "numbers",
    "string": "texts",
    "boolean": "True or False",
    "timestamp": "aware datetimes, or texts such as '2026-01-31T00:00:00Z'",
}
_LONGS = range(-(2**63) + 1, 2**63)


def compile_expectations(view: FeatureView, fields: EventFields, mistakes: Mistakes) -> tuple[ExpectationPlan, ...]:
    """What is checked of the events of one source of the view: its own expectations, then the view's."""
    one_source = len(view.event_sources) == 1
    declared = [(f"{fields.place}.expect.{each.full_name}", each) for each in fields.source.expect]
    declared += [
        (f"expect.{each.full_name}" + ("" if one_source else f" {fields.place}"), each) for each in view.expect
    ]
    _check_names(declared, fields.place, mistakes)
    compiler = _ExpectationCompiler(fields, mistakes)
    found = [compiler.compile(place, each) for place, each in declared if not each.broken]
    return tuple(each for each in found if each is not None)


def _check_names(declared: Sequence[tuple[str, Expectation]], place: str, mistakes: Mistakes) -> None:
    if len(declared) > MOST_EXPECTATIONS:
        what = f"are {len(declared)} expectations of one source, with those of the view"
        mistakes.add(f"{place}.expect", what, f"declare at most {MOST_EXPECTATIONS}; one condition may join several")
    names = set[str]()
    for where, each in declared:
        if each.full_name in names:
            mistakes.add(where, "is the name of another expectation too", "give one of them another name=")
        names.add(each.full_name)


class _ExpectationCompiler:
    def __init__(self, fields: EventFields, mistakes: Mistakes) -> None:
        self._fields = fields
        self._mistakes = mistakes

    def compile(self, place: str, each: Expectation) -> ExpectationPlan | None:
        """What the expectation means for this source; None if nothing, or if it is wrong, which is noted."""
        if isinstance(each, FreshWithin):
            return ExpectationPlan(name=each.full_name, action=each.action, fresh_within_ms=to_ms(each.age))
        if isinstance(each, Condition):
            text: str | None = each.condition
        else:
            text = self._of_field(place, each) if isinstance(each, OfField) else None
        checked = None if text is None else self._fields.condition(place, text)
        return None if checked is None else ExpectationPlan(name=each.full_name, action=each.action, cel=checked)

    def _of_field(self, place: str, each: OfField) -> str | None:
        column = self._fields.source.columns.get(each.field, each.field)
        if column is None:
            return None  # events of this source have no such value
        found = self._fields.value(place, column)
        if found is None:
            return None
        if found.type == "vector":
            self._mistakes.add(place, f"{each.field} is an array; it has no single value", "name another field")
            return None
        if found.input is not None and found.input.cel is not None:
            if isinstance(each, NotNull | OneOf):
                what = f"{each.field} is an expression, whose nulls are not told from its failures"
                self._mistakes.add(place, what, "name a field, or write a condition with expect()")
                return None
            return self._condition(place, each, found, f"({found.input.cel})")
        condition = self._condition(place, each, found, column)
        if condition is None or isinstance(each, NotNull) or not found.nullable:
            return condition
        return f"{column} == null || ({condition})"

    def _condition(self, place: str, each: OfField, found: Found, value: str) -> str | None:
        match each:
            case NotNull():
                if found.nullable:
                    return f"{value} != null"
                self._mistakes.add(place, f"{each.field} is never null in the schema", "leave it out")
                return None
            case Matches():
                if found.type == "string":
                    return f"{value}.matches({_text(each.pattern)})"
                what = f"{each.field} is a {found.avro_type}, which no regular expression matches"
                self._mistakes.add(place, what, "name a text, or use between() or one_of()")
                return None
            case OneOf():
                literals = [self._literal(place, each.field, found, value) for value in each.values]
                return None if None in literals else f"{value} in [{', '.join(filter(None, literals))}]"
            case Between():
                if found.type == "boolean":
                    self._mistakes.add(place, f"{each.field} is a boolean, which has no order", "use one_of()")
                    return None
                sides = [(sign, bound) for sign, bound in ((">=", each.least), ("<=", each.most)) if bound is not None]
                bounds = [(sign, self._literal(place, each.field, found, bound)) for sign, bound in sides]
                if any(literal is None for _, literal in bounds):
                    return None
                return " && ".join(f"{value} {sign} {literal}" for sign, literal in bounds)
        return None

    def _literal(self, place: str, field: str, found: Found, value: Bound) -> str | None:
        """The value as CEL writes it; None, and a mistake is noted, if the field cannot have it."""
        kind: ColumnType | str = found.type
        if found.input is not None and found.input.path and self._fields.timestamp_unit(found.input.path):
            kind = "timestamp"
        write = _WRITERS.get(kind)
        if write is None:
            what = f"{field} is of type {found.avro_type}, whose values are not written here"
            self._mistakes.add(place, what, "write a condition with expect()")
            return None
        literal = write(value)
        if literal is None:
            self._mistakes.add(place, f"{field} is a {kind}, but {value!r} is not", f"give {_WRITTEN[kind]}")
        return literal


def _long(value: Bound) -> str | None:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) and value in _LONGS else None


def _double(value: Bound) -> str | None:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return None
    return repr(float(value))


def _string(value: Bound) -> str | None:
    return _text(value) if isinstance(value, str) else None


def _boolean(value: Bound) -> str | None:
    return str(value).lower() if isinstance(value, bool) else None


def _timestamp(value: Bound) -> str | None:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        return None
    if not isinstance(instant, datetime) or instant.tzinfo is None:
        return None
    return f"timestamp('{instant.astimezone(UTC).replace(tzinfo=None).isoformat()}Z')"


_WRITERS: dict[ColumnType | str, Callable[[Bound], str | None]] = {
    "long": _long,
    "double": _double,
    "string": _string,
    "boolean": _boolean,
    "timestamp": _timestamp,
}


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
