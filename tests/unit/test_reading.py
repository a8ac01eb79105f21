"""What a stored row is worth at an instant."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from headwater.operators.heartbeats import FoldedHeartbeat
from headwater.operators.reading import FeatureRow, FeatureValue, RowReader, Status, Version, micros, schema_id_of
from headwater.schemas.errors import FormatError
from headwater.schemas.feature_log import log_schema
from headwater.schemas.plan import Feature, Plan
from tests.feature_log_rows import ENTITY, WINDOWS, encode, make_plan

SECOND = 1_000_000
CLOCK = 1_000 * SECOND
ENTITY_VALUES = {"customer_id": "c1"}


def plan() -> Plan:
    """Objective 1 s, time-to-live 1 day, windows 5m and 1h."""
    features = (
        Feature(name="sum_5m", aggregate="sum", column=0, window=0, type="double"),
        Feature(name="last_5m", aggregate="last", column=0, window=0, type="double"),
        Feature(name="count_1h", aggregate="count", column=None, window=1, type="long"),
    )
    base = make_plan()
    log = base.log.model_copy(update={"schema_": log_schema(base.view, ENTITY, WINDOWS, features)})
    return base.model_copy(update={"features": features, "log": log})


def row(**changes: Any) -> dict[str, Any]:
    """Clock 1000 s; the 5m window changes at 1100 s and is empty from 1300 s on, the 1h window at 2000 s and 4000 s."""
    return {
        "customer_id": "c1",
        "generation": 1,
        "clock": CLOCK,
        "n": 2,
        "event_time": CLOCK - 1 * SECOND,
        "ingested_at": 1_000_500,
        "computed_at": 1_000_600,
        "cause": "EVENT",
        "next_change_5m": 1_100 * SECOND,
        "empty_at_5m": 1_300 * SECOND,
        "next_change_1h": 2_000 * SECOND,
        "empty_at_1h": 4_000 * SECOND,
        "sum_5m": 2.5,
        "last_5m": 1.5,
        "count_1h": 2,
    } | changes


def stored(fields: dict[str, Any], schema: dict[str, Any] | None = None) -> bytes:
    return bytes(24) + encode(schema or plan().log.schema_, fields)


def read(
    as_of_seconds: float, fields: dict[str, Any] | None = None, *, heartbeat_seconds: float | None = None
) -> FeatureRow:
    reader = RowReader(plan())
    decoded = reader.decoder(json.dumps(plan().log.schema_)).decode(stored(fields or row()))
    heartbeat = None if heartbeat_seconds is None else FoldedHeartbeat(int(heartbeat_seconds * 1000), 0)
    return reader.read(ENTITY_VALUES, decoded, heartbeat, micros(as_of_seconds))


FIVE, BOTH = {"sum_5m", "last_5m"}, {"sum_5m", "last_5m", "count_1h"}

#   clock            5m changes      5m empty          1h changes         1h empty
#     |------ exact ------|---- pending ----|-------- exact --------|-- pending --|--> all empty
#    1000 s             1100 s            1300 s                  2000 s        4000 s
DECAY: list[tuple[float, tuple[FeatureValue, FeatureValue, FeatureValue], set[str]]] = [
    (999.0, (2.5, 1.5, 2), set()),  # before the clock: as at the clock
    (1_000.0, (2.5, 1.5, 2), set()),
    (1_099.999999, (2.5, 1.5, 2), set()),
    (1_100.0, (2.5, 1.5, 2), FIVE),
    (1_299.999999, (2.5, 1.5, 2), FIVE),
    (1_300.0, (0.0, None, 2), set()),
    (1_999.999999, (0.0, None, 2), set()),
    (2_000.0, (0.0, None, 2), {"count_1h"}),
    (4_000.0, (0.0, None, 0), set()),
]


@pytest.mark.parametrize(("as_of", "values", "pending"), DECAY)
def test_values_are_exact_pending_or_exactly_empty(
    as_of: float, values: tuple[FeatureValue, ...], pending: set[str]
) -> None:
    found = read(as_of)
    assert tuple(found.values.values()) == values
    assert found.pending == pending


def test_a_window_that_is_empty_at_the_clock_stays_empty() -> None:
    found = read(1_000, row(next_change_5m=None, empty_at_5m=None, sum_5m=0.0, last_5m=None))
    assert dict(found.values) == {"sum_5m": 0.0, "last_5m": None, "count_1h": 2}
    assert found.pending == frozenset()


# row's events reached Kafka at 1000.5 s; objective 1 s; time-to-live 86400 s
STATUS: list[tuple[float, float | None, Status, float]] = [
    (1_000.5, None, Status.FRESH, 0.0),
    (1_001.4, None, Status.FRESH, 0.9),
    (1_001.5, None, Status.STALE, 1.0),
    (1_050.0, 1_049.5, Status.FRESH, 0.5),  # a quiet key of a healthy pipeline
    (1_050.0, 1_040.0, Status.STALE, 10.0),
    (1_001.0, 900.0, Status.FRESH, 0.5),  # the younger of the two counts
    (87_400.5, None, Status.STALE, 86_400.0),
    (87_400.6, None, Status.EXPIRED, 86_400.1),
    (87_400.6, 87_300.6, Status.STALE, 100.0),
    (900.0, 950.0, Status.FRESH, 0.0),  # asked for an instant before the row
]


@pytest.mark.parametrize(("as_of", "heartbeat", "status", "age"), STATUS)
def test_a_row_is_as_fresh_as_it_or_its_partitions_heartbeat(
    as_of: float, heartbeat: float | None, status: Status, age: float
) -> None:
    found = read(as_of, heartbeat_seconds=heartbeat)
    assert found.status == status
    assert found.age == pytest.approx(age)


def test_a_row_tells_its_clock_newest_event_and_version() -> None:
    found = read(1_000)
    assert found.clock == datetime(1970, 1, 1, 0, 16, 40, tzinfo=UTC)
    assert found.event_time == datetime(1970, 1, 1, 0, 16, 39, tzinfo=UTC)
    assert found.version == Version(generation=1, clock_us=CLOCK, n=2)
    assert found.entity == ENTITY_VALUES


@pytest.mark.parametrize(("heartbeat", "age"), [(None, None), (FoldedHeartbeat(7_000, 0), 3.0)])
def test_an_entity_without_a_row_has_empty_values(heartbeat: FoldedHeartbeat | None, age: float | None) -> None:
    found = RowReader(plan()).read(ENTITY_VALUES, None, heartbeat, micros(10))
    assert dict(found.values) == {"sum_5m": 0.0, "last_5m": None, "count_1h": 0}
    assert (found.status, found.age, found.clock, found.version) == (Status.MISSING, age, None, None)


def test_a_row_from_before_a_feature_was_added_has_none_for_it() -> None:
    features = plan().features[:2]
    older = log_schema(plan().view, ENTITY, WINDOWS, features)
    decoded = RowReader(plan()).decoder(json.dumps(older)).decode(stored(row(), older))
    found = RowReader(plan()).read(ENTITY_VALUES, decoded, None, micros(1_000))
    assert dict(found.values) == {"sum_5m": 2.5, "last_5m": 1.5, "count_1h": None}
    assert found.pending == {"count_1h"}
    emptied = RowReader(plan()).read(ENTITY_VALUES, decoded, None, micros(9_000))
    assert (dict(emptied.values)["count_1h"], emptied.pending) == (0, frozenset())


def test_a_row_from_before_a_window_was_added_does_not_pretend_that_it_is_empty() -> None:
    older = log_schema(plan().view, ENTITY, WINDOWS[:1], plan().features[:2])
    decoded = RowReader(plan()).decoder(json.dumps(older)).decode(stored(row(), older))
    found = RowReader(plan()).read(ENTITY_VALUES, decoded, None, micros(9_000))
    assert dict(found.values) == {"sum_5m": 0.0, "last_5m": None, "count_1h": None}
    assert found.pending == {"count_1h"}


def test_as_of_is_an_aware_time_or_seconds() -> None:
    east = timezone(timedelta(hours=2))
    assert micros(datetime(1970, 1, 1, 2, 0, 1, 5, tzinfo=east)) == micros(1.000005) == 1_000_005
    with pytest.raises(FormatError, match="no time zone"):
        micros(datetime(1970, 1, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    "data", [b"", bytes(24), bytes(24) + b"\x00\x00\x00\x00", bytes(24) + b"\x01\x00\x00\x00\x07x"]
)
def test_bytes_that_are_no_stored_row_have_no_schema(data: bytes) -> None:
    with pytest.raises(FormatError):
        schema_id_of(data)


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data + b"x"], ids=["cut", "lengthened"])
def test_a_damaged_row_is_a_format_error(damage: Any) -> None:
    decoder = RowReader(plan()).decoder(json.dumps(plan().log.schema_))
    with pytest.raises(FormatError):
        decoder.decode(damage(stored(row())))


def test_a_schema_that_is_none_is_a_format_error() -> None:
    with pytest.raises(FormatError, match="not an Avro schema"):
        RowReader(plan()).decoder(b"{}")


def made_of_others() -> Plan:
    """A ratio of the 5m window to the 1h window, a difference made of it, a decayed sum of half-life 100 s, a list."""
    features = (
        Feature(name="rate", aggregate="ratio", type="double", inputs=(2, 3)),
        Feature(name="gap", aggregate="difference", type="double", inputs=(3, 0)),
        Feature(name="sum_5m", aggregate="sum", column=0, window=0, type="double"),
        Feature(name="decayed_1h", aggregate="decayed_sum", column=0, window=1, type="double", half_life_ms=100_000),
        Feature(name="last_2_5m", aggregate="last_n", column=0, window=0, type="array<double>", limit=2),
    )
    base = make_plan()
    log = base.log.model_copy(update={"schema_": log_schema(base.view, ENTITY, WINDOWS, features)})
    return base.model_copy(update={"features": features, "log": log})


@pytest.mark.parametrize(
    ("as_of_seconds", "values", "pending"),
    [
        (1_000.0, (0.25, 7.75, 2.0, 8.0, [1.5, 0.5]), set()),
        (1_100.0, (0.5, 3.5, 2.0, 4.0, [1.5, 0.5]), {"rate", "gap", "sum_5m", "last_2_5m"}),
        (1_300.0, (0.0, 1.0, 0.0, 1.0, None), set()),
        (4_000.0, (None, None, 0.0, 0.0, None), set()),
    ],
)
def test_what_follows_from_other_values_follows_from_those_at_the_instant_that_is_asked_for(
    as_of_seconds: float, values: tuple[FeatureValue, ...], pending: set[str]
) -> None:
    plan = made_of_others()
    fields = row() | {"rate": 0.25, "gap": 7.75, "sum_5m": 2.0, "decayed_1h": 8.0, "last_2_5m": [1.5, 0.5]}
    reader = RowReader(plan)
    decoded = reader.decoder(json.dumps(plan.log.schema_)).decode(stored(fields, plan.log.schema_))
    found = reader.read(ENTITY_VALUES, decoded, None, micros(as_of_seconds))
    assert tuple(found.values.values()) == values
    assert found.pending == pending


def test_an_entity_without_a_row_has_what_follows_from_no_events() -> None:
    found = RowReader(made_of_others()).read(ENTITY_VALUES, None, None, micros(0))
    assert found.values == {"rate": None, "gap": None, "sum_5m": 0.0, "decayed_1h": 0.0, "last_2_5m": None}


MANY: list[dict[str, Any]] = [
    row(
        customer_id=f"ü{number}",
        n=number * 10**6,
        sum_5m=None if number % 3 == 0 else -0.0 if number % 5 == 0 else number / 7,
        last_5m=None if number % 2 else float("inf"),
        count_1h=None if number % 7 == 0 else (-1) ** number * 2 ** (number % 63),
        next_change_5m=None if number % 4 == 0 else number,
        cause="EXPIRY" if number % 2 else "EVENT",
    )
    for number in range(60)
]


@pytest.mark.parametrize("features", [("double", "long"), ("double", "array<double>"), ("bytes", "map<long>")])
def test_many_rows_decoded_together_are_what_they_are_one_by_one(features: tuple[str, str]) -> None:
    values: dict[str, Any] = {
        "double": 1.5,
        "long": 7,
        "bytes": b"\xff",
        "array<double>": [1.0, 2.0],
        "map<long>": {"a": 1},
    }
    declared = tuple(
        Feature(name=f"f{place}", aggregate="last", column=0, window=0, type=kind)  # type: ignore[arg-type]
        for place, kind in enumerate(features)
    )
    own = plan().model_copy(update={"features": declared})
    schema = log_schema(own.view, ENTITY, WINDOWS, declared)
    own = own.model_copy(update={"log": own.log.model_copy(update={"schema_": schema})})
    known = {field["name"] for field in schema["fields"]}
    rows = [
        stored({name: value for name, value in each.items() if name in known} | {"f0": values[features[0]], "f1": None}
               | ({"f1": values[features[1]]} if place % 2 else {}), schema)
        for place, each in enumerate(MANY)
    ]  # fmt: skip
    decoder = RowReader(own).decoder(json.dumps(schema))
    assert decoder.decode_many(rows) == [decoder.decode(each) for each in rows]


def test_every_value_and_null_is_the_same_decoded_together_or_one_by_one() -> None:
    decoder = RowReader(plan()).decoder(json.dumps(plan().log.schema_))
    rows = [stored(each) for each in MANY]
    together, alone = decoder.decode_many(rows), [decoder.decode(each) for each in rows]
    assert [repr(each) for each in together] == [repr(each) for each in alone]
    assert together[1].fields == MANY[1]


@pytest.mark.parametrize("damage", [lambda data: data[:-1], lambda data: data + b"\0", lambda data: data[:40]])
def test_a_broken_row_among_many_is_told_as_it_is_alone(damage: Any) -> None:
    decoder = RowReader(plan()).decoder(json.dumps(plan().log.schema_))
    rows = [stored(each) for each in MANY]
    rows[30] = damage(rows[30])
    with pytest.raises(FormatError, match="a stored row"):
        decoder.decode_many(rows)


def test_rows_of_an_older_schema_are_resolved_when_decoded_together() -> None:
    schema = plan().log.schema_
    older = {**schema, "fields": [field for field in schema["fields"] if field["name"] != "count_1h"]}
    decoder = RowReader(plan()).decoder(json.dumps(older))
    found = decoder.decode_many([stored({k: v for k, v in each.items() if k != "count_1h"}, older) for each in MANY])
    assert [each.fields["count_1h"] for each in found] == [None] * len(MANY)
