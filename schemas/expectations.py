"""What should be true of every event that counts, declared on a source or a view, and what becomes of one otherwise.

All take an `action`: `count`, which only counts in the metrics of the job; `dead_letter`, by which the event is not one
of the view's: its record goes to the dead letters with the reason `expectation_failed`; or `stop`, by which the job
does not pass the record. And a `name`, under which metrics and dead letters have it, by default the field and the kind.

A field is named by its dotted path, or by its name among the source's `columns`. A null meets all of them but
`not_null`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from headwater.schemas.declaration import Declaration
from headwater.schemas.durations import Duration, duration_text, to_ms
from headwater.schemas.plan import Action

Bound = bool | int | float | str | datetime

LONGEST_NAME = 60
LONGEST_AGE = "366d"

_NAME = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{LONGEST_NAME - 1}}}")


def not_null(field: str, *, action: Action = "count", name: str | None = None) -> Expectation:
    """The field has a value."""
    return NotNull(field=field, action=action, name=name)


def between(
    field: str,
    least: int | float | str | datetime | None,
    most: int | float | str | datetime | None,
    *,
    action: Action = "count",
    name: str | None = None,
) -> Expectation:
    """The value is at least the one and at most the other; None leaves a side open.

    Bounds of a timestamp are aware datetimes or ISO 8601 with a zone; texts compare by code point.
    """
    return Between(field=field, least=least, most=most, action=action, name=name)


def one_of(field: str, values: Sequence[Bound], *, action: Action = "count", name: str | None = None) -> Expectation:
    """The value is one of these."""
    return OneOf(field=field, values=values, action=action, name=name)


def matches(field: str, pattern: str, *, action: Action = "count", name: str | None = None) -> Expectation:
    """A part of the text matches this regular expression, in the syntax of RE2; `^...$` asks it of the whole."""
    return Matches(field=field, pattern=pattern, action=action, name=name)


def fresh_within(age: str | timedelta, *, action: Action = "count", name: str | None = None) -> Expectation:
    """Kafka got the event no later than this after it happened, by the record's timestamp and the event time."""
    return FreshWithin(age=age, action=action, name=name)


def expect(condition: str, *, name: str, action: Action = "count") -> Expectation:
    """The condition, an expression in CEL over the event's fields, is true or null; one that fails is not met."""
    return Condition(condition=condition, name=name, action=action)


def _checked_name(name: str | None) -> str | None:
    if name is not None and not _NAME.fullmatch(name):
        raise ValueError(f"is {name!r}; use at most {LONGEST_NAME} letters, digits and underscores")
    return name


class Expectation(Declaration):
    """Something that should be true of every event, and what becomes of one of which it is not."""

    action: Action = "count"
    name: Annotated[str | None, AfterValidator(_checked_name)] = None

    @property
    def full_name(self) -> str:
        """The name that it was given, or else the one that it has by default."""
        return self.name or self._default_name()

    def _default_name(self) -> str:
        return "expectation"


class OfField(Expectation):
    """One that is about the value of a field."""

    field: str = Field(min_length=1, description="name a field of the events")

    def _default_name(self) -> str:
        kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()
        return f"{self.field.replace('.', '_')}_{kind}"


class NotNull(OfField):
    """See `not_null`."""


class Between(OfField):
    """See `between`."""

    least: Bound | None
    most: Bound | None

    @field_validator("most")
    @classmethod
    def _check_most(cls, most: Bound | None, arguments: ValidationInfo) -> Bound | None:
        least = arguments.data.get("least")
        if least is None and most is None:
            raise ValueError("and least are both None; give at least one of them")
        if isinstance(least, int | float) and isinstance(most, int | float) and least > most:
            raise ValueError(f"is {most!r}, less than {least!r}; say the lesser one first")
        return most


class OneOf(OfField):
    """See `one_of`."""

    values: Annotated[Sequence[Bound], AfterValidator(tuple)] = Field(
        min_length=1, description="list the values that the field may have"
    )


class Matches(OfField):
    """See `matches`."""

    pattern: str = Field(min_length=1, description="give a regular expression, such as '^[A-Z]{3}$'")


class FreshWithin(Expectation):
    """See `fresh_within`."""

    age: Duration

    @field_validator("age")
    @classmethod
    def _check_age(cls, age: timedelta) -> timedelta:
        if not 1 <= to_ms(age) <= to_ms(LONGEST_AGE):
            raise ValueError(f"is {duration_text(age)}; choose from 1ms to {LONGEST_AGE}")
        return age

    def _default_name(self) -> str:
        return "fresh_within" if self.broken else f"fresh_within_{duration_text(self.age)}"


class Condition(Expectation):
    """See `expect`."""

    condition: str
