"""From declared windows to the plan's, each distinct one once."""

from __future__ import annotations

from datetime import timedelta

from headwater.schemas.durations import duration_text, to_ms
from headwater.schemas.mistakes import Mistakes
from headwater.schemas.plan import Calendar, CalendarUnit, Lifetime, Session, Sliding, Window, Zone
from headwater.schemas.view import FeatureView, parts_of
from headwater.schemas.windows import (
    RESOLUTION_LADDER_MS,
    CalendarWindow,
    DeclaredWindow,
    LifetimeWindow,
    SessionWindow,
    SlidingWindow,
)
from headwater.schemas.zones import zone_table

DAY_MS = 86_400_000
FOR_EVER_MS = DAY_MS * 4_000_000
"""The resolution of a window that nothing ever leaves: one step holds all of time, from 1970 to past the year 9999."""

_LONGEST_UNIT_MS: dict[CalendarUnit, int] = {
    "hour": 2 * 3_600_000,
    "day": 2 * DAY_MS,
    "week": 8 * DAY_MS,
    "month": 32 * DAY_MS,
    "year": 367 * DAY_MS,
}
_SHORTEST_UNIT_MS: dict[CalendarUnit, int] = {
    "hour": 3_600_000,
    "day": 23 * 3_600_000,
    "week": 6 * DAY_MS,
    "month": 27 * DAY_MS,
    "year": 364 * DAY_MS,
}


class WindowCompiler:
    """Gathers the windows of one view, and checks each once."""

    def __init__(self, view: FeatureView, mistakes: Mistakes) -> None:
        self._skew_ms = max(to_ms(source.allowed_skew) for source in view.event_sources)
        self._places = {id(part): place for place, part in parts_of(view)}
        self._mistakes = mistakes
        self._windows: dict[Window, Window] = {}
        self._zones: dict[str, Zone] = {}

    @property
    def windows(self) -> tuple[Window, ...]:
        """The windows that were asked for."""
        return tuple(self._windows.values())

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The time zones of those windows."""
        return tuple(self._zones.values())

    def index(self, declared: DeclaredWindow) -> int:
        """The index of the plan's window that is the declared one; the first to ask for it adds it."""
        window = self._compiled(declared)
        nameless = window.model_copy(update={"name": ""})
        if nameless not in self._windows:
            self._check(window, self._places[id(declared)])
            self._windows[nameless] = window
        return list(self._windows).index(nameless)

    def reach_ms(self) -> int | None:
        """How far behind its clock an event of a key can matter at most; None: without end."""
        spans = [window_span_ms(window) for window in self._windows.values()]
        finite = [span for span in spans if span is not None]
        return None if len(finite) < len(spans) else max(finite, default=0)

    def _compiled(self, declared: DeclaredWindow) -> Window:
        match declared:
            case SlidingWindow():
                return Sliding(
                    name=declared.name,
                    resolution_ms=declared.resolution_ms,
                    length_ms=declared.length_ms,
                    offset_ms=declared.offset_ms,
                )
            case CalendarWindow():
                zone = self._zones.setdefault(declared.zone, zone_table(declared.zone))
                return Calendar(
                    name=declared.name,
                    resolution_ms=calendar_resolution_ms(declared.unit, zone),
                    unit=declared.unit,
                    zone=list(self._zones).index(declared.zone),
                    complete=declared.complete,
                )
            case SessionWindow():
                return Session(
                    name=declared.name,
                    resolution_ms=declared.resolution_ms,
                    gap_ms=declared.gap_ms,
                    longest_ms=declared.longest_ms,
                )
            case LifetimeWindow():
                return Lifetime(name=declared.name, resolution_ms=FOR_EVER_MS)

    def _check(self, window: Window, place: str) -> None:
        length_ms, skew = _least_length_ms(window), duration_text(timedelta(milliseconds=self._skew_ms))
        if length_ms is not None and length_ms <= self._skew_ms:
            self._mistakes.add(
                place,
                f"window {window.name} is no longer than the allowed skew, {skew}: a fast clock could empty it",
                "set a smaller allowed_skew on the source, such as '10s', or use a longer window",
            )
        if isinstance(window, Sliding) and window.resolution_ms > window.length_ms:
            self._mistakes.add(place, f"window {window.name} is shorter than its resolution", "use a finer one")
        if isinstance(window, Session) and window.resolution_ms > window.gap_ms:
            self._mistakes.add(place, f"window {window.name} has a gap shorter than its resolution", "use a finer one")


def window_span_ms(window: Window) -> int | None:
    """How far behind the clock the window's first event time can lie at most; None: without end."""
    match window:
        case Sliding():
            return window.offset_ms + window.length_ms + window.resolution_ms
        case Calendar():
            return _LONGEST_UNIT_MS[window.unit] * (2 if window.complete else 1)
        case Session():
            return window.longest_ms + window.resolution_ms
        case Lifetime():
            return None


def calendar_resolution_ms(unit: CalendarUnit, zone: Zone) -> int:
    """The coarsest step of the ladder on which all edges of the zone's units lie."""
    limit_ms = 3_600_000 if unit == "hour" else DAY_MS
    seconds = [part for second, offset in zone.transitions[1:] for part in (second, offset)]
    seconds.append(zone.transitions[0][1])
    return max(
        step
        for step in RESOLUTION_LADDER_MS
        if step <= limit_ms and not any(second * 1000 % step for second in seconds)
    )


def _least_length_ms(window: Window) -> int | None:
    match window:
        case Sliding():
            return window.length_ms
        case Calendar():
            return _SHORTEST_UNIT_MS[window.unit]
        case Session():
            return window.gap_ms
        case Lifetime():
            return None
