"""An event that is sent now and then, to measure when a reader sees it.

::

    probe({"customer_id": "headwater-probe", "amount": 0.0, "item": {"sku": "none", "category": "BOOKS"}}, every="10s")

`headwater watch` sends it with the event time of that moment, and waits until a reader finds it. It is an event like
any other: it makes a row of its own key, and everyone who reads the topic gets it. So choose a key that nothing else
has, and let other consumers leave it out; each other view of the topic can, by a `where`.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any

from fastavro import parse_schema, schemaless_writer
from pydantic import Field, JsonValue, field_validator

from headwater.schemas.avro import without_logical_types
from headwater.schemas.declaration import Declaration
from headwater.schemas.durations import Duration, duration_text, to_ms
from headwater.schemas.plan import Path, ProbePlan, SourcePlan


class Probe(Declaration):
    """See `probe`."""

    event: Mapping[str, JsonValue] = Field(min_length=1, description="give an event as its Avro schema has it")
    every: Duration = timedelta(seconds=10)
    topic: str | None = None

    @field_validator("every")
    @classmethod
    def _check_every(cls, every: timedelta) -> timedelta:
        if not to_ms("1s") <= to_ms(every) <= to_ms("1h"):
            raise ValueError(f"is {duration_text(every)}; choose from 1s to 1h")
        return every


def probe(event: Mapping[str, JsonValue], *, every: str | timedelta = "10s", topic: str | None = None) -> Probe:
    """An event to send.

    Args:
        event: its fields, as Avro has them in JSON, bytes as a text of code points up to 255; a decimal is a number.
            The event time may be left out, and so may fields with a default.
        every: from a second to an hour.
        topic: of the source that it is sent to, where a view has several.
    """
    return Probe(event=event, every=every, topic=topic)


def probe_plan(declared: Probe, sources: Sequence[SourcePlan]) -> ProbePlan | None:
    """What the plan says of a probe; None if the view has no such source."""
    found = [index for index, each in enumerate(sources) if declared.topic in (None, each.topic)]
    if len(found) != 1:
        return None
    return ProbePlan(source=found[0], event=dict(declared.event), every_ms=to_ms(declared.every))


def encoded_probe(plan: ProbePlan, source: SourcePlan, schema: Mapping[str, Any], at_us: int) -> bytes:
    """The Avro body of the event, its time set to an instant in microseconds since the epoch.

    Args:
        schema: that it is written with, the topic's own.

    Raises:
        ValueError: the event does not fit the schema; says where.
    """
    time = at_us // 1000 if source.event_time.unit == "ms" else at_us
    event = _with(plan.event, source.event_time.path, time)
    body = io.BytesIO()
    try:
        written = _as_bytes(schema, event, {})
        schemaless_writer(body, parse_schema(without_logical_types(schema)), written, strict_allow_default=True)
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
        raise ValueError(" ".join(str(error).split()) or repr(error)) from error
    return body.getvalue()


def _as_bytes(kind: Any, value: Any, named: dict[str, Any]) -> Any:
    """The value with bytes where its Avro type has them and JSON has a text, or a number for a decimal."""
    if isinstance(kind, list):
        others = [branch for branch in kind if branch != "null"]
        return _as_bytes(others[0], value, named) if len(others) == 1 and value is not None else value
    if isinstance(kind, str):
        return value.encode("latin-1") if kind == "bytes" and isinstance(value, str) else _named(kind, value, named)
    if "name" in kind:
        named[kind["name"]] = kind
    match kind["type"]:
        case "record" if isinstance(value, Mapping):
            types = {field["name"]: field["type"] for field in kind["fields"]}
            return {
                name: _as_bytes(types[name], each, named) if name in types else each for name, each in value.items()
            }
        case "array" if isinstance(value, list):
            return [_as_bytes(kind["items"], each, named) for each in value]
        case "map" if isinstance(value, Mapping):
            return {name: _as_bytes(kind["values"], each, named) for name, each in value.items()}
        case "bytes" | "fixed" if isinstance(value, str):
            return value.encode("latin-1")
        case "bytes" | "fixed" if kind.get("logicalType") == "decimal":
            return _unscaled(value, kind)
        case list() | dict() as inner:
            return _as_bytes(inner, value, named)
    return value


def _named(name: str, value: Any, named: dict[str, Any]) -> Any:
    """A value of a type that was declared further up, if it is one."""
    found = named.get(name.rpartition(".")[2])
    return value if found is None else _as_bytes(found, value, named)


def _unscaled(value: Any, kind: Mapping[str, Any]) -> bytes:
    unscaled = int((Decimal(str(value)) * 10 ** kind.get("scale", 0)).to_integral_value())
    length = kind["size"] if kind["type"] == "fixed" else unscaled.bit_length() // 8 + 1
    return unscaled.to_bytes(length, "big", signed=True)


def _with(event: Any, path: Path, value: Any) -> Any:
    """The event with another value at the path."""
    if not path:
        return value
    inner = event if isinstance(event, Mapping) else {}
    return {**inner, path[0]: _with(inner.get(path[0]), path[1:], value)}
