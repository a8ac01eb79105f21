"""Tables of events as an author writes them in a test, and their rows as values that an Avro encoder takes.

A table is a list of mappings by field name, or text with a line of names and a line for each event::

    purchased_at          customer_id  amount  item.category
    2026-01-31T12:00:00Z  ann          10.5    BOOKS
    2026-01-31T12:00:20Z  "Bo Lee"     -       TOYS

In text a dash is null, and quotes hold together what has blanks or ends of lines in it. Nested fields have dotted
names. Text is read as the field's type wants it: times as ISO 8601 with a zone, bytes as hexadecimal digits, arrays,
maps and records as JSON.
"""

from __future__ import annotations

import difflib
import json
import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from fastavro import parse_schema

from headwater.schemas.errors import EventTableError
from headwater.schemas.plan import EventTime, Path

Row = Mapping[str, Any]

NULL = "-"

_TIMES = "write 2026-01-31T12:00:00Z, or seconds since 1970"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIMESTAMPS = {"timestamp-millis": timedelta(milliseconds=1), "timestamp-micros": timedelta(microseconds=1)}


def rows_of(events: str | Iterable[Row]) -> list[dict[str, Any]]:
    """The rows of a table, each by field name.

    Raises:
        EventTableError: a line has more or fewer cells than the first line has names.
    """
    if not isinstance(events, str):
        return [dict(row) for row in events]
    names, *rows = [cells for cells in _lines(events) if cells] or [[]]
    for number, cells in enumerate(rows):
        if len(cells) != len(names):
            raise EventTableError(
                f"row {number}: {len(cells)} cells under {len(names)} names: {' '.join(cells)}"
                f" (write {NULL} for null, and quotes around a text with blanks)"
            )
    return [{name: _cell(cell) for name, cell in zip(names, cells, strict=True)} for cells in rows]


def instant_us(instant: object) -> int:
    """Microseconds since the epoch, of ISO 8601 text with a zone, an aware datetime, or seconds since the epoch.

    Raises:
        EventTableError: it is none of these.
    """
    if isinstance(instant, str):
        instant = _time_of(instant)
    if isinstance(instant, datetime):
        if instant.tzinfo is None:
            raise EventTableError(f"{instant.isoformat()} has no time zone: write {instant.isoformat()}Z for UTC")
        return (instant - _EPOCH) // timedelta(microseconds=1)
    if isinstance(instant, bool) or not isinstance(instant, int | float):
        raise EventTableError(f"{instant!r} is not a time: {_TIMES}")
    return round(instant * 1_000_000)


def _lines(text: str) -> Iterator[list[str]]:
    """The cells of each line; quotes may hold lines together."""
    line = ""
    for part in text.splitlines():
        line += part
        try:
            cells = shlex.split(line, comments=True)
        except ValueError:
            line += "\n"
            continue
        yield cells
        line = ""
    if line:
        raise EventTableError(f"a quotation mark is never closed: {line.strip()}")


