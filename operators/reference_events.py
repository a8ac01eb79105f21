"""From a Kafka record to an event of the reference, or to the reason why it is none: the kernel's rules, naively.

A record with several faults is rejected for the first that is found in this order, which the kernel keeps too:

1. the frame: no value, its first byte, no schema id;
2. the schema: unknown, or one that the plan's schema cannot read;
3. the shape of the whole record, in the order of its bytes: truncated, malformed; then bytes behind it;
4. the record's own timestamp;
5. values that the plan names and that cannot be decoded, wherever they stand: texts, decimals, an array too long;
6. of each event, in the order of an exploded array: numbers in expressions that are not finite, conditions (one that is
   false, that is all), event time, key, future, columns, event id, expectations. An expression fails where it is used.
"""

from __future__ import annotations

import io
import math
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastavro import parse_schema, schemaless_reader
from fastavro.read import SchemaResolutionError

from headwater.operators.avro_shape import shape_fault
from headwater.operators.reference import ReferenceEvent
from headwater.operators.reference_expectations import ExpectationChecks
from headwater.operators.reference_windows import END_OF_EVENTS_US
from headwater.schemas.avro import AvroField, AvroRecord, without_logical_types
from headwater.schemas.contracts.parse import parse
from headwater.schemas.contracts.resolution import breaks
from headwater.schemas.contracts.types import AvroType
from headwater.schemas.dead_letter import Reason
from headwater.schemas.errors import ContractError, EvaluationError, FormatError
from headwater.schemas.event_ids import encode_event_id
from headwater.schemas.expressions import Expression, Scope
from headwater.schemas.keys import EntityField, KeyValue, encode_key
from headwater.schemas.plan import Column, Input, Path, Plan, SourcePlan

LONGEST_TEXT_BYTES = 32 * 1024
"""Of a column: a row repeats a text once per feature, and must still be one Kafka record."""

MOST_ELEMENTS = 65_535
"""Of an array that is exploded."""

LONGEST_DECIMAL_BYTES = 64

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
        self._schema_of = schema_of
        self._writers: dict[int, _Writer | None] = {}
        self._sources = [_SourceReader(plan, index) for index in range(len(plan.sources))]
        self.detail = ""
        """Which expectations the last record did not meet, if it was rejected for them."""

    def read(self, source: int, record: SourceRecord) -> list[tuple[bytes, ReferenceEvent]] | Reason:
        """The events in a record of the plan's source of this index, each with its key, or why it is rejected.

        There are none if conditions keep it out, and several if an array is exploded.

        Raises:
            ExpectationError: an expectation that is not met stops the job at this record.
        """
        self.detail = ""
        if record.value is None:
            return Reason.NULL_VALUE
        if record.value[:1] != b"\0":
            return Reason.BAD_MAGIC
        if len(record.value) < FRAME.size:
            return Reason.TRUNCATED
        writer = self._writer(FRAME.unpack_from(record.value)[1])
        if writer is None:
            return Reason.UNKNOWN_SCHEMA
        try:
            return self._sources[source].events(record, record.value[FRAME.size :], writer)
        except _RejectedError as error:
            self.detail = error.detail
            return error.reason

    def expectations(self, source: int) -> ExpectationChecks:
        """How often the expectations of the plan's source of this index were checked and not met so far."""
        return self._sources[source].expectations

    def _writer(self, schema_id: int) -> _Writer | None:
        if schema_id not in self._writers:
            schema = self._schema_of(schema_id)
            self._writers[schema_id] = None if schema is None else _Writer(schema, parse(schema)[0], _parsed(schema))
        return self._writers[schema_id]


@dataclass(frozen=True, eq=False, slots=True)
class _Writer:
    """A writer's schema as JSON, as the graph of its types, if it can be followed, and as fastavro parsed it."""

    schema: Mapping[str, Any]
    type: AvroType | None
    parsed: Any


class _RejectedError(Exception):
    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.detail = detail


