"""The rules by which a record is an event or is rejected, as the reference states them."""

from __future__ import annotations

import io
import struct
from datetime import UTC, datetime
from typing import Any

import pytest
from fastavro import schemaless_writer

from headwater.operators.reference_events import EventReader, SourceRecord
from headwater.schemas import EventSource, FeatureView, Plan, compile_view, count_events, last_of, sum_of
from headwater.schemas.dead_letter import Reason

NOW_MS = 1_700_000_000_000
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Click",
    "fields": [
        {"name": "user", "type": ["null", "string"]},
        {"name": "at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}]},
        {"name": "price", "type": "double"},
        {"name": "page", "type": ["null", "string"], "default": None},
    ],
}
OLDER = {**SCHEMA, "fields": SCHEMA["fields"][:3]}
OTHER = {**SCHEMA, "fields": SCHEMA["fields"][:2]}
BY_ID = {1: SCHEMA, 2: OLDER, 3: OTHER}
GOOD = {"user": "u", "at": NOW_MS, "price": 1.5, "page": "home"}


@pytest.fixture(scope="module")
def plan() -> Plan:
    view = FeatureView(
        name="clicks",
        source=EventSource(topic="clicks", key="user", event_time="at"),
        features=[count_events(over="1h"), sum_of("price", over="1h"), last_of("page", over="1h")],
        owner="o",
        description="d",
    )
    return compile_view(view, SCHEMA)


def framed(event: dict[str, Any], schema_id: int = 1) -> bytes:
    buffer = io.BytesIO()
    schemaless_writer(buffer, BY_ID[schema_id], event)
    return struct.pack(">bI", 0, schema_id) + buffer.getvalue()


def read(plan: Plan, value: bytes | None, timestamp_ms: int = NOW_MS) -> Any:
    return EventReader(plan, BY_ID.get).read(0, SourceRecord(value, timestamp_ms, 3, 42))


def test_a_record_is_an_event_of_its_key(plan: Plan) -> None:
    ((key, event),) = read(plan, framed(GOOD))
    assert (key, event.time_us, event.values) == (b"\x02u", NOW_MS * 1000, (1.5, "home"))
    assert (event.ingested_at_ms, event.partition, event.offset) == (NOW_MS, 3, 42)


def test_a_field_that_an_older_writer_lacks_has_its_default(plan: Plan) -> None:
    ((_, event),) = read(plan, framed(GOOD, schema_id=2))
    assert event.values == (1.5, None)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, Reason.NULL_VALUE),
        (b"", Reason.BAD_MAGIC),
        (b'{"user": 1}', Reason.BAD_MAGIC),
        (b"\0\0\0", Reason.TRUNCATED),
        (struct.pack(">bI", 0, 9) + b"x", Reason.UNKNOWN_SCHEMA),
        (framed(GOOD, 3), Reason.SCHEMA_INCOMPATIBLE),
        (framed(GOOD)[:-3], Reason.TRUNCATED),
        (framed(GOOD) + b"x", Reason.TRAILING_BYTES),
        (framed({**GOOD, "at": None}), Reason.MISSING_EVENT_TIME),
        (framed({**GOOD, "at": -1}), Reason.EVENT_TIME_OUT_OF_RANGE),
        (framed({**GOOD, "at": 253_402_300_800_000}), Reason.EVENT_TIME_OUT_OF_RANGE),
        (framed({**GOOD, "user": None}), Reason.MISSING_KEY),
        (framed({**GOOD, "user": ""}), Reason.MISSING_KEY),
        (framed({**GOOD, "user": "u" * 5000}), Reason.KEY_TOO_LONG),
        (framed({**GOOD, "at": NOW_MS + 60_001}), Reason.FUTURE_EVENT),
        (framed({**GOOD, "price": float("nan")}), Reason.NOT_FINITE),
        (framed({**GOOD, "price": float("-inf")}), Reason.NOT_FINITE),
    ],
)
def test_a_record_that_is_no_event_is_rejected_with_its_reason(plan: Plan, value: bytes | None, reason: Reason) -> None:
    assert read(plan, value) is reason


def test_an_event_as_far_ahead_as_the_allowed_skew_is_taken(plan: Plan) -> None:
    assert not isinstance(read(plan, framed({**GOOD, "at": NOW_MS + 60_000})), Reason)


def test_time_goes_on_until_the_year_9996(plan: Plan) -> None:
    last_ms = int(datetime(9996, 1, 1, tzinfo=UTC).timestamp()) * 1000 - 1
    assert not isinstance(read(plan, framed({**GOOD, "at": last_ms}), last_ms), Reason)
    assert read(plan, framed({**GOOD, "at": last_ms + 1}), last_ms) is Reason.EVENT_TIME_OUT_OF_RANGE
    assert read(plan, framed({**GOOD, "at": last_ms}), last_ms + 1) is Reason.EVENT_TIME_OUT_OF_RANGE
