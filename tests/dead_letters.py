"""Dead letters to test with, as a job would have written them."""

from __future__ import annotations

from typing import Any

from headwater.pipelines.dead_letters.letter import DeadLetter, Position

AT_MS = 1_795_000_000_000  # 2026-11-18T11:06:40Z


def letter_fields(**fields: Any) -> dict[str, Any]:
    """The Avro fields of a letter of an event that ended too early, but for those that are given."""
    made: dict[str, Any] = {
        "reason": "truncated",
        "detail": "the record ends in the middle of a field",
        "topic": "shop.purchases",
        "partition": 2,
        "offset": 17,
        "record_timestamp": AT_MS,
        "schema_id": 7,
        "entity_key": None,
        "event_time": None,
        "value": b"\x00\x00\x00\x00\x07abc",
        "value_bytes": 8,
        "value_sha256": None,
        "headers": {},
        "generation": 1,
        "record_key": None,
    }
    return made | fields


def letter(at: int = 0, /, **fields: Any) -> DeadLetter:
    """The letter of these fields at the offset `at` of the topic of letters."""
    return DeadLetter.of(Position("customer_purchases_dead_letters", 0, at), letter_fields(**fields))
