"""Sliding windows as an author declares them, and the ladder of resolutions in which their tails move."""

from __future__ import annotations

from datetime import timedelta

from pydantic import field_validator

from headwater.schemas.declaration import Declaration
from headwater.schemas.durations import Duration, duration_text, parse_duration, to_ms

RESOLUTION_LADDER_MS = (1_000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000)
SHORTEST_MS = 1_000
LONGEST_MS = 400 * 86_400_000


class SlidingWindow(Declaration):
    """The last `length` of event time; its head moves with every event, its tail in steps of `resolution`.

    Args:
        length: whole seconds, from 1 s to 400 days.
        resolution: a step of the ladder 1s, 10s, 1m, 10m, 1h, 1d; by default the coarsest that is at most a
            thirtieth of the length, and at least 1 s.
        name: how feature names end; by default the length as it was written.
    """

    length: Duration
    resolution: Duration | None = None
    name: str = ""

    @field_validator("length")
    @classmethod
    def _check_length(cls, length: timedelta) -> timedelta:
        if not SHORTEST_MS <= to_ms(length) <= LONGEST_MS or to_ms(length) % SHORTEST_MS:
            raise ValueError(f"a window is whole seconds from 1s to 400d, not {duration_text(length)}")
        return length

    @field_validator("resolution")
    @classmethod
    def _check_resolution(cls, resolution: timedelta | None) -> timedelta | None:
        if resolution is not None and to_ms(resolution) not in RESOLUTION_LADDER_MS:
            raise ValueError(f"a resolution is one of {_ladder_text()}, not {duration_text(resolution)}")
        return resolution

    @property
    def length_ms(self) -> int:
        return to_ms(self.length)

    @property
    def resolution_ms(self) -> int:
        return default_resolution_ms(self.length_ms) if self.resolution is None else to_ms(self.resolution)


def sliding(length: str | timedelta, *, resolution: str | timedelta | None = None) -> SlidingWindow:
    """A sliding window of this length, whose tail moves in steps of `resolution`.

    Raises:
        DeclarationError: the length or the resolution is not one that a window can have.
    """
    name = length.strip() if isinstance(length, str) else duration_text(length)
    if resolution is not None:
        step = resolution.strip() if isinstance(resolution, str) else duration_text(resolution)
        name = f"{name}_by_{step}"
    return SlidingWindow(length=length, resolution=resolution, name=name)


def as_window(value: object) -> object:
    """A window from what an author may write for one: the window itself, text such as `5m`, or a timedelta.

    Raises:
        ValueError: text that is not a length of time.
    """
    if isinstance(value, str):
        parse_duration(value)
    return sliding(value) if isinstance(value, str | timedelta) else value


def default_resolution_ms(length_ms: int) -> int:
    """The coarsest step of the ladder that is at most a thirtieth of the length, at least 1 s."""
    return max((step for step in RESOLUTION_LADDER_MS if step * 30 <= length_ms), default=RESOLUTION_LADDER_MS[0])


def _ladder_text() -> str:
    return ", ".join(duration_text(timedelta(milliseconds=step)) for step in RESOLUTION_LADDER_MS)
