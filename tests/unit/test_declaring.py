"""What an author may declare, and what is said about mistakes."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from headwater.schemas import (
    DeclarationError,
    EventSource,
    FeatureView,
    compile_view,
    count_events,
    count_of,
    first_of,
    max_of,
    sliding,
    sum_of,
)
from headwater.schemas.declaration import collecting_mistakes
from headwater.schemas.plan import Plan
from headwater.schemas.windows import default_resolution_ms

EVENT: dict[str, Any] = {
    "type": "record",
    "name": "Ride",
    "namespace": "taxi",
    "fields": [
        {"name": "driver", "type": "string"},
        {"name": "city", "type": {"type": "record", "name": "City", "fields": [{"name": "id", "type": "int"}]}},
        {"name": "ended", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "started_ms", "type": "long"},
        {"name": "fare", "type": ["null", "double"]},
        {"name": "stops", "type": "int"},
        {"name": "tips", "type": "float"},
        {"name": "note", "type": ["null", "string"]},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "either", "type": ["null", "string", "long"]},
        {"name": "to", "type": ["null", "City"]},
    ],
}
RIDE: dict[str, Any] = {
    "driver": "probe",
    "city": {"id": 1},
    "started_ms": 3,
    "fare": None,
    "stops": 1,
    "tips": 0.5,
    "note": None,
    "price": 1.25,
    "tags": [],
    "either": None,
    "to": {"id": 2},
}
"""One such event, but for its time."""

RIDES = EventSource(topic="rides", key="driver", event_time="ended", allowed_skew="1s")


def view_of(*features: Any, source: EventSource = RIDES, **more: Any) -> FeatureView:
    return FeatureView(
        **{"name": "rides", "source": source, "features": features, "owner": "o", "description": "d", **more}
    )


def plan_of(*features: Any, source: EventSource = RIDES, **more: Any) -> Plan:
    return compile_view(view_of(*features, source=source, **more), EVENT)


def ride_source(**changed: Any) -> EventSource:
    return EventSource(**{"topic": "rides", "key": "driver", "event_time": "ended", "allowed_skew": "1s", **changed})


def mistakes_of(*features: Any, source: EventSource = RIDES, **more: Any) -> list[str]:
    with pytest.raises(DeclarationError) as caught:
        plan_of(*features, source=source, **more)
    return [str(mistake) for mistake in caught.value.mistakes]


def test_one_aggregate_over_many_windows_is_one_feature_for_each() -> None:
    plan = plan_of(sum_of("fare", over=["5m", "1h", timedelta(days=1)]))
    assert [feature.name for feature in plan.features] == ["fare_sum_5m", "fare_sum_1h", "fare_sum_1d"]
    assert [window.resolution_ms for window in plan.windows] == [10_000, 60_000, 600_000]


def test_features_over_the_same_window_share_it() -> None:
    plan = plan_of(count_events(over="1h"), sum_of("fare", over=sliding("1h")), sum_of("tips", over="60m"))
    assert len(plan.windows) == 1


def test_a_chosen_resolution_is_another_window() -> None:
    plan = plan_of(count_events(over=["1h", sliding("1h", resolution="1s")]))
    assert [window.name for window in plan.windows] == ["1h", "1h_by_1s"]


def test_the_types_of_values_follow_the_fields() -> None:
    plan = plan_of(
        sum_of("stops", over="1h"), sum_of("started_ms", over="1h"), max_of("stops", over="1h"),
        count_of("note", over="1h"), first_of("note", over="1h"), max_of("tips", over="1h"),
    )  # fmt: skip
    assert [feature.type for feature in plan.features] == ["long", "double", "long", "long", "string", "double"]


def test_a_key_may_have_several_fields_some_of_them_nested_and_other_names_in_the_store() -> None:
    source = EventSource(topic="rides", key=["driver", "city.id"], event_time="ended", allowed_skew="1s")
    plan = plan_of(count_events(over="1h"), source=source, entity=["driver", "city_id"])
    assert [(field.name, field.type) for field in plan.entity] == [("driver", "string"), ("city_id", "long")]
    assert [each.path for each in plan.sources[0].key] == [("driver",), ("city", "id")]


def test_the_reader_schema_holds_only_what_is_needed_and_each_named_type_once() -> None:
    source = EventSource(topic="rides", key="city.id", event_time="ended", allowed_skew="1s")
    schema: Any = plan_of(first_of("to.id", over="1h"), source=source).sources[0].reader_schema
    assert [field["name"] for field in schema["fields"]] == ["city", "ended", "to"]
    assert schema["fields"][2]["type"] == ["null", "taxi.City"]


def test_two_fields_never_share_a_columns_name() -> None:
    schema = {**EVENT, "fields": [*EVENT["fields"], {"name": "city_id", "type": "int"}]}
    view = view_of(sum_of("city.id", over="1h", name="a"), sum_of("city_id", over="1h", name="b"))
    assert [column.name for column in compile_view(view, schema).columns] == ["city_id", "city_id_2"]


def test_equal_declarations_give_equal_bytes() -> None:
    first, second = (plan_of(count_events(over=["1h", "5m"])) for _ in range(2))
    assert first.canonical_json() == second.canonical_json()
    assert Plan.from_json(first.canonical_json()) == first


@pytest.mark.parametrize(
    ("length_ms", "resolution_ms"),
    [
        (1_000, 1_000),
        (60_000, 1_000),
        (300_000, 10_000),
        (3_600_000, 60_000),
        (86_400_000, 600_000),
        (86_400_000 * 30, 86_400_000),
    ],
)
def test_the_resolution_is_the_coarsest_step_of_a_thirtieth(length_ms: int, resolution_ms: int) -> None:
    assert default_resolution_ms(length_ms) == resolution_ms


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"features": sum_of("fair", over="1h")}, "no field 'fair' (did you mean 'fare'?)"),
        ({"features": sum_of("city.idd", over="1h")}, "city has no field 'idd' (did you mean 'id'?)"),
        (
            {"features": sum_of("note", over="1h")},
            "sum of note, of type string (choose a field of type double or long)",
        ),
        ({"features": first_of("city", over="1h")}, "city is of type record"),
        ({"features": first_of("tags", over="1h")}, "tags is of type array, which has no single value"),
        ({"features": first_of("either", over="1h")}, "either is a union of long, string, which are not of one type"),
        ({"features": first_of("fare.x", over="1h")}, "fare is not a record"),
        ({"features": count_events(over="1s")}, "is no longer than the allowed skew, 1s"),
        ({"features": count_events(over=["1h", "1h"])}, "already the name of another of the features"),
        (
            {"features": count_events(over=sliding("1m", resolution="1h"))},
            "window 1m_by_1h is shorter than its resolution",
        ),
        ({"features": count_events(over="1h", name="a b")}, "features.a b_1h: is not a name"),
        ({"entity": ["a", "b"]}, "names 2 fields, but the source's key has 1"),
        ({"entity": "clock"}, "entity.clock: is already a field of every row"),
        ({"emission_interval": "5m"}, "emission_interval: is 5m"),
        ({"source": ride_source(key="fare")}, "fare is a double"),
        ({"source": ride_source(event_time="started_ms")}, "is a plain long (say event_time_unit='ms' or 'us')"),
        ({"source": ride_source(event_time="note")}, "note is of type string (use a long since the epoch)"),
        ({"source": ride_source(event_time_unit="ms")}, "is ms, but ended is a timestamp-micros (leave it out)"),
    ],
)
def test_a_mistake_is_named_with_its_place_and_its_remedy(wrong: dict[str, Any], said: str) -> None:
    features = wrong.pop("features", count_events(over="1h"))
    mistakes = mistakes_of(features, **wrong)
    assert any(said in mistake for mistake in mistakes), mistakes
    assert all(mistake.startswith("test_declaring.py:") for mistake in mistakes)


@pytest.mark.parametrize(
    ("declare", "said"),
    [
        (lambda: sliding("5x"), "'5x' is not a length of time"),
        (lambda: sliding("500ms"), "500ms is no length for a window (choose whole seconds from 1s to 400d)"),
        (lambda: sliding("401d"), "401d is no length for a window"),
        (lambda: sliding("1h", resolution="2m"), "2m is no step of the ladder (choose one of 1s, 10s, 1m,"),
        (lambda: count_events(over=[]), "give at least one window"),
        (lambda: EventSource(topic="no spaces", key="a", event_time="b"), "EventSource topic"),
        (lambda: EventSource(topic="t", key="a", event_time="b", lateness="1m"), "EventSource lateness"),
        (lambda: view_of(count_events(over="1h"), name="Rides"), "FeatureView name"),
        (view_of, "FeatureView features"),
    ],
)  # fmt: skip
def test_a_wrong_argument_raises_where_it_stands(declare: Any, said: str) -> None:
    with pytest.raises(DeclarationError, match=r"test_declaring\.py:") as caught:
        declare()
    assert said in str(caught.value)


def test_mistakes_of_arguments_are_kept_when_they_are_collected() -> None:
    with collecting_mistakes() as broken:
        EventSource(topic="", key="a", event_time="b")
        view_of(sum_of("fare", over="5x"), name="X", owner="")
    assert [len(each.mistakes()) for each in broken] == [1, 1, 2]


def test_a_schema_that_is_not_avro_is_a_mistake_of_the_source() -> None:
    with pytest.raises(DeclarationError, match="not a valid Avro schema"):
        compile_view(
            view_of(count_events(over="1h")), {"type": "record", "name": "X", "fields": [{"name": "a", "type": "nope"}]}
        )
