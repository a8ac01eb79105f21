"""Avro values in the Confluent wire format, decoded with the schema that each was written with."""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Mapping
from typing import Any

from fastavro import parse_schema, schemaless_reader
from fastavro.read import SchemaResolutionError
from fastavro.schema import SchemaParseException, UnknownType

from headwater.pipelines.registry import Registry
from headwater.schemas.avro import without_logical_types
from headwater.schemas.errors import FormatError

FRAME = struct.Struct(">bI")

_SCHEMA_ERRORS = (SchemaParseException, UnknownType, ValueError, KeyError, TypeError)
_BODY_ERRORS = (SchemaResolutionError, EOFError, ValueError, LookupError, TypeError, OverflowError, struct.error)


class FramedAvro:
    """Decodes values; each schema is asked for once. Timestamps stay whole numbers.

    Args:
        registry: knows the schemas that values were written with.
        reader_schema: what values are resolved to; None: they are read as they were written.
    """

    def __init__(self, registry: Registry, reader_schema: Mapping[str, Any] | None = None) -> None:
        self._registry = registry
        self._reader = None if reader_schema is None else parse_schema(without_logical_types(reader_schema))
        self._writers: dict[int, Any] = {}

    def decode(self, value: bytes | None) -> Any:
        """What the value holds.

        Raises:
            FormatError: it cannot be decoded; says why.
            RegistryError: the registry cannot be reached.
        """
        if value is None:
            raise FormatError("there is no value")
        if len(value) < FRAME.size or value[0] != 0:
            raise FormatError(
                f"it starts with {value[:5].hex(' ') or 'nothing'}, not with 00 and a schema id of 4 bytes"
            )
        schema_id: int = FRAME.unpack_from(value)[1]
        stream = io.BytesIO(value)
        stream.seek(FRAME.size)
        try:
            found = schemaless_reader(stream, self._writer(schema_id), self._reader)
        except _BODY_ERRORS as error:
            why = str(error) or f"it ends in the middle of a field ({type(error).__name__})"
            raise FormatError(f"schema {schema_id} does not read it: {why}") from error
        left = len(value) - stream.tell()
        if left:
            raise FormatError(f"schema {schema_id} reads it but for {left} bytes behind its end")
        return found

    def _writer(self, schema_id: int) -> Any:
        if schema_id not in self._writers:
            text = self._registry.schema_text(schema_id)
            if text is None:
                raise FormatError(f"the registry has no schema {schema_id}")
            try:
                self._writers[schema_id] = parse_schema(without_logical_types(json.loads(text)))
            except _SCHEMA_ERRORS as error:
                raise FormatError(f"schema {schema_id} of the registry is no Avro schema: {error}") from error
        return self._writers[schema_id]
