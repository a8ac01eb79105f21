"""Log values become Arrow columns, whichever schema they were written with, or stop with their position."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.operators import rows
from headwater.operators.rows import RowDecoder, fields_left_out, offline_schema
from headwater.schemas.errors import FormatError
from headwater.schemas.keys import EntityField
from headwater.schemas.plan import Plan
from tests.feature_log_rows import FEATURES, encode, make_plan, make_row

PLAN = make_plan()
LONG = st.integers(-(2**63), 2**63 - 1)
MICROS = st.integers(0, 253_402_300_799_999_999)
EVERY_TYPE = make_plan(
    entity=[EntityField(name="customer_id", type="string"), EntityField(name="shop", type="long")],
    features=[
        ("f_long", "long"),
        ("f_double", "double"),
        ("f_string", "string"),
        ("f_boolean", "boolean"),
        ("a_long", "array<long>"),
        ("a_double", "array<double>"),
        ("a_string", "array<string>"),
        ("a_boolean", "array<boolean>"),
        ("m_long", "map<long>"),
        ("m_double", "map<double>"),
    ],
)
WITH_BYTES = make_plan(features=[("f_bytes", "bytes"), ("f_double", "double")])


def decoder(plan: Plan, *writers: Mapping[str, Any]) -> RowDecoder:
    """A decoder for which schema ids count from 7 through these writer schemas, or the plan's own if none."""

    def writer_schema(schema_id: int) -> Mapping[str, Any]:
        known = dict(enumerate(writers or (plan.log.schema_,), start=7))
        if schema_id not in known:
            raise FormatError(f"there is no schema {schema_id}")
        return known[schema_id]

    return RowDecoder(plan, writer_schema)


def decode_one(plan: Plan, row: Mapping[str, Any], *writers: Mapping[str, Any]) -> dict[str, Any]:
    writer = writers[0] if writers else plan.log.schema_
    (decoded,) = decoder(plan, *writers).decode([encode(writer, row)], [0], [0]).to_pylist()
    return dict(decoded)


def test_a_row_has_the_fields_of_the_log_and_its_day_and_place() -> None:
    row = make_row(4, amount_sum_5m=None)

    table = decoder(PLAN).decode([encode(PLAN.log.schema_, row)], [1], [42])

    assert table.schema == offline_schema(PLAN)
    assert table.schema.names == [*row, "day", "log_partition", "log_offset"]
    (decoded,) = table.to_pylist()
    assert decoded["clock"] == datetime(2026, 11, 18, 11, 6, 44, 123468, UTC)
    assert decoded["computed_at"] == datetime(2026, 11, 18, 11, 6, 44, 132000, UTC)
    assert decoded["cause"] == "EVENT"
    assert decoded["amount_sum_5m"] is None
    assert decoded["purchases_1h"] == 4
    assert (decoded["day"], decoded["log_partition"], decoded["log_offset"]) == (date(2026, 11, 18), 1, 42)


@pytest.mark.parametrize(
    ("clock", "day"),
    [
        ("1970-01-01T00:00:00.000000", date(1970, 1, 1)),
        ("2026-11-18T23:59:59.999999", date(2026, 11, 18)),
        ("2026-11-19T00:00:00.000000", date(2026, 11, 19)),
        ("9999-12-31T23:59:59.999999", date(9999, 12, 31)),
    ],
)
def test_the_day_is_the_utc_date_of_the_clock(clock: str, day: date) -> None:
    at = datetime.fromisoformat(clock).replace(tzinfo=UTC)
    micros = (at - datetime(1970, 1, 1, tzinfo=UTC)) // (datetime.resolution)
    decoded = decode_one(PLAN, make_row(0, clock=micros))
    assert (decoded["clock"], decoded["day"]) == (at, day)


def test_no_rows_make_an_empty_table_of_the_same_columns() -> None:
    assert decoder(PLAN).decode([], [], []).schema == offline_schema(PLAN)


