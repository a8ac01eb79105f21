"""Event ids: what tells copies of an event, as bytes that are equal, and ordered, as the values are.

A string is its UTF-8, bytes are themselves, a whole number is 8 bytes, big-endian with the sign bit flipped, a boolean
is one byte. Of an id of several parts, each text or bytes but the last has 0xff put behind every zero in it, and ends
in two zeros; so no two ids are the same bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from headwater.schemas.errors import FormatError

MAX_ID_BYTES = 4096


def encode_event_id(parts: Sequence[str | int | bytes | bool]) -> bytes:
    """The id of these parts.

    Raises:
        FormatError: it is longer than MAX_ID_BYTES.
    """
    *first, last = [_encoded(part) for part in parts]
    texts = [isinstance(part, str | bytes) for part in parts]
    ended = [
        part.replace(b"\0", b"\0\xff") + b"\0\0" if text else part for part, text in zip(first, texts, strict=False)
    ]
    event_id = b"".join((*ended, last))
    if len(event_id) > MAX_ID_BYTES:
        raise FormatError(f"an event id of {len(event_id)} bytes; at most {MAX_ID_BYTES} are allowed")
    return event_id


def _encoded(part: str | int | bytes | bool) -> bytes:
    if isinstance(part, bool):
        return bytes([part])
    if isinstance(part, int):
        return (part + 2**63).to_bytes(8, "big")
    return part.encode() if isinstance(part, str) else part
