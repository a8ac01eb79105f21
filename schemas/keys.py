"""The canonical entity key and the partition of the feature log that it belongs to.

A key is the Avro binary encoding of the entity's fields in their declared order, so that every
language with an Avro library can build it: a string or bytes field is its length as a zigzag varint
followed by its bytes, a long a zigzag varint, a boolean one byte. The partition is Kafka's Java
default (murmur2), which is not librdkafka's default.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Literal

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.types import AvroMessage, Schema
from pydantic import BaseModel, ConfigDict

from headwater.schemas.errors import FormatError

KeyType = Literal["string", "long", "bytes", "boolean"]
KeyValue = str | int | bytes | bool

MAX_KEY_BYTES = 4096

_PYTHON_TYPES: dict[str, type] = {"string": str, "long": int, "bytes": bytes, "boolean": bool}


class EntityField(BaseModel):
    """One field of an entity key, by name and canonical type."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: KeyType


def encode_key(entity: Sequence[EntityField], values: Mapping[str, KeyValue]) -> bytes:
    """The canonical key of the entity whose fields have these values.

    Raises:
        FormatError: a field is missing, unknown, empty or of another type, or the key is longer than MAX_KEY_BYTES.
    """
    names = [field.name for field in entity]
    if set(values) != set(names):
        raise FormatError(f"the entity key has the fields {names}, but {sorted(values)} were given")
    for field in entity:
        value = values[field.name]
        if type(value) is not _PYTHON_TYPES[field.type]:
            raise FormatError(f"key field {field.name!r} is a {field.type}, but {value!r} is a {type(value).__name__}")
        if value in ("", b""):
            raise FormatError(f"key field {field.name!r} is empty")
    buffer = io.BytesIO()
    try:
        schemaless_writer(buffer, _key_schema(entity), values)
    except (ValueError, OverflowError) as error:
        raise FormatError(f"key {dict(values)!r} cannot be encoded: {error}") from error
    key = buffer.getvalue()
    if len(key) > MAX_KEY_BYTES:
        raise FormatError(f"the key has {len(key)} bytes; at most {MAX_KEY_BYTES} are allowed")
    return key


def decode_key(entity: Sequence[EntityField], key: bytes) -> dict[str, KeyValue]:
    """The values of the entity's fields in a canonical key; the inverse of `encode_key`.

    Raises:
        FormatError: the bytes are not a canonical key of this entity.
    """
    stream = io.BytesIO(key)
    try:
        values: AvroMessage = schemaless_reader(stream, _key_schema(entity), None)
    except (EOFError, ValueError, IndexError, UnicodeDecodeError) as error:
        raise FormatError(f"{key!r} is not a key of {[field.name for field in entity]}: {error}") from error
    if stream.read(1) or not isinstance(values, dict):
        raise FormatError(f"{key!r} has bytes behind the key of {[field.name for field in entity]}")
    return values


def partition_of(key: bytes, partitions: int) -> int:
    """The partition that Kafka's Java producer would choose for this key."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions


def murmur2(data: bytes) -> int:
    """The 32-bit murmur2 hash with Kafka's seed, unsigned. Source: org.apache.kafka.common.utils.Utils.murmur2."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    length = len(data)
    hashed = (0x9747B28C ^ length) & mask
    body = length & ~3
    for index in range(0, body, 4):
        word = int.from_bytes(data[index : index + 4], "little") * multiplier & mask
        word = (word ^ (word >> 24)) * multiplier & mask
        hashed = (hashed * multiplier & mask) ^ word
    if length > body:
        hashed = (hashed ^ int.from_bytes(data[body:], "little")) * multiplier & mask
    hashed = (hashed ^ (hashed >> 13)) * multiplier & mask
    return hashed ^ (hashed >> 15)


def _key_schema(entity: Sequence[EntityField]) -> Schema:
    return _parsed(tuple((field.name, field.type) for field in entity))


@lru_cache(maxsize=256)
def _parsed(fields: tuple[tuple[str, str], ...]) -> Schema:
    """Parsed once: that takes longer than encoding a key."""
    described = [{"name": name, "type": kind} for name, kind in fields]
    return parse_schema({"type": "record", "name": "Key", "fields": described}, named_schemas={})
