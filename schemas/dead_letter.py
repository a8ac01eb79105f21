"""What becomes of an event that cannot be aggregated: the closed list of reasons and the record that keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

LETTER_CAP_BYTES = 256 * 1024
"""Longest value, key and headers of an event together that are kept, unless the job's settings say otherwise."""

REPLAY_OF_HEADER = "headwater-replay-of"
"""On a replayed event: the position of the record that it is a copy of, as `topic-partition@offset`."""

REPLAY_FOR_HEADER = "headwater-replay-for"
"""On a replayed event: the view that had rejected the original."""

ORIGINAL_TIMESTAMP_HEADER = "headwater-original-timestamp"
"""On a replayed event: the Kafka timestamp of the original, in milliseconds, as decimal digits."""


class Reason(StrEnum):
    """Why an event was not aggregated; LATE goes to the late topic, all others to the dead letters."""

    NULL_VALUE = "null_value"
    BAD_MAGIC = "bad_magic"
    UNKNOWN_SCHEMA = "unknown_schema"
    SCHEMA_INCOMPATIBLE = "schema_incompatible"
    TRUNCATED = "truncated"
    TRAILING_BYTES = "trailing_bytes"
    MALFORMED = "malformed"
    MISSING_EVENT_TIME = "missing_event_time"
    EVENT_TIME_OUT_OF_RANGE = "event_time_out_of_range"
    MISSING_KEY = "missing_key"
    KEY_TOO_LONG = "key_too_long"
    FUTURE_EVENT = "future_event"
    NOT_FINITE = "not_finite"
    LATE = "late"
    EXPRESSION_FAILED = "expression_failed"
    MISSING_EVENT_ID = "missing_event_id"
    EXPECTATION_FAILED = "expectation_failed"


_NOT_MET = "not met: "


def not_met(expectations: Sequence[tuple[str, str]]) -> str:
    """The detail of a letter whose event did not meet these expectations, each a name and what is expected."""
    told = "; ".join(f"{name} expects {what}" for name, what in expectations)
    return f"{_NOT_MET}{', '.join(name for name, _ in expectations)} ({told})"


def names_not_met(reason: str, detail: str) -> frozenset[str]:
    """The names of the expectations that the event of a letter with this reason and detail did not meet."""
    if reason != Reason.EXPECTATION_FAILED:
        return frozenset()
    return frozenset(detail.removeprefix(_NOT_MET).partition(" (")[0].split(", "))


def _optional(avro_type: Any, name: str, doc: str) -> dict[str, Any]:
    return {"name": name, "type": ["null", avro_type], "default": None, "doc": doc}


DEAD_LETTER_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "DeadLetter",
    "namespace": "headwater",
    "doc": "An event that was not aggregated, why, and where it stands.",
    "fields": [
        {"name": "reason", "type": "string", "default": "", "doc": "One of the closed list of reasons."},
        {"name": "detail", "type": "string", "default": "", "doc": "What exactly was found, for a person."},
        {"name": "topic", "type": "string", "default": "", "doc": "Topic of the event."},
        {"name": "partition", "type": "int", "default": -1, "doc": "Partition of the event."},
        {"name": "offset", "type": "long", "default": -1, "doc": "Offset of the event."},
        {
            "name": "record_timestamp",
            "type": {"type": "long", "logicalType": "timestamp-millis"},
            "default": 0,
            "doc": "Kafka timestamp of the event.",
        },
        _optional("int", "schema_id", "Schema id that the event names, where it could be read."),
        _optional("bytes", "entity_key", "Canonical entity key, where it could be read."),
        _optional(
            {"type": "long", "logicalType": "timestamp-micros"}, "event_time", "Event time, where it could be read."
        ),
        _optional("bytes", "value", "The event as it came, unless it is too long to keep with its key and headers."),
        {"name": "value_bytes", "type": "long", "default": 0, "doc": "Length of the event as it came, in bytes."},
        _optional("string", "value_sha256", "SHA-256 of the event in hexadecimal, where it was too long to keep."),
        {
            "name": "headers",
            "type": {"type": "map", "values": "bytes"},
            "default": {},
            "doc": "Record headers of the event.",
        },
        {
            "name": "generation",
            "type": "long",
            "default": 0,
            "doc": "Generation of the view that did not aggregate it; 0 in letters older than this field.",
        },
        _optional("bytes", "record_key", "Kafka key of the event, if it had one and it is not too long to keep."),
    ],
}

HANDLED_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "HandledLetter",
    "namespace": "headwater",
    "doc": "What a person did about an event that was not aggregated. The message key names the event.",
    "fields": [
        {"name": "action", "type": "string", "default": "", "doc": "`replayed` or `dropped`."},
        {
            "name": "handled_at",
            "type": {"type": "long", "logicalType": "timestamp-millis"},
            "default": 0,
            "doc": "When.",
        },
        {"name": "letter_partition", "type": "int", "default": -1, "doc": "Partition of the letter that was handled."},
        {"name": "letter_offset", "type": "long", "default": -1, "doc": "Offset of the letter that was handled."},
    ],
}
