"""Metrics tell a view that has no events from one that is stuck."""

from __future__ import annotations

import pytest

from headwater.operators.view_state import ViewState, view_state

NOW = 1_000_000.0
LONG = 3_600_000.0

# heartbeats' age, newest event's age, rows have waited for; all in ms, with an objective of 1 s
CASES: dict[str, tuple[list[int | None], int | None, float, ViewState]] = {
    "events and heartbeats flow": ([100, 900], 500, 0.0, ViewState.FRESH),
    "heartbeats flow, but no event came": ([100, 900], 1_901, 0.0, ViewState.NO_EVENTS),
    "no event came, but a heartbeat that says so did not come either": ([100, 900], 1_900, 0.0, ViewState.FRESH),
    "there never was an event": ([100, 900], None, 0.0, ViewState.NO_EVENTS),
    "one partition's heartbeat is old": ([100, 10_001], 500, 0.0, ViewState.STUCK),
    "one partition's heartbeat is as old as it may be": ([100, 10_000], 500, 0.0, ViewState.FRESH),
    "one partition has never had a heartbeat": ([100, None], 500, 0.0, ViewState.STUCK),
    "rows wait, and nothing is read": ([100, 900], 500, 10_001.0, ViewState.STUCK),
    "rows wait a little": ([100, 900], 500, 10_000.0, ViewState.FRESH),
}


@pytest.mark.parametrize(("ages", "event_age", "stalled", "state"), CASES.values(), ids=CASES.keys())
def test_the_state_says_what_is_wrong(
    ages: list[int | None], event_age: int | None, stalled: float, state: ViewState
) -> None:
    found = view_state(
        NOW,
        heartbeats_as_of_ms=[None if age is None else int(NOW) - age for age in ages],
        newest_ingested_ms=None if event_age is None else int(NOW) - event_age,
        stalled_ms=stalled,
        freshness_objective_ms=1_000,
        store_available=True,
        looking_ms=LONG,
    )
    assert found is state


def test_a_view_with_a_lax_objective_is_given_that_long_before_it_counts_as_stuck() -> None:
    def state(age_ms: int) -> ViewState:
        return view_state(
            NOW,
            heartbeats_as_of_ms=[int(NOW) - age_ms],
            newest_ingested_ms=int(NOW),
            stalled_ms=0.0,
            freshness_objective_ms=60_000,
            store_available=True,
            looking_ms=LONG,
        )

    assert [state(59_000), state(61_000)] == [ViewState.FRESH, ViewState.STUCK]


def test_a_view_whose_store_takes_no_rows_is_stuck_even_before_its_first_partition() -> None:
    found = view_state(
        NOW,
        heartbeats_as_of_ms=[],
        newest_ingested_ms=None,
        stalled_ms=0.0,
        freshness_objective_ms=1_000,
        store_available=False,
        looking_ms=0.0,
    )
    assert found is ViewState.STUCK


@pytest.mark.parametrize(("looking_ms", "state"), [(10_000.0, ViewState.STARTING), (10_001.0, ViewState.STUCK)])
def test_nobody_who_has_just_begun_to_look_calls_a_view_stuck(looking_ms: float, state: ViewState) -> None:
    found = view_state(
        NOW,
        heartbeats_as_of_ms=[int(NOW), None],
        newest_ingested_ms=None,
        stalled_ms=0.0,
        freshness_objective_ms=1_000,
        store_available=True,
        looking_ms=looking_ms,
    )
    assert found is state


def test_who_looks_after_no_partition_claims_nothing() -> None:
    found = view_state(
        NOW,
        heartbeats_as_of_ms=[],
        newest_ingested_ms=None,
        stalled_ms=0.0,
        freshness_objective_ms=1_000,
        store_available=True,
        looking_ms=LONG,
    )
    assert found is ViewState.STARTING
