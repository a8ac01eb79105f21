"""From a Kafka record to an event of the reference, or to the reason why it is none: the kernel's rules, naively."""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from fastavro import parse_schema, schemaless_reader
from fastavro.read import SchemaResolutionError

from headwater.operators.reference import ReferenceEvent
from headwater.schemas.avro import without_logical_types
from headwater.schemas.dead_letter import Reason
from headwater.schemas.errors import FormatError
from headwater.schemas.keys import EntityField, KeyValue, encode_key
from headwater.schemas.plan import Input, Path, Plan

END_OF_TIME_MS = 253_367_568_000_000
"""A little more than the longest window before the year 10000, so that no tick lies beyond it."""

LONGEST_TEXT_BYTES = 32 * 1024
"""Of a column: a row repeats a text once per feature, and must still be one Kafka record."""

FRAME = struct.Struct(">bI")


@dataclass(frozen=True, slots=True)
class SourceRecord:
    """A record of an event topic, as Kafka gave it."""

    value: bytes | None
    timestamp_ms: int
    partition: int
    offset: int


SchemaLookup = Callable[[int], Mapping[str, Any] | None]


class EventReader:
    """Reads records as the view's plan says; schemas are looked up once for each id."""

    def __init__(self, plan: Plan, schema_of: SchemaLookup) -> None:
        """
        Args:
            plan: the view's plan.
            schema_of: the writer schema that the registry has for an id, or None if it has none.
        """
        self._plan = plan
        self._schema_of = schema_of
        self._writers: dict[int, Any] = {}
        self._readers = [_parsed(source.reader_schema) for source in plan.sources]

    def read(self, source: int, record: SourceRecord) -> tuple[bytes, ReferenceEvent] | Reason:
        """The key and the event in a record of the plan's source of this index, or the reason why it is rejected."""
        if record.value is None:
            return Reason.NULL_VALUE
        if record.value[:1] != b"\0":
            return Reason.BAD_MAGIC
        if len(record.value) < FRAME.size:
            return Reason.TRUNCATED
        writer = self._writer(FRAME.unpack_from(record.value)[1])
        if writer is None:
            return Reason.UNKNOWN_SCHEMA
        stream = io.BytesIO(record.value[FRAME.size :])
        try:
            event: Any = schemaless_reader(stream, writer, self._readers[source])
        except SchemaResolutionError:
            return Reason.SCHEMA_INCOMPATIBLE
        except EOFError:
            return Reason.TRUNCATED
        except (ValueError, IndexError, OverflowError, UnicodeDecodeError):
            return Reason.MALFORMED
        if stream.read(1):
            return Reason.TRAILING_BYTES
        return _accept(self._plan, source, record, event)

    def _writer(self, schema_id: int) -> Any:
        if schema_id not in self._writers:
            schema = self._schema_of(schema_id)
            self._writers[schema_id] = None if schema is None else _parsed(schema)
        return self._writers[schema_id]


def _accept(plan: Plan, source: int, record: SourceRecord, event: Any) -> tuple[bytes, ReferenceEvent] | Reason:
    declared = plan.sources[source]
    if not 0 <= record.timestamp_ms < END_OF_TIME_MS:
        return Reason.EVENT_TIME_OUT_OF_RANGE
    stamp = _at(event, declared.event_time.path)
    if stamp is None:
        return Reason.MISSING_EVENT_TIME
    time_us = stamp * 1000 if declared.event_time.unit == "ms" else stamp
    if not 0 <= time_us < END_OF_TIME_MS * 1000:
        return Reason.EVENT_TIME_OUT_OF_RANGE
    key = _key(plan.entity, [_input(event, each) for each in declared.key])
    if isinstance(key, Reason):
        return key
    if time_us > (record.timestamp_ms + declared.allowed_skew_ms) * 1000:
        return Reason.FUTURE_EVENT
    values = tuple(_input(event, each) for each in declared.columns)
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        return Reason.NOT_FINITE
    if any(_text_bytes(value) > LONGEST_TEXT_BYTES for value in values):
        return Reason.MALFORMED
    return key, ReferenceEvent(time_us, values, record.timestamp_ms, source, record.partition, record.offset)


def _text_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    return len(value) if isinstance(value, bytes) else 0


def _input(event: Any, value: Input | None) -> Any:
    return None if value is None or value.path is None else _at(event, value.path)


def _at(event: Any, path: Path) -> Any:
    for name in path:
        if event is None:
            return None
        event = event[name]
    return event


def _key(entity: tuple[EntityField, ...], parts: list[Any]) -> bytes | Reason:
    if any(part is None or part in ("", b"") for part in parts):
        return Reason.MISSING_KEY
    values: dict[str, KeyValue] = {field.name: part for field, part in zip(entity, parts, strict=True)}
    try:
        return encode_key(entity, values)
    except FormatError:
        return Reason.KEY_TOO_LONG


def _parsed(schema: Any) -> Any:
    """The parsed schema without logical types: their underlying values are what is aggregated."""
    return parse_schema(without_logical_types(schema))
