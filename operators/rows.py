"""Rows of the feature log as Arrow columns: the step between the log's Avro and the offline log's Parquet.

The columns are the fields of the plan's log schema, in its order, and three more: `day`, the UTC date of
the row's clock, and the row's place in the log, `log_partition` and `log_offset`.

Rows whose writer schema needs no more than leaving out and filling in nulls are decoded straight into
Arrow builders by pyruhvro, over a hundred times faster than through Python objects. It does not resolve
schemas, knows no bytes, does not check UTF-8 and does not see trailing bytes; so schemas that need any
more take the way through fastavro, UTF-8 is checked behind it, and a field of our own behind the last one
tells whether a row ended where it should.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

import fastavro
import pyarrow as pa
import pyruhvro
from fastavro.schema import SchemaParseException, UnknownType
from fastavro.types import Schema

from headwater.schemas.avro import without_logical_types
from headwater.schemas.errors import FormatError
from headwater.schemas.plan import Plan

DAY = "day"
LOG_PARTITION = "log_partition"
LOG_OFFSET = "log_offset"

_FRAME = struct.Struct(">bI")
_TIMESTAMP = pa.timestamp("us", tz="UTC")
_ARROW_TYPES: dict[str, pa.DataType] = {
    "long": pa.int64(),
    "double": pa.float64(),
    "string": pa.string(),
    "bytes": pa.binary(),
    "boolean": pa.bool_(),
    "enum": pa.string(),
    "timestamp-micros": _TIMESTAMP,
    "timestamp-millis": _TIMESTAMP,
}
# Thirty-five bits of no meaning, so that no shorter run of trailing or missing bytes is taken for it.
END_FIELD = {"name": "headwater_end_of_row", "type": "long"}
END_VALUE = 0x3A5C6E719
_DECODING_ERRORS = (
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    OverflowError,
    struct.error,
    fastavro.read.SchemaResolutionError,
    SchemaParseException,
    UnknownType,
)

_ITEMS = {name: _ARROW_TYPES[name] for name in ("long", "double", "string", "bytes", "boolean")}
_ARROW_TYPES |= {f"array<{name}>": pa.list_(kind) for name, kind in _ITEMS.items()}
_ARROW_TYPES |= {f"map<{name}>": pa.map_(pa.string(), kind) for name, kind in _ITEMS.items()}

_Shape = tuple[Any, ...]
_BodyDecoder = Callable[[Sequence[bytes]], list[pa.Array]]


def offline_schema(plan: Plan) -> pa.Schema:
    """The columns of a view's offline log: the log's fields, then day, log_partition and log_offset.

    All timestamps are microseconds in UTC; a column is nullable where its Avro field is.

    Raises:
        FormatError: a field of the plan has the name of one of those three, or a type that no log field has.
    """
    fields = [_arrow_field(field) for field in _fields(plan.log.schema_)]
    taken = {DAY, LOG_PARTITION, LOG_OFFSET} & {field.name for field in fields}
    if taken:
        raise FormatError(f"{plan.view}: the offline log itself has columns named {sorted(taken)}; rename the view's")
    return pa.schema(
        [
            *fields,
            pa.field(DAY, pa.date32(), nullable=False),
            pa.field(LOG_PARTITION, pa.int32(), nullable=False),
            pa.field(LOG_OFFSET, pa.int64(), nullable=False),
        ]
    )


class RowDecoder:
    """Turns log values into Arrow, resolving whatever schema each was written with to the plan's.

    Attributes:
        schema: of every table that `decode` returns; see `offline_schema`.
    """

    def __init__(self, plan: Plan, writer_schema: Callable[[int], Mapping[str, Any]]) -> None:
        """
        Args:
            plan: of the view whose log is decoded.
            writer_schema: the Avro schema of a schema id; raises FormatError for an id that does not exist.
        """
        self.schema = offline_schema(plan)
        self._topic = plan.log.topic
        self._reader = plan.log.schema_
        self._writer_schema = writer_schema
        self._decoders: dict[bytes, _BodyDecoder] = {}

    def decode(self, values: Sequence[bytes], partitions: Sequence[int], offsets: Sequence[int]) -> pa.Table:
        """The rows with these values and places, in their order, with the columns of `schema`.

        Raises:
            FormatError: a value cannot be decoded; names topic, partition and offset of the first such.
        """
        tables = []
        start = 0
        for frame, run in groupby(value[: _FRAME.size] for value in values):
            end = start + sum(1 for _ in run)
            rows = slice(start, end)
            tables.append(self._decode_run(frame, values[rows], partitions[rows], offsets[rows]))
            start = end
        return pa.concat_tables(tables) if tables else self.schema.empty_table()

    def _decode_run(
        self, frame: bytes, values: Sequence[bytes], partitions: Sequence[int], offsets: Sequence[int]
    ) -> pa.Table:
        decoder = self._decoders.get(frame)
        try:
            if decoder is None:
                decoder = self._decoders[frame] = self._decoder_for(frame)
        except FormatError as error:
            raise FormatError(f"{self._place(partitions[0], offsets[0])}: {error}") from error
        bodies = [value[_FRAME.size :] for value in values]
        try:
            columns = decoder(bodies)
        except _DECODING_ERRORS as error:
            at, cause = _first_undecodable(decoder, bodies, error)
            raise FormatError(
                f"{self._place(partitions[at], offsets[at])}: {str(cause) or type(cause).__name__}"
            ) from error
        clock = columns[self.schema.get_field_index("clock")]
        places = [pa.array(partitions, pa.int32()), pa.array(offsets, pa.int64())]
        return pa.Table.from_arrays([*columns, clock.cast(pa.date32()), *places], schema=self.schema)

    def _decoder_for(self, frame: bytes) -> _BodyDecoder:
        if len(frame) < _FRAME.size or frame[0] != 0:
            raise FormatError(f"starts with {frame!r}, not with a zero byte and four of a schema id")
        schema_id: int = _FRAME.unpack(frame)[1]
        writer = self._writer_schema(schema_id)
        try:
            if _needs_no_resolution(writer, self._reader):
                return _quick_decoder(writer, self._reader)
            return _careful_decoder(writer, self._reader)
        except _DECODING_ERRORS as error:
            raise FormatError(f"schema {schema_id} does not resolve to the plan's: {error}") from error

    def _place(self, partition: int, offset: int) -> str:
        return f"{self._topic}, partition {partition}, offset {offset}"


def fields_left_out(writer: Mapping[str, Any], plan: Plan) -> list[str]:
    """The fields of a writer schema that the plan does not know, which the offline log therefore will not have."""
    known = {field["name"] for field in _fields(plan.log.schema_)}
    return [field["name"] for field in _fields(writer) if field["name"] not in known]


def _quick_decoder(writer: Mapping[str, Any], reader: Mapping[str, Any]) -> _BodyDecoder:
    text = json.dumps({**writer, "fields": [*_fields(writer), END_FIELD]})
    end = zigzag(END_VALUE)
    fields = [_arrow_field(field) for field in _fields(reader)]

    def decode(bodies: Sequence[bytes]) -> list[pa.Array]:
        batch = pyruhvro.deserialize_array([body + end for body in bodies], text)
        ends = batch.column(batch.num_columns - 1)
        if not ends.equals(pa.repeat(pa.scalar(END_VALUE, pa.int64()), len(bodies))):
            raise ValueError("does not end where its schema says")
        batch.validate(full=True)
        present = set(batch.schema.names)
        return [
            batch.column(field.name).cast(field.type) if field.name in present else pa.nulls(len(bodies), field.type)
            for field in fields
        ]

    return decode


def _careful_decoder(writer: Mapping[str, Any], reader: Mapping[str, Any]) -> _BodyDecoder:
    # Without their logical types timestamps stay whole numbers: no datetime objects, no end in the year 9999.
    parsed_writer, parsed_reader = (fastavro.parse_schema(without_logical_types(s)) for s in (writer, reader))
    fields = [_arrow_field(field) for field in _fields(reader)]
    units = {field["name"]: _timestamp_unit(field["type"]) for field in _fields(reader)}

    def column(rows: Sequence[Mapping[str, Any]], field: pa.Field) -> pa.Array:
        unit = units[field.name]
        if unit is None:
            return pa.array([_arrow_value(row[field.name]) for row in rows], field.type)
        return (
            pa.array([row[field.name] for row in rows], pa.int64()).cast(pa.timestamp(unit, tz="UTC")).cast(field.type)
        )

    def decode(bodies: Sequence[bytes]) -> list[pa.Array]:
        rows = [_read_row(body, parsed_writer, parsed_reader) for body in bodies]
        return [column(rows, field) for field in fields]

    return decode


def _arrow_value(value: Any) -> Any:
    return list(value.items()) if isinstance(value, Mapping) else value


def _read_row(body: bytes, writer: Schema, reader: Schema) -> Mapping[str, Any]:
    stream = io.BytesIO(body)
    row = fastavro.schemaless_reader(stream, writer, reader)
    if stream.read(1) or not isinstance(row, dict):
        raise ValueError("does not end where its schema says")
    return row


def _needs_no_resolution(writer: Mapping[str, Any], reader: Mapping[str, Any]) -> bool:
    """Whether each field was written as it is read, or not at all and is read as null, and none holds bytes."""
    written = {field["name"]: _shape(field["type"]) for field in _fields(writer)}
    quick = {name for name in _ARROW_TYPES if "bytes" not in name}
    if any(shape[0] not in quick for shape in written.values()) or END_FIELD["name"] in written:
        return False
    for field in _fields(reader):
        if field["name"] in written:
            if written[field["name"]] != _shape(field["type"]):
                return False
        elif field.get("aliases") or field.get("default", field) is not None:
            return False
    return True


def _shape(avro_type: Any) -> _Shape:
    """What of an Avro type decides about its bytes and meaning: (name, symbols, nullable)."""
    if isinstance(avro_type, list):
        if len(avro_type) == 2 and avro_type[0] == "null":
            return (*_shape(avro_type[1])[:2], True)
        return ("union", (), False)
    if not isinstance(avro_type, Mapping):
        return (avro_type, (), False)
    if avro_type["type"] == "enum":
        return ("enum", tuple(avro_type["symbols"]), False)
    if avro_type["type"] in ("array", "map"):
        items = avro_type["items" if avro_type["type"] == "array" else "values"]
        return (f"{avro_type['type']}<{_shape(items)[0]}>", (), False)
    return (avro_type.get("logicalType", avro_type["type"]), (), False)


def _arrow_field(field: Mapping[str, Any]) -> pa.Field:
    name, _, nullable = _shape(field["type"])
    try:
        return pa.field(field["name"], _ARROW_TYPES[name], nullable=nullable)
    except KeyError as error:
        raise FormatError(f"field {field['name']!r} of a feature log cannot be of type {field['type']}") from error


def _first_undecodable(decoder: _BodyDecoder, bodies: Sequence[bytes], batch_error: Exception) -> tuple[int, Exception]:
    for index, body in enumerate(bodies):
        try:
            decoder([body])
        except _DECODING_ERRORS as error:
            return index, error
    return 0, batch_error


def _timestamp_unit(avro_type: Any) -> str | None:
    return {"timestamp-micros": "us", "timestamp-millis": "ms"}.get(_shape(avro_type)[0])


def _fields(schema: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    fields: Iterable[Mapping[str, Any]] = schema["fields"]
    return fields


def zigzag(value: int) -> bytes:
    """A number that is not negative as an Avro long."""
    value, encoded = value << 1, bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*encoded, value])
