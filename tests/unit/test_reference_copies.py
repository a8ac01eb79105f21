"""How often events may count that came twice, behind the horizon of their view and before it. Times are seconds."""

from __future__ import annotations

import pytest

from headwater.operators.reference import ReferenceEvent, row_of
from headwater.operators.reference_copies import PossibleEvents
from headwater.pipelines.verification import rows
from headwater.pipelines.verification.rows import row_difference
from headwater.schemas import Plan, count_events, last_of, sum_of
from tests.unit.test_declaring import plan_of, ride_source

S = 1_000_000


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(
        count_events(over="5m"), sum_of("fare", over="5m"), last_of("fare", over="5m"),
        source=ride_source(event_id="note"), deduplicate_for="1m", approximate=True,
    )  # fmt: skip


def stream(*table: tuple[float, str, float, int]) -> list[ReferenceEvent]:
    """Events of a literal table of (second, id, fare, partition), in the order in which each partition has them."""
    return [
        ReferenceEvent(int(second * S), (fare,), partition=partition, offset=offset, id=name.encode())
        for offset, (second, name, fare, partition) in enumerate(table)
    ]


def row(plan: Plan, events: list[ReferenceEvent], **changed: object) -> dict[str, object]:
    """The fields of a row in which each of the events counts."""
    made = row_of(plan, events, max(event.time_us for event in events))
    return {"generation": made.generation, "clock": made.clock_us, "n": made.n, **made.values, **changed}


def bounds(plan: Plan, events: list[ReferenceEvent]) -> tuple[int, int]:
    possible = PossibleEvents(plan, max(event.time_us for event in events), events)
    return possible.fewest, possible.most


def test_copies_within_the_horizon_of_the_present_clock_count_once(plan: Plan) -> None:
    assert bounds(plan, stream((1, "a", 5, 0), (61, "b", 7, 0), (1, "a", 5, 0), (1, "a", 5, 1))) == (2, 2)


def test_a_copy_that_its_own_partition_made_late_counts_again(plan: Plan) -> None:
    """
    ::

        partition 0   1 a . . . . . . 62 b   a, 61 s behind: counts again
    """
    assert bounds(plan, stream((1, "a", 5, 0), (62, "b", 7, 0), (1, "a", 5, 0))) == (3, 3)


def test_a_copy_in_another_partition_may_count_again_or_not(plan: Plan) -> None:
    assert bounds(plan, stream((1, "a", 5, 0), (62, "b", 7, 0), (1, "a", 5, 1))) == (2, 3)


def test_what_no_window_holds_any_more_leaves_nothing_open(plan: Plan) -> None:
    assert bounds(plan, stream((1, "a", 5, 0), (900, "b", 7, 0), (1, "a", 5, 1))) == (1, 1)


def test_a_row_may_count_what_may_have_counted_and_nothing_else(plan: Plan) -> None:
    events = stream((1, "a", 5, 0), (2, "b", 8, 0), (61.5, "c", 7, 0), (1, "a", 5, 1), (2, "b", 8, 1))
    a, b, c = events[:3]
    possible = PossibleEvents(plan, c.time_us, events)
    for counting in ([a, b, c], [a, a, b, c], [a, b, b, c], [a, a, b, b, c]):
        # b is within the horizon: it counts once
        told = row_difference(possible, row(plan, counting))
        assert (told == "") is (counting.count(b) == 1), told
    assert "fare_sum_5m is 21.0 instead of" in row_difference(possible, row(plan, [a, a, b, c], fare_sum_5m=21.0))
    assert "instead of (1, 61500000, 3), or n up to 4" in row_difference(possible, row(plan, [a, b, c], n=5))


def test_of_too_many_choices_only_what_copies_do_not_change_is_compared(
    plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MOST_CHOICES", 1)
    events = stream((1, "a", 5, 0), (2, "b", 8, 0), (3, "c", 9, 0), (99, "d", 7, 0), (1, "a", 5, 1), (2, "b", 8, 1))
    possible = PossibleEvents(plan, events[3].time_us, events)
    assert row_difference(possible, row(plan, events[:5])) == ""
    assert row_difference(possible, row(plan, events[:5], fare_sum_5m=1.0)) == ""
    assert "fare_last_5m is 1.0" in row_difference(possible, row(plan, events[:5], fare_last_5m=1.0))
