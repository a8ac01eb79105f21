"""Every kind of change to a deployed view, and its verdict."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from headwater.schemas import (
    EventSource,
    Plan,
    compile_view,
    count_events,
    expect,
    first_of,
    fresh_reads,
    last_n_of,
    max_of,
    mean_of,
    probe,
    ratio_of,
    session,
    sliding,
    stddev_of,
    sum_of,
    tumbling,
    variance_of,
)
from headwater.schemas.evolution import event_changes, feature_changes, view_changes
from headwater.schemas.evolution.changes import compare, meanings_of
from headwater.schemas.expectations import Expectation
from headwater.schemas.plan import Action, Column, Feature, SourcePlan
from tests.unit.test_declaring import EVENT, RIDE, plan_of, ride_source, view_of

COUNT, FARE, TIPS = count_events(over="1h"), sum_of("fare", over="1h"), sum_of("tips", over="1h")
TIPS_AS_FARES = sum_of("tips", over="1h", name="fare_sum")
BEFORE = plan_of(COUNT, FARE, TIPS)

WITH_ONE_MORE = {**EVENT, "fields": [*EVENT["fields"], {"name": "new", "type": "int"}]}


def plus(*features: Any, **more: Any) -> Plan:
    return plan_of(COUNT, FARE, TIPS, *features, **more)


def without_tips(*features: Any) -> Plan:
    return plan_of(COUNT, FARE, *features)


def reading(**source: Any) -> Plan:
    return plan_of(COUNT, FARE, TIPS, source=ride_source(**source), entity="driver")


def tipped(action: Action) -> Expectation:
    return expect("tips >= 0.0", name="tipped", action=action)


def altered(**parts: Any) -> Plan:
    return BEFORE.model_copy(update=parts)


def with_field(name: str, **changed: Any) -> dict[str, Any]:
    """The schema of rides in which one field is another."""
    fields = [{**each, **changed} if each["name"] == name else each for each in EVENT["fields"]]
    return {**EVENT, "fields": fields}


def over_schema(schema: dict[str, Any]) -> Plan:
    return compile_view(view_of(COUNT, FARE, TIPS), schema)


def in_window(over: Any) -> Plan:
    return plan_of(count_events(over=over), sum_of("fare", over=over), sum_of("tips", over=over))


TABLE: dict[str, tuple[str, Plan]] = {
    "nothing": ("nothing", plus()),
    "another order of features": ("compatible", plan_of(TIPS, COUNT, FARE)),
    "a feature less": ("compatible", plan_of(COUNT, TIPS)),
    "a feature by another name": ("compatible", without_tips(sum_of("tips", over="1h", name="tipped"))),
    "a feature of what the state has": ("compatible", plus(mean_of("tips", over="1h"))),
    "a ratio of features": ("compatible", plus(ratio_of("tips_sum_1h", "fare_sum_1h", name="share"))),
    "another aggregate of a field that is aggregated": ("needs history", plus(max_of("tips", over="1h"))),
    "an aggregate of another field": ("needs history", plus(max_of("stops", over="1h"))),
    "a feature of some of the events": ("needs history", plus(count_events(over="1h", where="fare > 9.0", name="big"))),
    "a window more": ("needs history", plus(sum_of("fare", over="6h", name="fare_6h"))),
    "a longer window in place of one": ("incompatible", in_window("2h")),
    "a shorter window in place of one": ("incompatible", in_window("30m")),
    "a finer window in place of one": ("incompatible", in_window(sliding("1h", resolution="1s"))),
    "another aggregate by the same name": ("incompatible", without_tips(max_of("tips", over="1h", name="tips_sum"))),
    "another field by the same name": ("incompatible", plan_of(COUNT, TIPS, TIPS_AS_FARES)),
    "another filter of a feature": ("incompatible", without_tips(sum_of("tips", over="1h", where="fare > 9.0"))),
    "a filter of the view": ("incompatible", plus(where="fare > 9.0")),
    "a filter of the source": ("incompatible", reading(where="fare > 9.0")),
    "another key": ("incompatible", reading(key="note")),
    "another name of the key": ("incompatible", plus(entity="who")),
    "another topic": ("incompatible", reading(topic="trips", subject="rides-value")),
    "another event time": ("incompatible", reading(event_time="started_ms", event_time_unit="ms")),
    "event ids": ("incompatible", reading(event_id="note")),
    "an expectation that events must meet": ("incompatible", reading(expect=[tipped("dead_letter")])),
    "an expectation that is only counted": ("compatible", reading(expect=[tipped("count")])),
    "another skew": ("incompatible", reading(allowed_skew="2s")),
    "another number of partitions": ("incompatible", plus(log_partitions=7)),
    "another delay of watermarks": ("compatible", reading(watermark_delay="9s")),
    "another timeout of quiet partitions": ("compatible", reading(idle_timeout="9s")),
    "another emission interval": ("compatible", plus(emission_interval="1s")),
    "another objective": ("compatible", plus(freshness="9s")),
    "another time to live": ("compatible", plus(time_to_live="3d")),
    "another owner": ("compatible", plus(owner="someone else")),
    "a probe": ("compatible", plus(probe=probe(RIDE))),
    "an objective": ("compatible", plus(objectives=[fresh_reads("99.5%")])),
    "a promoted field": ("compatible", over_schema(with_field("tips", type="double"))),
    "a default for a field": ("incompatible", over_schema(with_field("tips", default=1.0))),
    "a field that may be null now": ("incompatible", over_schema(with_field("tips", type=["null", "float"]))),
    "a field that nobody reads": ("nothing", over_schema(WITH_ONE_MORE)),
}  # fmt: skip


@pytest.mark.parametrize("change", TABLE)
def test_a_change_of_one_thing_has_the_verdict_that_the_state_allows(change: str) -> None:
    verdict, after = TABLE[change]
    found = compare(BEFORE, after)
    assert found.verdict == verdict, "\n".join(map(str, found.changes))
    assert found.keeps_state == (verdict in {"nothing", "compatible"})
    assert bool(found.refusal) != found.keeps_state
    assert bool(found.changes) == (verdict != "nothing")


def test_the_documented_table_is_the_tested_one() -> None:
    text = (Path(__file__).parents[2] / "schemas" / "changing.md").read_text()
    documented = re.findall(r"^\| (.+) \| (nothing|compatible|needs history|incompatible) \|$", text, re.MULTILINE)
    assert documented == [(change, verdict) for change, (verdict, _) in TABLE.items()]


def test_a_view_that_is_not_deployed_is_new_and_one_that_is_not_declared_is_removed() -> None:
    assert compare(None, BEFORE).verdict == "new"
    assert compare(BEFORE, None).verdict == "removed"


@pytest.mark.parametrize(
    ("change", "verdict"),
    [("nothing", "incompatible"), ("a feature less", "incompatible"), ("a window more", "needs history")],
)
def test_with_a_raised_generation_the_change_can_be_deployed_beside_what_there_is(change: str, verdict: str) -> None:
    declared = TABLE[change][1].model_copy(update={"generation": 2})
    found = compare(BEFORE, declared)
    assert (found.verdict, found.refusal, found.keeps_state) == (verdict, "", False)
    assert found.changes[0].place == "generation"


def test_a_generation_that_goes_back_is_refused_with_the_one_to_take() -> None:
    refusal = compare(altered(generation=3), altered(generation=2)).refusal
    assert "declare the old definition with generation=4" in refusal


def test_the_feature_and_the_window_that_need_history_are_named_with_what_the_state_lacks() -> None:
    declared = plan_of(COUNT, FARE, TIPS, stddev_of("tips", over=["1h", "6h"]))
    told = [str(change) for change in compare(BEFORE, declared).changes]
    assert told == [
        "windows.6h is new: keys' clocks move with its ticks, and the state was kept for the windows that there were",
        "features.tips_stddev_1h is new: the state has no squared deviations of tips (DOUBLE)",
        "features.tips_stddev_6h is new: the state has no squared deviations of tips (DOUBLE)",
    ]


def test_ids_that_are_kept_for_longer_since_a_window_is_longer_need_history_only() -> None:
    with_ids = ride_source(event_id="note")
    day, week = (plan_of(COUNT, *more, source=with_ids, entity="driver") for more in ((), (count_events(over="7d"),)))
    more, less = compare(day, week), compare(week, day)
    assert (more.verdict, less.verdict) == ("needs history", "incompatible")
    told = next(change for change in more.changes if change.place == "deduplicate_for")
    assert (told.verdict, told.what.partition(":")[0]) == ("needs history", "is 169h, was 61m")


def test_fewer_ids_than_windows_need_change_which_copies_count() -> None:
    with_ids = ride_source(event_id="note")
    days = [
        plan_of(COUNT, source=with_ids, entity="driver", deduplicate_for=horizon, approximate=True)
        for horizon in ("5m", "10m")
    ]
    (told,) = compare(*days).changes
    assert (told.verdict, told.what.partition(":")[0]) == ("incompatible", "is 10m, was 5m")


def test_what_becomes_of_an_event_that_is_not_as_expected_is_no_matter_of_the_state() -> None:
    dead, stopped = (reading(expect=[tipped(action)]) for action in ("dead_letter", "stop"))
    assert compare(dead, stopped).verdict == "compatible"


def test_a_feature_that_shared_the_exact_sum_of_another_needs_it() -> None:
    """A mean is read from the exact sum of integers where the view has that, else from a compensated one."""
    with_sum = plan_of(sum_of("stops", over="1h"), mean_of("stops", over="1h"))
    found = compare(with_sum, plan_of(mean_of("stops", over="1h")))
    assert found.verdict == "needs history"
    assert "is kept, but would be read otherwise: the state has no sum of stops (LONG)" in str(found.changes[0])


def test_a_name_that_meant_something_else_earlier_in_the_generation_is_refused() -> None:
    """The log has rows of both, and a reader could not tell them apart."""
    first = plan_of(COUNT, stddev_of("fare", over="1h"), sum_of("fare", over="1h", name="x"))
    second = plan_of(COUNT, stddev_of("fare", over="1h"))
    third = plan_of(COUNT, stddev_of("fare", over="1h"), variance_of("fare", over="1h", name="x"))
    earlier = meanings_of(second, meanings_of(first))
    assert compare(second, third).verdict == "compatible"
    assert compare(second, third, earlier).verdict == "incompatible"
    assert compare(second, first, earlier).verdict == "compatible"


def test_windows_and_zones_in_another_order_are_the_same() -> None:
    days = [tumbling("day", zone=zone) for zone in ("Europe/Berlin", "Asia/Kolkata")]
    features = [count_events(over=each, name=f"f{number}") for number, each in enumerate([*days, session("5m")])]
    assert compare(plan_of(*features), plan_of(*reversed(features))).verdict == "compatible"


def test_two_fields_that_swap_the_names_of_their_columns_are_noticed() -> None:
    """`city.id` and `city_id` are columns `city_id` and `city_id_2`, whichever is named first."""
    schema = {**EVENT, "fields": [*EVENT["fields"], {"name": "city_id", "type": "int"}]}
    one, other = sum_of("city.id", over="1h", name="a"), sum_of("city_id", over="1h", name="b")
    before, after = (compile_view(view_of(*each), schema) for each in ([one, other], [other, one]))
    found = compare(before, after)
    assert found.verdict == "incompatible"
    assert any(change.place == "columns.city_id" for change in found.changes)


def test_a_source_more_is_other_events() -> None:
    trips = EventSource(topic="trips", key="driver", event_time="ended", allowed_skew="1s")
    both = compile_view(view_of(COUNT, source=None, sources=[ride_source(), trips]), [EVENT, EVENT])
    found = compare(plan_of(COUNT), both)
    assert (found.verdict, str(found.changes[0])) == ("incompatible", "source trips is new: other events count")


def test_values_of_a_list_depend_on_its_length() -> None:
    before, after = (plan_of(last_n_of("note", n, over="1h", name="notes")) for n in (2, 3))
    assert "(limit)" in str(compare(before, after).changes[0])


def test_the_order_of_events_decides_what_the_first_value_is_read_from() -> None:
    plain, by_id = (plan_of(first_of("note", over="1h"), source=ride_source(event_id=each)) for each in (None, "note"))
    assert compare(plain, by_id).verdict == "incompatible"


def test_there_is_a_rule_for_every_part_of_a_plan() -> None:
    """A part that is added to the plan must get a verdict before it can be deployed."""
    assert {*view_changes._SIMPLE, *view_changes.ELSEWHERE} == set(Plan.model_fields)
    assert {*event_changes._SIMPLE, *event_changes.ELSEWHERE} == set(SourcePlan.model_fields)
    assert feature_changes.COMPARED | {"column", "filter", "weight", "window", "inputs"} == set(Feature.model_fields)
    assert set(Column.model_fields) == {"name", "type", "nullable", "dimensions"}


def test_a_window_less_is_no_change_that_state_can_follow() -> None:
    """Its ticks move the clocks of keys; without them a replay would reach lower clocks than those that are stored."""
    both = plan_of(COUNT, sum_of("fare", over=timedelta(days=1)))
    found = compare(both, plan_of(COUNT))
    assert found.verdict == "incompatible"
    assert found.changes[0].place == "windows.1d"
