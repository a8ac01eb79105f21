"""Windows as an author declares them, and the ladder of resolutions in which their edges move.

::

    sliding("7d")                          the last 7 days
    sliding("7d", offset="7d")             the 7 days before those
    tumbling("day", zone="Europe/Berlin")  today so far
    tumbling("day", complete=True)         the last full day, in UTC
    session(gap="30m")                     the visit that is under way
    lifetime()                             everything
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from pydantic import Field, ValidationInfo, field_validator

from headwater.schemas.declaration import Declaration
from headwater.schemas.durations import Duration, duration_text, parse_duration, to_ms
from headwater.schemas.plan import CalendarUnit
from headwater.schemas.zones import check_zone

RESOLUTION_LADDER_MS = (1_000, 10_000, 60_000, 600_000, 3_600_000, 86_400_000)
SHORTEST_MS = 1_000
LONGEST_MS = 400 * 86_400_000
STEPS_PER_WINDOW = 30


class SlidingWindow(Declaration):
    """The last `length` of event time; its head moves with every event, its tail in steps of `resolution`.

    Args:
        length: whole seconds, from 1 s to 400 days.
        offset: how far back the window ends; with one, both edges move in steps of `resolution`.
        resolution: a step of the ladder 1s, 10s, 1m, 10m, 1h, 1d; by default the coarsest that is at most a
            thirtieth of the length, and at least 1 s.
        name: how feature names end; by default the length as it was written.
    """

    length: Duration
    offset: Duration = timedelta(0)
    resolution: Duration | None = None
    name: str = ""

    @field_validator("length")
    @classmethod
    def _check_length(cls, length: timedelta) -> timedelta:
        return _within_limits(length, "a window")

    @field_validator("offset")
    @classmethod
    def _check_offset(cls, offset: timedelta) -> timedelta:
        return offset if offset == timedelta(0) else _within_limits(offset, "an offset")

    @field_validator("resolution")
    @classmethod
    def _check_resolution(cls, resolution: timedelta | None) -> timedelta | None:
        return _on_the_ladder(resolution)

    @property
    def length_ms(self) -> int:
        return to_ms(self.length)

    @property
    def offset_ms(self) -> int:
        return to_ms(self.offset)

    @property
    def resolution_ms(self) -> int:
        return default_resolution_ms(self.length_ms) if self.resolution is None else to_ms(self.resolution)


class CalendarWindow(Declaration):
    """The hour, day, week (from Monday), month or year of local time that the clock is in; see `tumbling`."""

    unit: CalendarUnit
    zone: str = "UTC"
    complete: bool = False
    name: str = ""

    @field_validator("zone")
    @classmethod
    def _check_zone(cls, zone: str) -> str:
        check_zone(zone)
        return zone


class SessionWindow(Declaration):
    """The events up to the newest, no two neighbours of which lie more than `gap` apart; see `session`."""

    gap: Duration
    longest: Duration = Field(timedelta(days=1), validate_default=True)
    resolution: Duration | None = None
    name: str = ""

    @field_validator("gap")
    @classmethod
    def _check_gap(cls, gap: timedelta) -> timedelta:
        return _within_limits(gap, "the gap of a session")

    @field_validator("longest")
    @classmethod
    def _check_longest(cls, longest: timedelta, arguments: ValidationInfo) -> timedelta:
        gap = arguments.data.get("gap")
        if gap is not None and longest < gap:
            raise ValueError(
                f"{duration_text(longest)} is shorter than the gap, {duration_text(gap)}; choose a longer one"
            )
        return _within_limits(longest, "a session")

    @field_validator("resolution")
    @classmethod
    def _check_resolution(cls, resolution: timedelta | None, arguments: ValidationInfo) -> timedelta | None:
        gap = arguments.data.get("gap")
        if gap is not None and _on_the_ladder(resolution) is not None and to_ms(gap) % to_ms(resolution or gap):
            raise ValueError(
                f"{duration_text(resolution or gap)} does not divide the gap, {duration_text(gap)}; "
                "leave it out, or choose a step of the ladder that does"
            )
        return _on_the_ladder(resolution)

    @property
    def gap_ms(self) -> int:
        return to_ms(self.gap)

    @property
    def longest_ms(self) -> int:
        return to_ms(self.longest)

    @property
    def resolution_ms(self) -> int:
        if self.resolution is not None:
            return to_ms(self.resolution)
        fitting = [step for step in RESOLUTION_LADDER_MS if self.gap_ms % step == 0]
        return max((step for step in fitting if step * STEPS_PER_WINDOW <= self.gap_ms), default=SHORTEST_MS)


class LifetimeWindow(Declaration):
    """All events; see `lifetime`."""

    name: str = Field("lifetime")


DeclaredWindow = SlidingWindow | CalendarWindow | SessionWindow | LifetimeWindow
WindowLike = str | timedelta | DeclaredWindow


def sliding(
    length: str | timedelta, *, offset: str | timedelta | None = None, resolution: str | timedelta | None = None
) -> SlidingWindow:
    """The last `length` of event time, or, with an offset, the same length of time so much earlier.

    Its tail moves in steps of `resolution`; with an offset its head does so too.

    Raises:
        DeclarationError: the length, the offset or the resolution is not one that a window can have.
    """
    name = _text(length)
    if offset is not None:
        name = f"{name}_offset_{_text(offset)}"
    if resolution is not None:
        name = f"{name}_by_{_text(resolution)}"
    return SlidingWindow(length=length, offset=offset or timedelta(0), resolution=resolution, name=name)


def tumbling(unit: CalendarUnit, *, zone: str = "UTC", complete: bool = False) -> CalendarWindow:
    """The unit of local time that the clock is in, so far, such as today; or, if `complete`, the last full one.

    Args:
        unit: hour, day, week (from Monday), month or year.
        zone: a name of the IANA time zone database, such as Europe/Berlin.
        complete: the whole of the unit before the present one.

    Raises:
        DeclarationError: there is no such unit or zone.
    """
    where = "" if zone == "UTC" else "_" + "".join(c if c.isalnum() else "_" for c in str(zone).lower())
    return CalendarWindow(
        unit=unit, zone=zone, complete=complete, name=f"{'last' if complete else 'this'}_{unit}{where}"
    )


def session(
    gap: str | timedelta, *, longest: str | timedelta = "1d", resolution: str | timedelta | None = None
) -> SessionWindow:
    """The session that is under way: the events up to the newest without a pause of more than `gap`.

    An event that comes late may join two sessions. Once the gap has passed without an event the session is empty.

    Args:
        gap: the longest pause within a session.
        longest: a session looks back no further than this.
        resolution: the step in which gaps are measured; by default the coarsest of the ladder that divides the gap
            and is at most a thirtieth of it.

    Raises:
        DeclarationError: the gap is no multiple of the resolution, or longer than `longest`.
    """
    name = f"session_{_text(gap)}" + (f"_by_{_text(resolution)}" if resolution is not None else "")
    return SessionWindow(gap=gap, longest=longest, resolution=resolution, name=name)


def lifetime() -> LifetimeWindow:
    """All events of the entity, for ever. Its rows never expire, and its log is compacted but never cut off."""
    return LifetimeWindow(name="lifetime")


def as_window(value: Any) -> DeclaredWindow:
    """A window from what an author may write for one: the window itself, text such as `5m`, or a timedelta.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, DeclaredWindow):
        return value
    parse_duration(value)
    return sliding(value)


def default_resolution_ms(length_ms: int) -> int:
    """The coarsest step of the ladder that is at most a thirtieth of the length, at least 1 s."""
    return max((step for step in RESOLUTION_LADDER_MS if step * STEPS_PER_WINDOW <= length_ms), default=SHORTEST_MS)


def _within_limits(span: timedelta, what: str) -> timedelta:
    if not SHORTEST_MS <= to_ms(span) <= LONGEST_MS or to_ms(span) % SHORTEST_MS:
        raise ValueError(f"{duration_text(span)} is no length for {what}; choose whole seconds from 1s to 400d")
    return span


def _on_the_ladder(resolution: timedelta | None) -> timedelta | None:
    if resolution is not None and to_ms(resolution) not in RESOLUTION_LADDER_MS:
        ladder = ", ".join(duration_text(timedelta(milliseconds=step)) for step in RESOLUTION_LADDER_MS)
        raise ValueError(f"{duration_text(resolution)} is no step of the ladder; choose one of {ladder}")
    return resolution


def _text(span: str | timedelta) -> str:
    return span.strip() if isinstance(span, str) else duration_text(span)
