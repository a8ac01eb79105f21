"""The meaning, on streams small enough to check by hand."""

from __future__ import annotations

import pytest

from headwater.operators.reference import ReferenceEvent, reach, reference_row, row_at
from headwater.operators.reference_exactness import same_value
from headwater.schemas import count_events, first_of, last_of, max_of, mean_of, min_of, sliding, stddev_of, sum_of
from headwater.schemas.plan import Feature, Plan
from tests.unit.test_declaring import plan_of

S = 1_000_000
NOON = 1_700_000_000 * S // (3600 * S) * (3600 * S)


def fares(*table: tuple[float, float | None]) -> list[ReferenceEvent]:
    """Events of a literal table of (seconds since noon, fare)."""
    return [
        ReferenceEvent(int(NOON + seconds * S), (fare,), offset=offset) for offset, (seconds, fare) in enumerate(table)
    ]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(count_events(over="1m"), sum_of("fare", over=["1m", "5m"]))


def test_the_head_of_a_window_moves_with_every_event_and_its_tail_in_steps(plan: Plan) -> None:
    """
    ::

        noon                       1:00   1:00.5
        |--o-------------------------|----o    1m window, resolution 1 s
           0.2                            clock
        start = floor((60.5 - 60) / 1) * 1 = 0: the event at 0.2 is still inside
    """
    events = fares((0.2, 1.0), (60.5, 2.0))
    assert reference_row(plan, events).values["fare_sum_1m"] == 3.0
    assert reference_row(plan, [*events, *fares((61.0, 4.0))]).values["fare_sum_1m"] == 6.0


def test_order_and_place_of_arrival_do_not_matter(plan: Plan) -> None:
    events = fares((0, 1.0), (20, 2.0), (10, 4.0))
    assert reference_row(plan, events) == reference_row(plan, list(reversed(events)))


def test_the_clock_is_the_latest_tick_that_the_watermark_has_passed(plan: Plan) -> None:
    events = fares((0.2, 1.0))
    for watermark, clock, count in [(None, 0.2, 1), (60.999, 0.2, 1), (61, 61, 0), (300, 61, 0), (310, 310, 0)]:
        row = reference_row(plan, events, None if watermark is None else int(NOON + watermark * S))
        assert (row.clock_us, row.values["count_1m"]) == (int(NOON + clock * S), count)


def test_a_row_counts_the_events_within_reach(plan: Plan) -> None:
    events = fares((0, 1.0), (305, 1.0), (309.9, 1.0), (310, 2.0))
    assert reach(plan, events[-1].time_us) == NOON + 10 * S
    assert reference_row(plan, events).n == 3
    assert reference_row(plan, events[:3]).n == 3


def test_a_row_says_when_it_changes_and_when_it_is_empty(plan: Plan) -> None:
    row = reference_row(plan, fares((0.2, 1.0), (30, 2.0)))
    assert row.next_change_us == {"1m": NOON + 61 * S, "5m": NOON + 310 * S}
    assert row.empty_at_us == {"1m": NOON + 91 * S, "5m": NOON + 340 * S}
    assert row_at(plan, fares((0.2, 1.0)), NOON + 200 * S).next_change_us["1m"] is None


def test_nulls_are_ignored_and_empty_windows_have_their_values() -> None:
    of_fare = (sum_of, mean_of, min_of, max_of, stddev_of, first_of, last_of)
    plan = plan_of(count_events(over="1h"), *(aggregate("fare", over="1h") for aggregate in of_fare))
    values = reference_row(plan, fares((0, 2.0), (1, None), (2, 4.0))).values
    assert list(values.values()) == [3, 6.0, 3.0, 2.0, 4.0, 1.0, 2.0, 4.0]
    assert list(reference_row(plan, fares((0, None))).values.values()) == [1, 0, None, None, None, None, None, None]


def test_events_of_one_time_are_ordered_by_partition_and_offset() -> None:
    plan = plan_of(first_of("fare", over="1h"), last_of("fare", over="1h"))
    times = [(1, 5, 1.0), (0, 9, 2.0), (1, 4, 3.0)]
    events = [ReferenceEvent(NOON, (fare,), partition=partition, offset=offset) for partition, offset, fare in times]
    assert list(reference_row(plan, events).values.values()) == [2.0, 1.0]


def test_copies_with_one_source_id_and_time_are_one_event() -> None:
    plan = plan_of(count_events(over="1h"), last_of("fare", over="1h"))
    table = [
        (b"p1", 0, 1.0, 0),
        (b"p1", 0, 1.0, 0),
        (b"p1", 1, 2.0, 0),
        (b"p1", 1, 3.0, 1),
        (b"", 1, 3.0, 0),
        (b"", 1, 3.0, 0),
    ]
    events = [
        ReferenceEvent(NOON + seconds * S, (fare,), source=source, offset=offset, id=event_id)
        for offset, (event_id, seconds, fare, source) in enumerate(table)
    ]
    row = reference_row(plan, events)
    assert (row.n, row.values["count_1h"]) == (5, 5)


def test_a_wrong_value_is_told_from_one_that_is_within_the_stated_bound() -> None:
    plan = plan_of(sum_of("fare", over=sliding("1h")))
    (feature,) = plan.features
    events = fares((0, 1e9), (1, -1e9), (2, 1.0))
    assert same_value(feature, 1.0, 1.0 + 1e-3, events)
    assert not same_value(feature, 1.0, 4.0, events)
    exact = Feature(name="n", aggregate="count", column=None, window=0, type="long")
    assert not same_value(exact, 3, 4, events)
    assert not same_value(feature, None, 0.0, events)


def test_no_event_has_no_row(plan: Plan) -> None:
    with pytest.raises(ValueError, match="a row needs events"):
        row_at(plan, [], NOON)
