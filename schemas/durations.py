"""Lengths of time as people write them: `90s`, `5m`, `24h`, `7d`, `200ms`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

from pydantic import BeforeValidator

_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_PATTERN = re.compile(r"(\d+)(ms|s|m|h|d)")


def parse_duration(value: object) -> timedelta:
    """The length of time that `value` says: a timedelta, or text such as `5m`.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(value, timedelta):
        return value
    match = _PATTERN.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is not a length of time; write a whole number and ms, s, m, h or d, such as '5m'")
    return timedelta(milliseconds=int(match[1]) * _UNITS_MS[match[2]])


def to_ms(duration: str | timedelta) -> int:
    """The duration in whole milliseconds.

    Raises:
        ValueError: it is text that is not a length of time.
    """
    return parse_duration(duration) // timedelta(milliseconds=1)


def duration_text(duration: str | timedelta) -> str:
    """The shortest exact way to write the duration, such as `5m`."""
    milliseconds = to_ms(duration)
    if milliseconds == 0:
        return "0s"
    unit, size = next((unit, size) for unit, size in reversed(_UNITS_MS.items()) if milliseconds % size == 0)
    return f"{milliseconds // size}{unit}"


Duration = Annotated[str | timedelta, BeforeValidator(parse_duration)]