class _SourceReader:
    def __init__(self, plan: Plan, index: int) -> None:
        self._plan = plan
        self._index = index
        self._source: SourcePlan = plan.sources[index]
        self._schema = AvroRecord(self._source.reader_schema, self._source.explode)
        self._reader = _parsed(self._source.reader_schema)
        self._reader_type = parse(self._source.reader_schema)[0]
        self._readable: dict[_Writer, bool] = {}
        scope = Scope(self._source.variables)
        inputs = [each for each in (*self._source.key, *self._source.columns, *self._source.event_id) if each]
        texts = (*self._source.where, *(each.cel for each in inputs if each.cel is not None))
        self._expressions: dict[str, Expression] = {text: scope.check(text) for text in texts}
        self.expectations = ExpectationChecks(self._source, scope)
        deciding = [*self._expressions.values(), *map(scope.check, self.expectations.required_conditions)]
        self._deciding = {variable.name for expression in deciding for variable in expression.variables}
        paths = (
            self._source.event_time.path,
            *(variable.path for variable in self._source.variables),
            *(each.path for each in inputs if each.path is not None),
        )
        self._fields: dict[Path, AvroField] = {path: self._schema.field(path) for path in paths}

    def events(self, record: SourceRecord, body: bytes, writer: _Writer) -> list[tuple[bytes, ReferenceEvent]]:
        if writer not in self._readable:
            self._readable[writer] = self._can_read(writer)
        if writer.type is None or not self._readable[writer]:
            raise _RejectedError(Reason.SCHEMA_INCOMPATIBLE)
        if fault := shape_fault(writer.type, body):
            raise _RejectedError(fault)
        if not 0 <= record.timestamp_ms < END_OF_EVENTS_US // 1000:
            raise _RejectedError(Reason.EVENT_TIME_OUT_OF_RANGE)
        try:
            decoded: Any = schemaless_reader(io.BytesIO(body), writer.parsed, self._reader)
        except SchemaResolutionError:
            raise _RejectedError(Reason.SCHEMA_INCOMPATIBLE) from None
        except (ValueError, IndexError, EOFError, OverflowError, UnicodeDecodeError):
            raise _RejectedError(Reason.MALFORMED) from None
        elements = list(self._each(decoded))
        if len(elements) > MOST_ELEMENTS:
            raise _RejectedError(Reason.MALFORMED)
        around = self._values(decoded, within=False)
        values = [around | self._values(element, within=True) for element in elements]
        events = [self._event(record, index, found) for index, found in enumerate(values)]
        return [event for event in events if event is not None]

    def _each(self, decoded: Any) -> Iterator[Any]:
        """The record once for each element of the exploded array, which stands in the array's place."""
        path = self._source.explode
        if path is None:
            yield decoded
            return
        for element in _at(decoded, path) or ():
            yield _replaced(decoded, path, element)

    def _values(self, decoded: Any, *, within: bool) -> dict[Path, Any]:
        """The values at the paths that the plan names, of those within the exploded array or of those around it."""
        explode = self._source.explode
        return {
            path: _as_column(_at(decoded, path), field)
            for path, field in self._fields.items()
            if (explode is not None and path[: len(explode)] == explode) is within
        }

    def _event(self, record: SourceRecord, index: int, values: dict[Path, Any]) -> tuple[bytes, ReferenceEvent] | None:
        source = self._source
        variables = {variable.name: values[variable.path] for variable in source.variables}
        if any(not _is_finite(variables[name]) for name in self._deciding):
            raise _RejectedError(Reason.NOT_FINITE)
        for text in source.where:
            if self._evaluated(text, variables) is not True:
                return None
        time_us = self._event_time(values)
        key = _key(self._plan.entity, [self._input(each, values, variables) for each in source.key])
        if time_us > (record.timestamp_ms + source.allowed_skew_ms) * 1000:
            raise _RejectedError(Reason.FUTURE_EVENT)
        columns = [self._input(each, values, variables) for each in source.columns]
        for column, value in zip(self._plan.columns, columns, strict=True):
            _check_column(column, value)
        parts = [self._input(each, values, variables) for each in source.event_id]
        event_id = _event_id(parts) if parts else b""
        unmet = self.expectations.unmet(variables, record.timestamp_ms * 1000 - time_us)
        if unmet is not None:
            raise _RejectedError(Reason.EXPECTATION_FAILED, unmet)
        return key, ReferenceEvent(
            time_us=time_us,
            values=tuple(columns),
            ingested_at_ms=record.timestamp_ms,
            source=self._index,
            partition=record.partition,
            offset=record.offset,
            index=index,
            id=event_id,
        )

    def _event_time(self, values: dict[Path, Any]) -> int:
        declared = self._source.event_time
        stamp: int | None = values[declared.path]
        if stamp is None:
            raise _RejectedError(Reason.MISSING_EVENT_TIME)
        time_us = stamp * 1000 if declared.unit == "ms" else stamp
        if not 0 <= time_us < END_OF_EVENTS_US:
            raise _RejectedError(Reason.EVENT_TIME_OUT_OF_RANGE)
        return time_us

    def _input(self, given: Input | None, values: dict[Path, Any], variables: Mapping[str, Any]) -> Any:
        if given is None:
            return None
        return values[given.path] if given.path is not None else self._evaluated(given.cel or "", variables)

    def _evaluated(self, text: str, variables: Mapping[str, Any]) -> Any:
        try:
            return self._expressions[text].value(variables)
        except EvaluationError:
            raise _RejectedError(Reason.EXPRESSION_FAILED) from None

    def _can_read(self, writer: _Writer) -> bool:
        """Whether the plan's schema can read the writer's, and each decimal is one of the same scale."""
        if writer.type is None or self._reader_type is None:
            return False
        for path, field in self._fields.items():
            if field.scale is not None:
                try:
                    written = AvroRecord(writer.schema, self._source.explode).field(path)
                except ContractError:
                    continue  # the writer has no such field
                if written.scale != field.scale:
                    return False
        return all(found.kind != "unreadable" for found in breaks(self._reader_type, writer.type))