def both_ways(monkeypatch: pytest.MonkeyPatch, plan: Plan, values: list[bytes]) -> tuple[pa.Table, pa.Table]:
    places = [0] * len(values), list(range(len(values)))
    quick = decoder(plan).decode(values, *places)
    with monkeypatch.context() as patch:
        patch.setattr(rows, "_needs_no_resolution", lambda writer, reader: False)
        return quick, decoder(plan).decode(values, *places)


@given(st.data())
def test_the_quick_way_and_the_careful_way_agree_on_every_value(data: st.DataObject) -> None:
    values = {
        "customer_id": st.text(min_size=1),
        "shop": LONG,
        "clock": MICROS,
        "n": LONG,
        "cause": st.sampled_from(["EVENT", "EXPIRY"]),
        "empty_at_1h": st.none() | MICROS,
        "f_long": st.none() | LONG,
        "f_double": st.none() | st.floats(allow_nan=False),
        "f_string": st.none() | st.text(),
        "f_boolean": st.none() | st.booleans(),
        "a_long": st.none() | st.lists(LONG, max_size=3),
        "a_double": st.none() | st.lists(st.floats(allow_nan=False), max_size=3),
        "a_string": st.none() | st.lists(st.text(), max_size=3),
        "a_boolean": st.none() | st.lists(st.booleans(), max_size=3),
        "m_long": st.none() | st.dictionaries(st.text(), LONG, max_size=3),
        "m_double": st.none() | st.dictionaries(st.text(), st.floats(allow_nan=False), max_size=3),
    }
    table = data.draw(st.lists(st.fixed_dictionaries(values), min_size=1, max_size=5))
    encoded = [encode(EVERY_TYPE.log.schema_, make_row(0) | row) for row in table]
    with pytest.MonkeyPatch.context() as monkeypatch:
        quick, careful = both_ways(monkeypatch, EVERY_TYPE, encoded)
    assert quick == careful
    assert [row["f_string"] for row in quick.to_pylist()] == [row["f_string"] for row in table]
    assert [row["a_long"] for row in quick.to_pylist()] == [row["a_long"] for row in table]
    maps = [None if row["m_long"] is None else list(row["m_long"].items()) for row in table]
    assert [row["m_long"] for row in quick.to_pylist()] == maps


def test_not_a_number_and_infinities_stay_what_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    values = [encode(PLAN.log.schema_, make_row(0, amount_sum_5m=float(x))) for x in ("nan", "inf", "-inf", "-0.0")]
    for table in both_ways(monkeypatch, PLAN, values):
        assert str(table["amount_sum_5m"].to_pylist()) == "[nan, inf, -inf, -0.0]"


@pytest.mark.parametrize("value", [b"", b"\x00\xff\xfe", None])
def test_bytes_come_through_as_bytes(value: bytes | None) -> None:
    assert decode_one(WITH_BYTES, make_row(0, f_bytes=value, f_double=1.5))["f_bytes"] == value


def test_arrays_of_bytes_come_through_as_lists_of_bytes() -> None:
    plan = make_plan(features=[("codes", "array<bytes>")])
    assert decode_one(plan, make_row(0, codes=[b"\x00", b"\xff"]))["codes"] == [b"\x00", b"\xff"]
    assert decode_one(plan, make_row(0, codes=None))["codes"] is None


OLDER = make_plan(features=FEATURES[:1])
NEWER = make_plan(features=[*FEATURES, ("note_last_1h", "string")])


def test_a_feature_that_the_writer_did_not_know_is_null() -> None:
    decoded = decode_one(NEWER, make_row(3), PLAN.log.schema_)
    assert (decoded["purchases_1h"], decoded["note_last_1h"]) == (3, None)


def test_a_feature_that_the_plan_does_not_know_is_left_out() -> None:
    decoded = decode_one(PLAN, make_row(3, note_last_1h="x"), NEWER.log.schema_)
    assert decoded["purchases_1h"] == 3
    assert "note_last_1h" not in decoded
    assert fields_left_out(NEWER.log.schema_, PLAN) == ["note_last_1h"]
    assert fields_left_out(OLDER.log.schema_, PLAN) == []


