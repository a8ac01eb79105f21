"""The feature log: the Avro schema of its rows, and the headers that let a reader pass rows on undecoded.

A row's key is the canonical entity key, its value Confluent-framed Avro. The record header
``headwater`` repeats in fixed places what a materializer needs (`RowHeader`); its first 24 bytes are
the row's version, which compares as bytes. A heartbeat has no value, a key of its own
(`heartbeat_key`) and the header ``headwater-heartbeat`` (`Heartbeat`).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any, NamedTuple

from headwater.schemas.errors import FormatError
from headwater.schemas.keys import EntityField
from headwater.schemas.plan import Feature, ValueType, Window

ROW_HEADER_NAME = "headwater"
HEARTBEAT_HEADER_NAME = "headwater-heartbeat"
VERSION_BYTES = 24
NEVER_US = 2**63 - 1

_ROW_HEADER = struct.Struct(">8qB")
_HEARTBEAT = struct.Struct(">qiiqq")

CAUSES = ("EVENT", "EXPIRY")

FIXED_FIELDS = ("generation", "clock", "n", "event_time", "ingested_at", "computed_at", "cause")


class RowHeader(NamedTuple):
    """The fixed part of a row. `empty_at_us` is when the last event leaves the last window."""

    generation: int
    clock_us: int
    n: int
    event_time_us: int
    ingested_at_ms: int
    computed_at_ms: int
    empty_at_us: int
    next_change_us: int
    cause: int

    def pack(self) -> bytes:
        """The header's 65 bytes."""
        return _ROW_HEADER.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> RowHeader:
        """The header in these bytes.

        Raises:
            FormatError: they are not 65 bytes.
        """
        try:
            return cls(*_ROW_HEADER.unpack(data))
        except struct.error as error:
            raise FormatError(f"a row header has {_ROW_HEADER.size} bytes, not {len(data)}") from error


class Heartbeat(NamedTuple):
    """What one subtask has written: all of the source up to `as_of_ms`, and all ticks up to `watermark_ms`."""

    epoch_ms: int
    subtask: int
    parallelism: int
    as_of_ms: int
    watermark_ms: int

    def pack(self) -> bytes:
        """The heartbeat's 32 bytes."""
        return _HEARTBEAT.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> Heartbeat:
        """The heartbeat in these bytes.

        Raises:
            FormatError: they are not 32 bytes.
        """
        try:
            return cls(*_HEARTBEAT.unpack(data))
        except struct.error as error:
            raise FormatError(f"a heartbeat has {_HEARTBEAT.size} bytes, not {len(data)}") from error


def heartbeat_key(subtask: int) -> bytes:
    """The message key of a subtask's heartbeats: eleven 0xff bytes, which no Avro key starts with, and its number."""
    return b"\xff" * 11 + struct.pack(">i", subtask)


def next_change_field(window: Window) -> str:
    """The log field that says when the window's values change next if no event comes."""
    return f"next_change_{window.name}"


def empty_at_field(window: Window) -> str:
    """The log field that says from when on the window is empty if no event comes."""
    return f"empty_at_{window.name}"


def avro_type(value: ValueType) -> str | dict[str, str]:
    """The Avro type of a feature's value; the keys of a map are text, as always in Avro."""
    shape, _, item = value.rstrip(">").partition("<")
    if not item:
        return shape
    return {"type": "array", "items": item} if shape == "array" else {"type": "map", "values": item}


def log_schema(
    view: str, entity: Sequence[EntityField], windows: Sequence[Window], features: Sequence[Feature]
) -> dict[str, Any]:
    """The Avro schema of a view's rows; every optional field has a default, so that it evolves FULL_TRANSITIVE."""
    micros = {"type": "long", "logicalType": "timestamp-micros"}
    millis = {"type": "long", "logicalType": "timestamp-millis"}
    cause = {"type": "enum", "name": "FeatureRowCause", "symbols": list(CAUSES), "default": "EVENT"}
    fields: list[dict[str, Any]] = [
        *({"name": field.name, "type": field.type, "doc": "Entity key."} for field in entity),
        {
            "name": "generation",
            "type": "long",
            "doc": "Generation of the view's definition; first part of the version.",
        },
        {"name": "clock", "type": micros, "doc": "The key's clock at this row; second part of the version."},
        {"name": "n", "type": "long", "doc": "Events within reach of the clock; third part of the version."},
        {"name": "event_time", "type": micros, "doc": "Greatest event time of the key."},
        {"name": "ingested_at", "type": millis, "doc": "Greatest Kafka timestamp of the key's events."},
        {"name": "computed_at", "type": millis, "doc": "When the row was written."},
        {"name": "cause", "type": cause, "doc": "Whether an event or only the passing of time changed the row."},
    ]
    for window in windows:
        for name, doc in (
            (next_change_field(window), f"When the {window.name} values change next if no event comes."),
            (empty_at_field(window), f"From when on the {window.name} window is empty if no event comes."),
        ):
            fields.append({"name": name, "type": ["null", micros], "default": None, "doc": doc})
    for feature in features:
        over = "" if feature.window is None else f" over {windows[feature.window].name}"
        doc = f"{feature.aggregate}{over}."
        kind = avro_type(feature.type)
        fields.append({"name": feature.name, "type": ["null", kind], "default": None, "doc": doc})
    name = "".join(part.capitalize() for part in view.split("_")) + "Features"
    return {
        "type": "record",
        "name": name,
        "namespace": "headwater.features",
        "doc": f"Feature values of the view {view}.",
        "fields": fields,
    }
