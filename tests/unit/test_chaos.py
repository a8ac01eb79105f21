"""The fault suite itself: what a seed decides, what is seen to go wrong, and what its verdict makes of it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from headwater.pipelines.chaos import FAULTS, ChaosVerdict, Survived, markdown, read_figures, schedule
from headwater.pipelines.chaos.fault import CONSEQUENCES, Fault, Recovery
from headwater.pipelines.chaos.rides import POISON_EVERY, Record, Rides
from headwater.pipelines.chaos.verdict import poison_mismatches
from headwater.pipelines.chaos.watch import VersionWatch, conditions_that_hold
from headwater.pipelines.reader import Version
from headwater.pipelines.verification import Verdict
from headwater.schemas.conditions import CONDITIONS
from headwater.schemas.dead_letter import Reason
from headwater.schemas.errors import SettingsError

NOW_US = 1_800_000_000_000_000
KINDS_OF_POISON = 17
METRICS = """\
# HELP headwater_condition 1 while the condition lasts, else 0.
# TYPE headwater_condition gauge
headwater_condition{condition="stuck",severity="page",view="rides"} 1.0
headwater_condition{condition="no_events",severity="info",view="rides"} 0.0
# HELP headwater_log_lag_rows Records of the feature log that wait to be read.
# TYPE headwater_log_lag_rows gauge
headwater_log_lag_rows{partition="0",view="rides"} 7.0
"""

SURVIVED = Survived("broker-kill", 5, 1.0, 0.5, Recovery(2.0, 3.04), 4.0)
STORES = Verdict(
    events=500, rejected=9, keys=100, rows=400, online=(), offline=(), offline_missing=0, offline_double=0, letters=()
)
RIGHT = ChaosVerdict(
    seed=7,
    survived=(SURVIVED, replace(SURVIVED, name="redis-kill")),
    kills=2,
    events=500,
    versions_seen=900,
    regressions=(),
    rows_rewritten=12,
    stores=STORES,
)
RUN = {"command": "headwater chaos --seed 7", "machine": "a machine", "ended": "noon"}


def names(faults: list[type[Fault]]) -> list[str]:
    return [fault.name for fault in faults]


def test_a_seed_draws_the_same_faults_in_the_same_order() -> None:
    assert schedule(7, count=12) == schedule(7, count=12)
    assert len({tuple(names(schedule(seed, count=12))) for seed in range(20)}) == 20


def test_faults_are_drawn_without_repetition_and_all_if_no_number_is_given() -> None:
    assert len(set(schedule(3, count=12))) == 12
    assert sorted(names(schedule(3))) == sorted(FAULTS)


def test_rounds_cause_each_fault_that_was_drawn_once_more() -> None:
    drawn = Counter(names(schedule(5, count=4, rounds=3)))
    assert len(drawn) == 4
    assert set(drawn.values()) == {3}


def test_only_the_named_faults_are_drawn() -> None:
    assert set(names(schedule(1, only=["redis-cut", "broker-kill"]))) == {"redis-cut", "broker-kill"}


@pytest.mark.parametrize(
    ("wish", "said"),
    [({"only": ["meteorite"]}, "there is no fault meteorite"), ({"count": 2, "only": ["redis-cut"]}, "there are 1")],
)
def test_a_wish_that_cannot_be_granted_is_refused(wish: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        schedule(1, **wish)


def test_every_fault_says_what_it_does_and_what_it_is_a_case_of() -> None:
    for fault in FAULTS.values():
        assert fault.summary
        assert 1 <= fault.row <= 22


def stream(seed: int, count: int = 4 * KINDS_OF_POISON * POISON_EVERY) -> list[Record]:
    rides = Rides(seed, 50, {"v1": 1, "v2": 2, "wrong": 3})
    return [rides.next(NOW_US + number) for number in range(count)]


def test_a_seed_sends_the_same_records() -> None:
    assert stream(7) == stream(7)
    assert stream(7) != stream(8)


def test_every_kind_of_poison_is_sent() -> None:
    sent = Counter(record.poison for record in stream(1) if record.poison is not None)
    not_in_this_stream = {
        Reason.LATE,
        Reason.EXPRESSION_FAILED,
        Reason.EXPECTATION_FAILED,
        Reason.MISSING_EVENT_ID,
        Reason.MISSING_EVENT_TIME,
    }
    assert set(sent) == set(Reason) - not_in_this_stream


def test_copies_are_the_same_bytes_further_on() -> None:
    sent = Counter(record.value for record in stream(1) if record.poison is None)
    assert 0.02 < sum(count > 1 for count in sent.values()) / len(sent) < 0.08


def test_a_shuffled_stream_has_the_same_events_but_for_their_times() -> None:
    one, other = (Rides(3, 50, {"v1": 1, "v2": 2, "wrong": 3}) for _ in range(2))
    other.is_shuffled = True
    sent = [(one.next(NOW_US + number), other.next(NOW_US + number)) for number in range(300)]
    assert [near.key for near, _ in sent] == [far.key for _, far in sent]
    assert [near.value for near, _ in sent] != [far.value for _, far in sent]


def test_a_change_of_schema_changes_nothing_else() -> None:
    one, other = (Rides(3, 50, {"v1": 1, "v2": 2, "wrong": 3}) for _ in range(2))
    other.version = "v2"
    for number in range(200):
        before, after = one.next(NOW_US + number), other.next(NOW_US + number)
        assert (before.key, before.poison) == (after.key, after.poison)


def test_a_run_without_any_problem_is_right() -> None:
    assert RIGHT.problems == []
    assert RIGHT.right


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"stores": replace(STORES, online=("ann: is not in Redis",))}, "not in Redis"),
        ({"stores": replace(STORES, offline=("row is missing",), offline_missing=1)}, "row is missing"),
        ({"stores": replace(STORES, letters=("has no dead letter",))}, "no dead letter"),
        ({"stores": replace(STORES, keys=0)}, "nothing was compared"),
        ({"stores": None}, "nothing was compared"),
        ({"regressions": ("ann: 3 after 4",)}, "a version went back: ann"),
        ({"poison": ("the poison at partition 0",)}, "the poison"),
        ({"stuck": "compute is restarting"}, "did not settle: compute is restarting"),
        ({"versions_seen": 0}, "no reader saw"),
        ({"survived": (replace(SURVIVED, broken=("exit code 1",)),)}, "broker-kill: exit code 1"),
    ],
)
def test_a_run_with_a_problem_is_not_right(changed: dict[str, Any], said: str) -> None:
    verdict = replace(RIGHT, **changed)
    assert not verdict.right
    assert any(said in problem for problem in verdict.problems)


def test_the_figures_have_the_names_and_types_that_scripts_rely_on() -> None:
    stores = replace(STORES, online=("a",), offline=("b", "c", "d"), offline_missing=1, offline_double=1)
    figures = json.loads(replace(RIGHT, stores=stores, regressions=("e",)).to_json(**RUN))
    expected = {
        "faults": 2,
        "kills": 2,
        "mismatches": 2,
        "offline_double": 1,
        "offline_missing": 1,
        "regressions": 1,
        "compared_keys": 100,
        "recoveries_s": [3.0, 3.0],
        "seed": 7,
        "right": False,
    }
    assert {name: figures[name] for name in expected} == expected


def test_a_fault_that_the_stack_does_not_get_over_has_no_recovery() -> None:
    never = replace(SURVIVED, recovery=Recovery(2.0, None))
    assert replace(RIGHT, survived=(never,)).recoveries_s == []


def figures(verdict: ChaosVerdict) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(verdict.to_json(**RUN))
    return found


def test_the_page_of_a_run_says_how_to_have_it_again_and_what_came_of_each_fault() -> None:
    worse = replace(SURVIVED, recovery=Recovery(7.0, 8.0), conditions=("stuck",))
    page = markdown([figures(replace(RIGHT, survived=(SURVIVED, worse)))])
    assert "* `headwater chaos --seed 7`, which ended at noon, on a machine." in page
    assert "All is as it must be." in page
    assert "| `broker-kill` | SIGKILL of the broker | 2 | 0.5 s | 7.0 s | 8.0 s | `stuck` | 0 |" in page


def test_the_page_of_several_runs_adds_them_up_and_hides_no_problem() -> None:
    page = markdown([figures(RIGHT), figures(replace(RIGHT, regressions=("ann",), stuck="compute is restarting"))])
    assert "* a version went back: ann" in page
    assert "* did not settle: compute is restarting" in page
    assert "All is as it must be." not in page
    assert "| SIGKILLs | 4 |  |" in page
    assert "**Not caused:** `any-kill`, `taskmanager-kill`," in page
    assert "| versions that a reader saw go back, of 1,800 | 1 | 0 |" in page
    assert "| `redis-kill` | SIGKILL of Redis, which flushes its append-only file once a second | 2 |" in page


@pytest.mark.parametrize("text", ["", "[]", '{"seed": 7}'])
def test_a_file_without_figures_makes_no_page(tmp_path: Path, text: str) -> None:
    file = tmp_path / "figures.json"
    file.write_text(text)
    with pytest.raises(SettingsError, match=r"--from .*figures\.json"):
        read_figures(file)


def test_poison_without_a_letter_or_with_another_reason_is_told() -> None:
    sent = {(0, 1): "truncated", (0, 2): "truncated", (1, 1): "null_value"}
    found = poison_mismatches(sent, [(0, 1, "truncated"), (0, 2, "bad_magic")])
    assert len(found) == 2
    assert "its dead letter says bad_magic" in found[0]
    assert "it has none" in found[1]


class Reader:
    """A reader of one row, which has each of these clocks in turn."""

    def __init__(self, *clocks: int | None) -> None:
        self._clocks = iter(clocks)

    def get_many(self, _: object) -> list[Any]:
        clock = next(self._clocks)

        class Row:
            entity = "ann"
            version = None if clock is None else Version(1, clock, 1)

        return [Row]


def look(watch: VersionWatch, *clocks: int | None) -> list[str]:
    reader: Any = Reader(*clocks)
    for _ in clocks:
        watch.look(reader)
    return watch.regressions


def test_a_version_that_goes_back_is_a_regression() -> None:
    assert look(VersionWatch(), None, 5, 5, 6) == []
    assert len(look(VersionWatch(), 5, 4)) == 1
    assert len(look(VersionWatch(), 5, None)) == 1


def test_an_answer_with_rows_of_two_generations_is_a_regression() -> None:
    class Mixed:
        def get_many(self, _: object) -> list[Any]:
            return [SimpleNamespace(entity="ann", version=Version(generation, 5, 1)) for generation in (1, 2)]

    watch, reader = VersionWatch(), cast("Any", Mixed())
    watch.look(reader)
    assert watch.regressions == ["generations [1, 2] in one answer"]


def test_while_redis_may_lose_rows_versions_may_go_back_but_not_for_longer() -> None:
    watch = VersionWatch()
    look(watch, 5)
    watch.tolerant = True
    assert look(watch, None, 3, 4) == []
    watch.tolerant = False
    assert len(look(watch, 4)) == 1
    assert len(look(watch, 5)) == 1


def test_the_conditions_that_hold_are_read_from_a_page_of_metrics() -> None:
    assert conditions_that_hold(METRICS) == {"stuck"}


def test_every_condition_that_a_fault_is_told_by_is_one_of_the_closed_list() -> None:
    known = {condition.name for condition in CONDITIONS}
    for fault in FAULTS.values():
        assert fault.tells | fault.may_tell <= known
    assert known > CONSEQUENCES


def test_a_fault_that_nobody_told_of_is_broken_and_one_that_was_taken_for_another_is() -> None:
    fault = FAULTS["redis-full"]
    assert fault.untold({"online_store_unavailable", "stuck"}) == []
    assert fault.untold({"stuck"}) == ["nobody said online_store_unavailable"]
    assert "registry_unavailable, which was not so" in fault.untold({*fault.tells, "registry_unavailable"})[0]