def test_features_declared_in_another_order_keep_their_names() -> None:
    decoded = decode_one(PLAN, make_row(3), make_plan(features=FEATURES[::-1]).log.schema_)
    assert (decoded["amount_sum_5m"], decoded["purchases_1h"]) == (3 / 7, 3)


def test_a_long_that_is_now_a_double_is_promoted() -> None:
    wider = make_plan(features=[("amount_sum_5m", "double"), ("purchases_1h", "double")])
    assert decode_one(wider, make_row(3), PLAN.log.schema_)["purchases_1h"] == 3.0


def test_a_cause_that_the_plan_does_not_know_becomes_the_default() -> None:
    writer = json.loads(json.dumps(PLAN.log.schema_).replace('"EXPIRY"', '"EXPIRY", "REPAIR"'))
    assert decode_one(PLAN, make_row(3, cause="REPAIR"), writer)["cause"] == "EVENT"


def test_rows_of_several_schemas_in_one_batch_keep_their_order() -> None:
    writers = [plan.log.schema_ for plan in (OLDER, PLAN, NEWER)]
    values = [encode(writers[i % 3], make_row(i, note_last_1h="x"), 7 + i % 3) for i in range(9)]

    table = decoder(PLAN, *writers).decode(values, [0] * 9, list(range(100, 109)))

    assert table["n"].to_pylist() == list(range(1, 10))
    assert table["log_offset"].to_pylist() == list(range(100, 109))
    assert table["purchases_1h"].to_pylist() == [None, 1, 2, None, 4, 5, None, 7, 8]


WITH_MANY = make_plan(features=[("a", "array<long>"), ("m", "map<double>")])


@pytest.mark.parametrize("cut", range(1, 20))
def test_an_array_or_a_map_that_was_cut_off_stops_the_archive(cut: int) -> None:
    value = encode(WITH_MANY.log.schema_, make_row(1, a=[1, 2, 3], m={"x": 0.5, "y": 1.5}))
    with pytest.raises(FormatError, match="offset 3: "):
        decoder(WITH_MANY).decode([value[:-cut]], [0], [3])


GOOD = encode(PLAN.log.schema_, make_row(1))
BAD: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda value: b"",
    "shorter than a frame": lambda value: value[:3],
    "other magic byte": lambda value: b"\x01" + value[1:],
    "unknown schema id": lambda value: b"\0\0\0\0\x63" + value[5:],
    "only a frame": lambda value: value[:5],
    "truncated by one": lambda value: value[:-1],
    "truncated by nine": lambda value: value[:-9],
    "one trailing byte": lambda value: value + b"\0",
    "another row behind": lambda value: value + value[5:],
    "string that is not UTF-8": lambda value: value.replace(b"\x04c1", b"\x04\xff\xfe", 1),
    "branch that does not exist": lambda value: value[:-2] + b"\x08\x02",
}


@pytest.mark.parametrize("careful", [False, True])
@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_decoded_stops_with_its_position(
    name: str, careful: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if careful:
        monkeypatch.setattr(rows, "_needs_no_resolution", lambda writer, reader: False)
    with pytest.raises(FormatError, match=r"^customer_purchases_features_g1, partition 1, offset 12: ."):
        decoder(PLAN).decode([GOOD, GOOD, BAD[name](GOOD), GOOD], [0, 1, 1, 1], [5, 11, 12, 13])


def test_a_schema_that_does_not_resolve_stops_with_its_position() -> None:
    other = make_plan(features=[("amount_sum_5m", "string")]).log.schema_
    value = encode(other, make_row(1, amount_sum_5m="x"))
    with pytest.raises(FormatError, match="partition 0, offset 3: "):
        decoder(PLAN, other).decode([value], [0], [3])


def test_a_view_cannot_use_the_names_of_the_logs_own_columns() -> None:
    with pytest.raises(FormatError, match="day"):
        offline_schema(make_plan(features=[("day", "long")]))