class EventShape:
    """Turns rows into the events of one source, as its Avro schema says.

    `event` gives what is encoded with `read`, the part of the schema that the view reads: fields outside it may be
    left out, and fields outside `whole` are mistakes.
    """

    def __init__(self, whole: Mapping[str, Any], read: Mapping[str, Any], event_time: EventTime) -> None:
        self._event_time = event_time
        self._named: dict[str, Any] = {}
        self._whole_named: dict[str, Any] = {}
        self._read = parse_schema(dict(read), named_schemas=self._named)
        self._whole = parse_schema(dict(whole), named_schemas=self._whole_named)

    def event(self, row: Row) -> dict[str, Any]:
        """The event of a row.

        Raises:
            EventTableError: a field is unknown, missing or not of its type; suggests what could be meant.
        """
        nested = _nested(row)
        self._check_names(self._whole, nested, ())
        value: dict[str, Any] = self._record(self._read, nested, ())
        return value

    def _check_names(self, schema: Any, value: Any, path: Path) -> None:
        schema = self._whole_named.get(schema, schema) if isinstance(schema, str) else schema
        if isinstance(schema, list):
            schema = next((branch for branch in schema if branch != "null"), "null")
            schema = self._whole_named.get(schema, schema) if isinstance(schema, str) else schema
        if not isinstance(value, Mapping) or not isinstance(schema, Mapping) or schema["type"] != "record":
            return
        types = {field["name"]: field["type"] for field in schema["fields"]}
        for name, inner in value.items():
            if name not in types:
                raise EventTableError(_unknown((*path, name), [".".join((*path, known)) for known in types]))
            self._check_names(types[name], inner, (*path, name))

    def _record(self, schema: Any, row: Mapping[str, Any], path: Path) -> dict[str, Any]:
        event = {}
        for field in schema["fields"]:
            at = (*path, field["name"])
            if field["name"] in row:
                event[field["name"]] = self._value(field["type"], row[field["name"]], at)
            elif "default" in field:
                event[field["name"]] = field["default"]
            elif isinstance(field["type"], list) and "null" in field["type"]:
                event[field["name"]] = None
            else:
                raise EventTableError(f"{'.'.join(at)} is missing: the view reads it and it has no default")
        return event

    def _value(self, schema: Any, value: Any, path: Path) -> Any:
        schema = self._named.get(schema, schema) if isinstance(schema, str) else schema
        if isinstance(schema, list):
            return self._branch(schema, value, path)
        kind = schema["type"] if isinstance(schema, Mapping) else schema
        logical = schema.get("logicalType") if isinstance(schema, Mapping) else None
        if value is None and kind != "null":
            raise EventTableError(f"{'.'.join(path)} is null, but its type, {kind}, has no null")
        if path == self._event_time.path:
            return instant_us(value) // (1000 if self._event_time.unit == "ms" else 1)
        if isinstance(value, str) and kind in ("array", "map", "record"):
            value = _parsed(json.loads, value, path, f"JSON of {_article(kind)}")
        if kind == "record":
            return self._record(schema, _typed(Mapping, value, path, "a mapping"), path)
        if kind == "array":
            return [self._value(schema["items"], each, path) for each in _typed(list | tuple, value, path, "a list")]
        if kind == "map":
            items = _typed(Mapping, value, path, "a mapping").items()
            return {name: self._value(schema["values"], each, path) for name, each in items}
        if kind == "enum" and value not in schema["symbols"]:
            raise EventTableError(f"{'.'.join(path)} is {value!r}, not one of {', '.join(schema['symbols'])}")
        return _scalar(logical if logical in _LOGICAL else kind, value, path)

    def _branch(self, branches: Sequence[Any], value: Any, path: Path) -> Any:
        if value is None and "null" in branches:
            return None
        refusals = []
        for branch in branches:
            if branch != "null":
                try:
                    return self._value(branch, value, path)
                except EventTableError as error:
                    refusals.append(str(error))
        raise EventTableError(" or ".join(refusals))


def _time_of(text: str) -> datetime | float:
    try:
        return float(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise EventTableError(f"{text!r} is not a time: {_TIMES}") from None


def _scalar(kind: str, value: Any, path: Path) -> Any:
    if kind in _TIMESTAMPS:
        return _EPOCH + timedelta(microseconds=instant_us(value)) // _TIMESTAMPS[kind] * _TIMESTAMPS[kind]
    if kind not in _READ:
        return value
    types, from_text, description = _READ[kind]
    if isinstance(value, str) and str not in types:
        value = _parsed(from_text, value, path, description)
    if isinstance(value, bool) and bool not in types:
        raise EventTableError(f"{'.'.join(path)} is {value!r}, not {description}")
    return _typed(types, value, path, description)


_LOGICAL = frozenset({*_TIMESTAMPS, "decimal", "date", "uuid"})

_READ: dict[str, tuple[tuple[type, ...], Callable[[str], Any], str]] = {
    "int": ((int,), int, "a whole number"),
    "long": ((int,), int, "a whole number"),
    "float": ((float, int), float, "a number"),
    "double": ((float, int), float, "a number"),
    "boolean": ((bool,), lambda text: {"true": True, "false": False}[text.lower()], "true or false"),
    "string": ((str,), str, "a text"),
    "bytes": ((bytes,), bytes.fromhex, "bytes, or hexadecimal digits"),
    "fixed": ((bytes,), bytes.fromhex, "bytes, or hexadecimal digits"),
    "decimal": ((Decimal, int), Decimal, "a Decimal"),
    "date": ((date,), date.fromisoformat, "a date such as 2026-01-31"),
    "uuid": ((UUID,), UUID, "a UUID"),
}


def _parsed(parse: Callable[[str], Any], text: str, path: Path, description: str) -> Any:
    try:
        return parse(text)
    except (ValueError, KeyError, InvalidOperation):
        raise EventTableError(f"{'.'.join(path)} is {text!r}, not {description}") from None


def _typed(types: Any, value: Any, path: Path, description: str) -> Any:
    if not isinstance(value, types):
        raise EventTableError(f"{'.'.join(path)} is {value!r}, not {description}")
    return value


def _nested(row: Row) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for dotted, value in row.items():
        *parents, name = dotted.split(".")
        inner = nested
        for parent in parents:
            inner = inner.setdefault(parent, {})
            if not isinstance(inner, dict):
                raise EventTableError(f"{dotted} and {parent} are both given")
        inner[name] = value
    return nested


def _cell(text: str) -> str | None:
    return None if text == NULL else text


def _unknown(path: Path, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(".".join(path), known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known)}"
    return f"the events have no field {'.'.join(path)!r}; {hint}"


def _article(kind: str) -> str:
    return f"an {kind}" if kind == "array" else f"a {kind}"
