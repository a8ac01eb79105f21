"""What can be read from a dead letter, for people and for scripts, and why the rest cannot."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from headwater.pipelines.dead_letters.framed_avro import FramedAvro
from headwater.pipelines.dead_letters.letter import DeadLetter
from headwater.pipelines.dead_letters.marks import Mark
from headwater.schemas.dead_letter import Reason
from headwater.schemas.errors import FormatError
from headwater.schemas.keys import decode_key
from headwater.schemas.plan import Plan

MOST_BYTES_SHOWN = 512

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BYTES_IN_A_LINE = 16


class Body(NamedTuple):
    """What the event holds, as JSON values, or why that cannot be said."""

    fields: Any
    problem: str | None


def body_of(letter: DeadLetter, avro: FramedAvro) -> Body:
    """The event as it was written.

    Raises:
        RegistryError: the registry cannot be reached.
    """
    if letter.value is None:
        if letter.reason == Reason.LATE:
            return Body(None, "a late event's letter keeps its position only, and its topic has lost it")
        if letter.value_bytes == 0:
            return Body(None, "the event has no value")
        return Body(None, f"too long to be kept: {letter.value_bytes} bytes with SHA-256 {letter.value_sha256}")
    try:
        return Body(plain(avro.decode(letter.value)), None)
    except FormatError as error:
        return Body(None, str(error))


def entity_of(letter: DeadLetter, plan: Plan) -> dict[str, Any] | None:
    """The entity's key fields, or None if the key was not read or is none of this plan's."""
    if letter.entity_key is None:
        return None
    try:
        return {name: plain(value) for name, value in decode_key(plan.entity, letter.entity_key).items()}
    except FormatError:
        return None


def as_json(letter: DeadLetter, plan: Plan, mark: Mark | None) -> dict[str, Any]:
    """The letter without the event's value, as JSON values: times in ISO 8601, bytes in hexadecimal."""
    handled = mark and {"action": mark.action, "at": instant_text(mark.handled_at_ms * 1000)}
    return {
        "letter": str(letter.position),
        "event": str(letter.event),
        "reason": letter.reason,
        "detail": letter.detail,
        "expectations": sorted(letter.expectations),
        "generation": letter.generation,
        "topic": letter.event.topic,
        "partition": letter.event.partition,
        "offset": letter.event.offset,
        "record_timestamp": instant_text(letter.record_timestamp_ms * 1000),
        "schema_id": letter.schema_id,
        "entity": entity_of(letter, plan),
        "event_time": None if letter.event_time_us is None else instant_text(letter.event_time_us),
        "value_bytes": letter.value_bytes,
        "value_sha256": letter.value_sha256,
        "record_key": plain(letter.record_key),
        "headers": plain(letter.headers),
        "not_replayable": letter.why_not_replayable,
        "handled": handled,
    }


def instant_text(instant_us: int) -> str:
    """The instant in ISO 8601, or the number where no calendar has it."""
    try:
        instant = _EPOCH + timedelta(microseconds=instant_us)
    except OverflowError:
        return f"{instant_us} µs since 1970"
    return instant.isoformat(timespec="milliseconds" if instant_us % 1000 == 0 else "microseconds").replace(
        "+00:00", "Z"
    )


def plain(value: Any) -> Any:
    """The value as JSON can say it: bytes in hexadecimal, what is not finite as text."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Mapping):
        return {str(name): plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    return value


def hex_dump(data: bytes) -> str:
    """The first bytes, sixteen to a line: offset, bytes in hexadecimal, and the text that they may be."""
    lines = []
    for start in range(0, min(len(data), MOST_BYTES_SHOWN), _BYTES_IN_A_LINE):
        part = data[start : start + _BYTES_IN_A_LINE]
        text = "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in part)
        lines.append(f"{start:06x}  {part.hex(' '):<47}  {text}")
    if len(data) > MOST_BYTES_SHOWN:
        lines.append(f"and {len(data) - MOST_BYTES_SHOWN} bytes more")
    return "\n".join(lines)
