"""The comparison itself: it passes what is right, and finds each kind of wrong that is planted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from headwater.operators.reference import ReferenceEvent, ReferenceRow, reference_row
from headwater.operators.reference_copies import PossibleEvents
from headwater.pipelines.dead_letters.letter import DeadLetter, Position
from headwater.pipelines.verification.letters import dead_letter_mismatches, late_event_mismatches
from headwater.pipelines.verification.offline import Place, offline_mismatches, with_later
from headwater.pipelines.verification.replays import Replays
from headwater.pipelines.verification.rows import definition_of, row_difference
from headwater.schemas import Plan, count_events, sum_of
from headwater.schemas.dead_letter import Reason
from headwater.schemas.feature_log import RowHeader
from headwater.schemas.keys import encode_key
from tests.unit.test_declaring import plan_of
from tests.unit.test_reference import fares

KEYS = {name: encode_key(plan_of(count_events(over="1h")).entity, {"driver": name}) for name in ("ann", "bob")}
Committed = dict[Place, tuple[bytes, RowHeader]]


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of(count_events(over="1m"), sum_of("fare", over=["1m", "1h"]))


@pytest.fixture
def events() -> dict[bytes, list[ReferenceEvent]]:
    return {KEYS["ann"]: fares((0, 1.0), (20, 2.0), (10, 4.0), (90, 8.0)), KEYS["bob"]: fares((5, 3.0))}


def fields(driver: str, row: ReferenceRow, offset: int) -> dict[str, Any]:
    place = {"log_partition": 0, "log_offset": offset}
    return {"driver": driver, "generation": 1, "clock": row.clock_us, "n": row.n, **row.values, **place}


@pytest.fixture
def rows(plan: Plan, events: dict[bytes, list[ReferenceEvent]]) -> list[dict[str, Any]]:
    """A row after each event, as an unthrottled pipeline writes them."""
    made = []
    for driver, key in KEYS.items():
        for number in range(1, len(events[key]) + 1):
            made.append(fields(driver, reference_row(plan, events[key][:number]), len(made)))
    return made


def mismatches(plan: Plan, events: Any, rows: list[dict[str, Any]], logged: list[dict[str, Any]]) -> list[str]:
    committed = {
        (row["log_partition"], row["log_offset"]): (
            KEYS[row["driver"]],
            RowHeader(1, row["clock"], row["n"], 0, 0, 0, 0, 0, 0),
        )
        for row in logged
    }
    return offline_mismatches(plan, pa.Table.from_pylist(rows), committed, events).sentences


def test_rows_that_are_right_have_no_mismatch(plan: Plan, events: Any, rows: list[dict[str, Any]]) -> None:
    assert mismatches(plan, events, rows, rows) == []


def test_a_row_that_was_committed_after_the_log_was_read_is_looked_up_there_again(rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows[:3])
    header = RowHeader(1, 0, 1, 0, 0, 0, 0, 0, 0)
    now: Committed = {(0, offset): (KEYS["ann"], header) for offset in (0, 1, 2, 3)}
    read = {place: now[place] for place in ((0, 0), (0, 1))}
    assert with_later(table, read, lambda: now).keys() == {(0, 0), (0, 1), (0, 2)}, "no others"
    assert with_later(table, read, lambda: read) == read, "a row that was never committed stays a difference"
    assert with_later(table.slice(0, 2), read, lambda: pytest.fail("nothing to look up")) == read


def _changed(index: int, **values: Any) -> Callable[[list[dict[str, Any]]], list[dict[str, Any]]]:
    return lambda rows: [{**row, **values} if number == index else row for number, row in enumerate(rows)]


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (_changed(1, fare_sum_1m=3.5), "fare_sum_1m is 3.5 instead of 3.0"),
        (_changed(3, count_1m=7), "count_1m is 7 instead of 1"),
        (_changed(4, fare_sum_1h=None), "fare_sum_1h is None instead of 3.0"),
        (_changed(3, n=3), "in the feature log"),
        (lambda rows: rows[1:], "row (0, 0) of the feature log is missing"),
        (lambda rows: [*rows, rows[0]], "row (0, 0) stands there 2 times"),
        (lambda rows: [*rows, {**rows[0], "log_offset": 99}], "row (0, 99) is not in the committed feature log"),
        (lambda rows: rows[:4], "has no row"),
    ],
)
def test_a_planted_wrong_is_found(
    plan: Plan, events: Any, rows: list[dict[str, Any]], plant: Callable[[Any], Any], said: str
) -> None:
    found = mismatches(plan, events, plant(rows), rows)
    assert any(said in each for each in found), found


def test_a_row_of_another_version_is_a_difference(plan: Plan, events: Any) -> None:
    ann = events[KEYS["ann"]]
    expected = reference_row(plan, ann)
    possible = PossibleEvents(plan, expected.clock_us, ann)
    assert row_difference(possible, fields("ann", expected, 0)) == ""
    assert "version" in row_difference(possible, fields("ann", reference_row(plan, ann[:3]), 0))


def test_a_row_that_an_older_savepoint_caused_once_more_is_counted_apart(
    plan: Plan, events: Any, rows: list[dict[str, Any]]
) -> None:
    again = [*rows, {**rows[1], "log_offset": 99}]
    committed = {
        (0, row["log_offset"]): (KEYS[row["driver"]], RowHeader(1, row["clock"], row["n"], 0, 0, 0, 0, 0, 0))
        for row in again
    }
    for end, double, repeated in ((1, 1, 0), (2, 0, 1)):
        replays = Replays()
        replays.add(plan.log.topic, {0: 1}, {0: end})
        found = offline_mismatches(plan, pa.Table.from_pylist(again), committed, events, replays=replays)
        assert (len(found.double), found.repeated) == (double, repeated)


def test_what_a_replay_does_not_explain_stays_double() -> None:
    replays = Replays()
    replays.add("rides", {0: 5}, {0: 8})
    items = [(3, "a"), (6, "a"), (7, "b"), (9, "c"), (12, "c")]
    once = replays.without_repeated(items, lambda item: Position("rides", 0, item[0]), lambda item: item[1])
    assert once == [(3, "a"), (7, "b"), (9, "c"), (12, "c")]


def test_a_row_with_the_features_of_another_definition_is_held_to_that_one(plan: Plan, events: Any) -> None:
    wider = plan_of(count_events(over="1m"), sum_of("fare", over=["1m", "1h"]), count_events(over="1h"))
    ann = events[KEYS["ann"]]
    row = fields("ann", reference_row(plan, ann), 0)
    assert definition_of(row, plan, [wider]) is plan
    assert definition_of({**row, "count_1h": None}, plan, [wider]) is plan
    for count, is_right in ((4, True), (5, False)):
        wide = {**row, "count_1h": count}
        possible = PossibleEvents(definition_of(wide, plan, [wider]), row["clock"], ann)
        assert (row_difference(possible, wide) == "") == is_right


EVENT = Position("rides", 2, 17)


def letter(event: Position, reason: Reason, event_time_us: int | None = None) -> DeadLetter:
    fields = dict.fromkeys(("schema_id", "entity_key", "value", "value_sha256", "record_key"))
    given = {"topic": event.topic, "partition": event.partition, "offset": event.offset, "event_time": event_time_us}
    rest = {"detail": "", "generation": 1, "record_timestamp": 0, "value_bytes": 0, "headers": {}}
    return DeadLetter.of(Position("letters", 0, 0), {**fields, **given, **rest, "reason": reason})


@pytest.mark.parametrize(
    ("letters", "said"),
    [
        ([], "rides-2@17: rejected (null_value), but has no dead letter"),
        ([letter(EVENT, Reason.NULL_VALUE)] * 2, "rides-2@17: has 2 dead letters"),
        ([letter(EVENT, Reason.BAD_MAGIC)], "its dead letter says bad_magic instead of null_value"),
        (
            [letter(EVENT, Reason.NULL_VALUE), letter(EVENT._replace(offset=3), Reason.BAD_MAGIC)],
            "rides-2@3: has a dead letter (bad_magic), but is an event",
        ),
    ],
)
def test_a_dead_letter_that_is_missing_double_or_wrong_is_found(letters: list[DeadLetter], said: str) -> None:
    (found,) = dead_letter_mismatches(letters, {EVENT: Reason.NULL_VALUE})
    assert said in found


def test_a_late_event_must_be_out_of_reach_and_told_once(plan: Plan) -> None:
    now_us = 10_000_000_000
    late = letter(EVENT, Reason.LATE, event_time_us=0)
    assert late_event_mismatches([late], plan, now_us) == []
    assert "2 times" in late_event_mismatches([late, late], plan, now_us)[0]
    assert "may hold" in late_event_mismatches([letter(EVENT, Reason.LATE, event_time_us=now_us)], plan, now_us)[0]
