"""Which events a window holds at a clock, and when an event enters or leaves it, as plainly as it can be said.

Times are microseconds since the epoch, `events` in their order and none later than the clock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache
from typing import Protocol, TypeVar

from headwater.schemas.plan import Calendar, CalendarUnit, Lifetime, Plan, Session, Sliding, Window, Zone

END_OF_EVENTS_US = 253_276_070_400_000_000
"""The start of the year 9996. An event is earlier, so that whatever window it is in, it leaves that before the end."""

END_OF_TIME_US = 253_367_568_000_000_000
"""When a window empties that nothing leaves: late in 9998, behind every tick, and so behind every clock.

The last ticks are those of windows of 400 days with an offset of 400 more, in steps of a day; of the last full year it
is the start of 9998. At a clock before this the present year has an end that `date` can still say.
"""

_SECOND_US = 1_000_000


class Timed(Protocol):
    """Anything that happened at an instant."""

    @property
    def time_us(self) -> int: ...


T = TypeVar("T", bound=Timed)


def start(plan: Plan, window: Window, clock_us: int) -> int:
    """The first event time that the window may hold at this clock."""
    match window:
        case Sliding():
            return _snapped(clock_us - _us(window.offset_ms + window.length_ms), window)
        case Calendar():
            zone = plan.zones[window.zone]
            return cut(zone, window.unit, unit_at(zone, window.unit, clock_us) - window.complete)
        case Session():
            return _snapped(clock_us - _us(window.longest_ms), window)
        case Lifetime():
            return 0


def end(plan: Plan, window: Window, clock_us: int) -> int:
    """The first event time that is too late for the window at this clock."""
    match window:
        case Sliding() if window.offset_ms:
            return _snapped(clock_us - _us(window.offset_ms), window)
        case Calendar() if window.complete:
            zone = plan.zones[window.zone]
            return cut(zone, window.unit, unit_at(zone, window.unit, clock_us))
        case _:
            return clock_us + 1


def events_in(plan: Plan, window: Window, events: Sequence[T], clock_us: int) -> list[T]:
    """The events that the window holds at this clock, in their order."""
    earliest, too_late = start(plan, window, clock_us), end(plan, window, clock_us)
    inside = [event for event in events if earliest <= event.time_us < too_late]
    return _newest_session(window, inside, clock_us) if isinstance(window, Session) else inside


def ticks(plan: Plan, window: Window, event: Timed) -> list[int]:
    """The instants at which the passing of time can make this event enter or leave the window."""
    match window:
        case Sliding():
            step_ends = _snapped(event.time_us, window) + _us(window.resolution_ms)
            enters = [step_ends + _us(window.offset_ms)] if window.offset_ms else []
            return [*enters, step_ends + _us(window.offset_ms + window.length_ms)]
        case Calendar():
            zone = plan.zones[window.zone]
            unit = unit_at(zone, window.unit, event.time_us)
            return [cut(zone, window.unit, unit + after) for after in ((1, 2) if window.complete else (1,))]
        case Session():
            return [_closes(window, event), _outlasts(window, event)]
        case Lifetime():
            return []


def next_change(plan: Plan, window: Window, events: Sequence[Timed], clock_us: int) -> int | None:
    """When the events that the window holds change next if no event comes; None: never."""
    if isinstance(window, Session):
        held = events_in(plan, window, events, clock_us)
        return min(_outlasts(window, held[0]), _closes(window, held[-1])) if held else None
    coming = (tick for event in events for tick in ticks(plan, window, event) if tick > clock_us)
    return min(coming, default=None)


def empty_at(plan: Plan, window: Window, events: Sequence[Timed], clock_us: int) -> int | None:
    """From when on the window holds nothing any more if no event comes; None: it holds nothing and never will."""
    if isinstance(window, Session):
        held = events_in(plan, window, events, clock_us)
        return min(_outlasts(window, held[-1]), _closes(window, held[-1])) if held else None
    if isinstance(window, Lifetime):
        return END_OF_TIME_US if events else None
    coming = (tick for event in events for tick in ticks(plan, window, event) if tick > clock_us)
    return max(coming, default=None)


def unit_at(zone: Zone, unit: CalendarUnit, time_us: int) -> int:
    """The number of the unit of local time that holds this instant: the last one that has begun."""
    number = _unit_number(unit, _local_second(zone, time_us // _SECOND_US)) + 1
    while cut(zone, unit, number) > time_us:
        number -= 1
    while cut(zone, unit, number + 1) <= time_us:
        number += 1
    return number


@lru_cache(maxsize=4096)
def cut(zone: Zone, unit: CalendarUnit, number: int) -> int:
    """When the unit of this number begins: the first instant at which local clocks show its start or more."""
    local = _unit_start(unit, number)
    following = [second for second, _ in zone.transitions[1:]]
    for index, (second, offset) in enumerate(zone.transitions):
        shown_at = local - offset if index == 0 else max(second, local - offset)
        if index == len(following) or shown_at < following[index]:
            return shown_at * _SECOND_US
    raise ValueError(f"zone {zone.name} has no transitions")


def _newest_session(window: Session, events: Sequence[T], clock_us: int) -> list[T]:
    if not events or _closes(window, events[-1]) <= clock_us:
        return []
    first = len(events) - 1
    while first > 0 and _closes(window, events[first - 1]) > _snapped(events[first].time_us, window):
        first -= 1
    return list(events[first:])


def _closes(window: Session, event: Timed) -> int:
    """When the session that this event is the last of is over."""
    return _snapped(event.time_us, window) + _us(window.resolution_ms + window.gap_ms)


def _outlasts(window: Session, event: Timed) -> int:
    """When this event is older than the longest session."""
    return _snapped(event.time_us, window) + _us(window.resolution_ms + window.longest_ms)


def _snapped(time_us: int, window: Window) -> int:
    return time_us // _us(window.resolution_ms) * _us(window.resolution_ms)


def _us(milliseconds: int) -> int:
    return milliseconds * 1000


def _local_second(zone: Zone, second: int) -> int:
    offset = zone.transitions[0][1]
    for since, holds in zone.transitions[1:]:
        if since <= second:
            offset = holds
    return second + offset


def _unit_number(unit: CalendarUnit, local_second: int) -> int:
    day = local_second // 86_400
    match unit:
        case "hour":
            return local_second // 3_600
        case "day":
            return day
        case "week":
            return (day + 3) // 7  # 1 January 1970 was a Thursday
        case "month":
            at = _date(day)
            return at.year * 12 + at.month - 1
        case "year":
            return _date(day).year


def _unit_start(unit: CalendarUnit, number: int) -> int:
    """The local second, counted as if local time were UTC, at which the unit of this number begins."""
    match unit:
        case "hour":
            return number * 3_600
        case "day":
            return number * 86_400
        case "week":
            return (number * 7 - 3) * 86_400
        case "month":
            return _day(date(number // 12, number % 12 + 1, 1)) * 86_400
        case "year":
            return _day(date(number, 1, 1)) * 86_400


def _date(day: int) -> date:
    return date.fromordinal(day + _EPOCH_ORDINAL)


def _day(at: date) -> int:
    return at.toordinal() - _EPOCH_ORDINAL


_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()