def _as_column(value: Any, field: AvroField) -> Any:
    """A decoded value as the column type has it: decimals as the nearest double, arrays as lists of doubles."""
    if value is None:
        return None
    if field.scale is not None:
        unscaled = value.encode("latin-1") if isinstance(value, str) else value
        if not 1 <= len(unscaled) <= LONGEST_DECIMAL_BYTES:
            raise _RejectedError(Reason.MALFORMED)
        return int.from_bytes(unscaled, "big", signed=True) / 10**field.scale
    if field.type == "vector":
        return [float(number) for number in value]
    return value


def _check_column(column: Column, value: Any) -> None:
    if column.type == "vector" and value is not None and len(value) != column.dimensions:
        raise _RejectedError(Reason.MALFORMED)
    if not _is_finite(value):
        raise _RejectedError(Reason.NOT_FINITE)
    if _text_bytes(value) > LONGEST_TEXT_BYTES:
        raise _RejectedError(Reason.MALFORMED)


def _is_finite(value: Any) -> bool:
    numbers = value if isinstance(value, list) else (value,)
    return all(math.isfinite(number) for number in numbers if isinstance(number, float))


def _text_bytes(value: Any) -> int:
    if isinstance(value, str):
        return len(value.encode())
    return len(value) if isinstance(value, bytes) else 0


def _at(event: Any, path: Path) -> Any:
    for name in path:
        if event is None:
            return None
        event = event[name]
    return event


def _replaced(event: Any, path: Path, value: Any) -> Any:
    """The event with another value at the path."""
    if not path:
        return value
    return {**event, path[0]: _replaced(event[path[0]], path[1:], value)}


def _key(entity: tuple[EntityField, ...], parts: list[Any]) -> bytes:
    if any(part is None or part in ("", b"") for part in parts):
        raise _RejectedError(Reason.MISSING_KEY)
    values: dict[str, KeyValue] = {field.name: part for field, part in zip(entity, parts, strict=True)}
    try:
        return encode_key(entity, values)
    except FormatError:
        raise _RejectedError(Reason.KEY_TOO_LONG) from None


def _event_id(parts: list[Any]) -> bytes:
    if any(part is None or part in ("", b"") for part in parts):
        raise _RejectedError(Reason.MISSING_EVENT_ID)
    try:
        return encode_event_id(parts)
    except FormatError:
        raise _RejectedError(Reason.MALFORMED) from None


def _parsed(schema: Any) -> Any:
    """The parsed schema without logical types: their underlying values are what is aggregated."""
    return parse_schema(without_logical_types(schema))
