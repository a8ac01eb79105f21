"""A row is judged by the events that it must have, and allowed those that it may."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from headwater.operators.heartbeats import FoldedHeartbeat
from headwater.operators.reading import StoredRow
from headwater.operators.reference import ReferenceEvent, reference_row
from headwater.operators.row_agreement import Agreement
from headwater.pipelines.watch.judgement import Judgement, judge
from headwater.pipelines.watch.online_sample import OnlineRow
from headwater.schemas import Plan, count_events, sum_of
from tests.unit.test_declaring import plan_of
from tests.unit.test_reference import NOON, S, fares

BEFORE_MS = (NOON - 60 * S) // 1000


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(count_events(over="1h"), sum_of("fare", over="1h"))


def online(plan: Plan, events: Sequence[ReferenceEvent], watermark_ms: int = BEFORE_MS, **changed: Any) -> OnlineRow:
    row = reference_row(plan, events)
    fields = {
        "generation": row.generation,
        "clock": row.clock_us,
        "n": row.n,
        "ingested_at": row.ingested_at_ms,
        **row.values,
        **changed,
    }
    return OnlineRow(b"k", 0, StoredRow(fields, frozenset(fields)), "", FoldedHeartbeat(0, watermark_ms), 0)


def agreement(judgement: Judgement) -> tuple[Agreement, set[str]]:
    return judgement.agreement, {each.feature for each in judgement.features}


EVENTS = [replace(event, ingested_at_ms=event.offset) for event in fares((0, 1.0), (20, 2.0), (10, 4.0), (30, 8.0))]


def test_a_row_of_all_events_agrees_and_one_wrong_value_is_named(plan: Plan) -> None:
    assert agreement(judge(plan, online(plan, EVENTS), EVENTS, [])) == (Agreement.AGREED, set())
    wrong = online(plan, EVENTS, fare_sum_1h=15.5)
    assert agreement(judge(plan, wrong, EVENTS, [])) == (Agreement.DISAGREED, {"fare_sum_1h"})


@pytest.mark.parametrize("had", [2, 3, 4])
def test_a_row_may_have_any_beginning_of_what_came_after_its_heartbeat(plan: Plan, had: int) -> None:
    row = online(plan, EVENTS[:had])
    assert agreement(judge(plan, row, EVENTS[:2], EVENTS[2:])) == (Agreement.AGREED, set())


def test_a_row_that_lacks_what_its_heartbeat_vouches_for_disagrees(plan: Plan) -> None:
    judgement = judge(plan, online(plan, EVENTS[:3]), EVENTS, [])
    assert judgement.agreement is Agreement.DISAGREED
    assert "clock" in judgement.what
    late = judge(plan, online(plan, [*EVENTS[:2], EVENTS[3]]), EVENTS, [])
    assert late.agreement is Agreement.DISAGREED
    assert "version" in late.what


def test_a_row_with_a_gap_in_what_came_later_is_not_said_to_be_wrong_until_all_has_arrived(plan: Plan) -> None:
    row = online(plan, [*EVENTS[:2], EVENTS[3]], n=7)
    assert judge(plan, row, EVENTS[:2], EVENTS[2:]).agreement is Agreement.UNDECIDED
    assert judge(plan, row, EVENTS, []).agreement is Agreement.DISAGREED


def test_ticks_that_the_watermark_has_passed_must_have_moved_the_clock(plan: Plan) -> None:
    hours_later_ms = (NOON + 7200 * S) // 1000
    judgement = judge(plan, online(plan, EVENTS, watermark_ms=hours_later_ms), EVENTS, [])
    assert judgement.agreement is Agreement.DISAGREED
    assert "clock" in judgement.what


def test_a_row_that_is_not_there_is_missed_unless_it_may_have_expired(plan: Plan) -> None:
    absent = OnlineRow(b"k", 0, None, "", FoldedHeartbeat(0, BEFORE_MS), 0)
    assert judge(plan, absent, EVENTS, []).agreement is Agreement.AGREED  # all of this was years ago
    lasting = plan.model_copy(update={"time_to_live_ms": 100 * 365 * 86_400_000})
    assert "not in the online store" in judge(lasting, absent, EVENTS, []).what
    assert judge(plan, absent, [], []).agreement is Agreement.AGREED


def test_a_row_without_events_within_reach_must_count_none(plan: Plan) -> None:
    assert judge(plan, online(plan, EVENTS, n=0), [], []).agreement is Agreement.UNDECIDED
    assert judge(plan, online(plan, EVENTS), [], []).agreement is Agreement.DISAGREED


def test_features_that_the_rows_writer_did_not_know_are_left_out(plan: Plan) -> None:
    row = online(plan, EVENTS, fare_sum_1h=None)
    assert row.row is not None
    older = row._replace(row=StoredRow(row.row.fields, row.row.written - {"fare_sum_1h"}))
    assert judge(plan, older, EVENTS, []).agreement is Agreement.AGREED


def test_of_too_many_events_on_their_way_nothing_is_said(plan: Plan) -> None:
    later = [
        replace(event, partition=offset % 5, ingested_at_ms=0)
        for offset, event in enumerate(fares(*((second, 1.0) for second in range(50))))
    ]
    judgement = judge(plan, online(plan, later[-1:], n=1000), [], later)
    assert judgement.agreement is Agreement.UNDECIDED
