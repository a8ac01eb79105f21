"""What windows of each kind hold, on lines short enough to check by eye."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import get_args

import pytest

from headwater.operators.reference_windows import (
    END_OF_EVENTS_US,
    END_OF_TIME_US,
    cut,
    empty_at,
    end,
    events_in,
    next_change,
    start,
    ticks,
)
from headwater.operators.reference_windows import unit_at as unit_number
from headwater.schemas import count_events, lifetime, session, sliding, tumbling
from headwater.schemas.plan import CalendarUnit, Plan
from headwater.schemas.windows import DeclaredWindow
from headwater.schemas.zones import zone_table
from tests.unit.test_declaring import plan_of

S = 1_000_000


@dataclass(frozen=True)
class At:
    """An event at an instant."""

    time_us: int


def at(*seconds: float) -> list[At]:
    return [At(int(second * S)) for second in seconds]


def of(window: DeclaredWindow) -> Plan:
    return plan_of(count_events(over=window))


def held(plan: Plan, events: Sequence[At], clock: float) -> list[float]:
    """The seconds of the events that the plan's window holds at this second."""
    return [event.time_us / S for event in events_in(plan, plan.windows[0], events, int(clock * S))]


def utc(text: str) -> int:
    """Microseconds since the epoch of an instant in UTC, such as 2024-03-31T01:00."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * S


def day_begins(zone: str, day: str) -> str:
    """When this day of local time begins, in UTC."""
    table = zone_table(zone)
    number = (datetime.fromisoformat(day) - datetime(1970, 1, 1)).days  # noqa: DTZ001
    return datetime.fromtimestamp(cut(table, "day", number) / S, UTC).strftime("%Y-%m-%dT%H:%M")


def test_events_enter_and_leave_an_offset_window_with_their_whole_step() -> None:
    """
    ::

        sliding 10 s, offset 3 s, by 1 s, for an event at 5.5 in the step [5, 6):
                    5.5                 9             19
        |------------o------------------|~~~~~~~~~~~~~|----> clock
                              not yet   |  inside     |  gone
    """
    plan = of(sliding("10s", offset="3s"))
    events = at(5.5)
    assert [tick / S for tick in ticks(plan, plan.windows[0], events[0])] == [9, 19]
    assert held(plan, events, 8.999999) == []
    assert held(plan, events, 9) == [5.5]
    assert held(plan, events, 18.999999) == [5.5]
    assert held(plan, events, 19) == []


def test_an_offset_window_changes_next_when_an_event_enters_and_is_empty_when_the_last_has_left() -> None:
    plan = of(sliding("10s", offset="3s"))
    window, events = plan.windows[0], at(5.5, 7)
    assert next_change(plan, window, events, 7 * S) == 9 * S
    assert next_change(plan, window, events, 9 * S) == 11 * S
    assert next_change(plan, window, events, 11 * S) == 19 * S
    assert empty_at(plan, window, events, 7 * S) == 21 * S
    assert empty_at(plan, window, events, 21 * S) is None


def test_a_session_is_the_events_up_to_the_newest_without_a_pause_of_more_than_the_gap() -> None:
    """
    ::

        gap 3 s, by 1 s:
             1   3        8   10      clock 12: the pause from 3 to 8 divides
        |----o---o--------o---o--|
    """
    plan = of(session("3s", longest="20s"))
    assert held(plan, at(1, 3, 8, 10), 12) == [8, 10]
    assert held(plan, at(1, 3, 6, 8, 10), 12) == [1, 3, 6, 8, 10]


def test_a_pause_of_the_gap_and_a_step_divides_and_a_shorter_one_does_not() -> None:
    """The step of 1.9 is [1, 2): its session closes at 2 + 3 = 5; the event at 4.9 still joins, that at 5 does not."""
    plan = of(session("3s", longest="20s"))
    assert held(plan, at(1.9, 4.9), 4.9) == [1.9, 4.9]
    assert held(plan, at(1.9, 5), 5) == [5]


def test_a_late_event_bridges_two_sessions() -> None:
    """
    ::

        |----o-----x-----o----|     x comes last of all
             1     4     7
    """
    plan = of(session("3s", longest="20s"))
    assert held(plan, at(1, 7), 7) == [7]
    assert held(plan, at(1, 4, 7), 7) == [1, 4, 7]


def test_a_session_is_over_when_its_gap_has_passed_without_an_event() -> None:
    plan = of(session("3s", longest="20s"))
    window, events = plan.windows[0], at(1, 3)
    assert next_change(plan, window, events, 3 * S) == 7 * S == empty_at(plan, window, events, 3 * S)
    assert held(plan, events, 6.999999) == [1, 3]
    assert held(plan, events, 7) == []
    assert empty_at(plan, window, events, 7 * S) is None


def test_a_session_looks_back_no_further_than_it_may_last() -> None:
    """An event every 2 s since 0, at most 20 s: at clock 30 from floor(30 - 20) = 10 on."""
    plan = of(session("3s", longest="20s"))
    events = at(*range(0, 31, 2))
    assert held(plan, events, 30)[0] == 10
    assert next_change(plan, plan.windows[0], events, 30 * S) == 31 * S


def test_a_lifetime_holds_everything_for_ever() -> None:
    plan = of(lifetime())
    window, events = plan.windows[0], at(0, 1, 1_000_000_000)
    assert held(plan, events, 1_000_000_000) == [0, 1, 1_000_000_000]
    assert ticks(plan, window, events[0]) == []
    assert next_change(plan, window, events, events[-1].time_us) is None
    assert empty_at(plan, window, events, events[-1].time_us) == END_OF_TIME_US


def test_today_so_far_is_empty_at_midnight_and_yesterday_is_whole_from_then_on() -> None:
    """
    ::

        UTC     23:59:59.9     00:00            24:00
        |------------o-----------|----------------|---->
         today: until            ^  yesterday: ~~~^ until
    """
    today, yesterday = of(tumbling("day")), of(tumbling("day", complete=True))
    midnight = utc("2024-05-02T00:00")
    events = [At(midnight - 100_000)]
    for plan, clock_us, holds in (
        (today, midnight - 1, True),
        (today, midnight, False),
        (yesterday, midnight - 1, False),
        (yesterday, midnight, True),
        (yesterday, midnight + 86_400 * S - 1, True),
        (yesterday, midnight + 86_400 * S, False),
    ):
        assert bool(events_in(plan, plan.windows[0], events, clock_us)) == holds
    assert next_change(yesterday, yesterday.windows[0], events, midnight - 1) == midnight
    assert empty_at(yesterday, yesterday.windows[0], events, midnight - 1) == midnight + 86_400 * S


@pytest.mark.parametrize(
    ("zone", "day", "begins"),
    [
        ("Europe/Berlin", "2024-03-31", "2024-03-30T23:00"),
        ("Europe/Berlin", "2024-04-01", "2024-03-31T22:00"),  # after a day of 23 hours
        ("Europe/Berlin", "2024-10-28", "2024-10-27T23:00"),  # after a day of 25 hours
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00"),  # midnight is skipped: it begins at one o'clock
        (
            "America/Sao_Paulo",
            "2018-02-18",
            "2018-02-18T03:00",
        ),  # the last hour of the 17th comes twice, all of it before
        ("Australia/Lord_Howe", "2024-10-07", "2024-10-06T13:00"),
        ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00"),
        ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00"),  # the day that Samoa skipped is empty
        ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00"),
        ("Pacific/Apia", "2012-01-01", "2011-12-31T10:00"),
    ],
)
def test_a_day_begins_when_local_clocks_first_show_its_midnight_or_more(zone: str, day: str, begins: str) -> None:
    assert day_begins(zone, day) == begins


def test_on_the_day_after_the_one_that_samoa_skipped_the_last_full_day_is_empty() -> None:
    """
    ::

        local   29th            31st             1st
        |--------o---------------|----------------|---->
        the last full day:  28th | 30th: nothing  | 31st
    """
    plan = of(tumbling("day", zone="Pacific/Apia", complete=True))
    window, skip = plan.windows[0], utc("2011-12-30T10:00")
    events = [At(skip - 3600 * S), At(skip + 3600 * S)]
    assert start(plan, window, skip) == end(plan, window, skip) == skip
    assert events_in(plan, window, events[:1], skip) == []
    assert ticks(plan, window, events[0]) == [skip, skip]
    assert events_in(plan, window, events, skip + 86_400 * S) == events[1:]


def test_an_hour_that_comes_twice_is_one_hour() -> None:
    """In Berlin 02:00 to 03:00 comes twice on 2024-10-27, from 00:00 to 02:00 UTC."""
    plan = of(tumbling("hour", zone="Europe/Berlin"))
    window = plan.windows[0]
    assert start(plan, window, utc("2024-10-27T01:59")) == utc("2024-10-27T00:00")
    assert ticks(plan, window, At(utc("2024-10-27T00:10"))) == [utc("2024-10-27T02:00")]


def test_weeks_begin_on_monday_months_on_the_first_and_years_on_new_years_day() -> None:
    zone = zone_table("UTC")
    for unit, instant, begins in (
        ("week", "2024-03-03T23:59", "2024-02-26T00:00"),
        ("week", "2024-03-04T00:00", "2024-03-04T00:00"),
        ("month", "2024-02-29T23:59", "2024-02-01T00:00"),
        ("year", "2024-12-31T23:59", "2024-01-01T00:00"),
    ):
        assert cut(zone, unit, unit_number(zone, unit, utc(instant))) == utc(begins)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "window",
    [
        sliding("400d", offset="400d"),
        sliding("400d", offset="400d", resolution="1s"),
        session("400d", longest="400d"),
        *(
            tumbling(unit, zone=zone, complete=complete)
            for unit in get_args(CalendarUnit)
            for zone in ("UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago")
            for complete in (False, True)
        ),
    ],
    ids=lambda window: window.name,
)
def test_the_last_event_leaves_every_window_before_the_end_of_time(window: DeclaredWindow) -> None:
    plan = of(window)
    last = [At(END_OF_EVENTS_US - 1)]
    gone_us = empty_at(plan, plan.windows[0], last, last[0].time_us)
    assert gone_us is not None
    assert END_OF_EVENTS_US <= gone_us < END_OF_TIME_US
    assert events_in(plan, plan.windows[0], last, gone_us) == []
    assert next_change(plan, plan.windows[0], last, gone_us) is None


@pytest.mark.parametrize("unit", get_args(CalendarUnit))
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_calendars_hold_at_the_end_of_time(unit: CalendarUnit, zone: str) -> None:
    number = unit_number(zone_table(zone), unit, END_OF_TIME_US - 1)
    assert cut(zone_table(zone), unit, number) < END_OF_TIME_US <= cut(zone_table(zone), unit, number + 1)
