"""A view in this process: a table of events goes in, the values of a time come out."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from headwater.operators.event_table import EventShape, instant_us, rows_of
from headwater.operators.stored_sketches import distinct_values, quantile_sketch
from headwater.pipelines.contracts import BUNDLED
from headwater.pipelines.shop.views import customer_purchases
from headwater.pipelines.testing import LocalView, local_view
from headwater.schemas import (
    EventSource,
    FeatureView,
    count_events,
    decayed_count,
    distinct_sketch_of,
    quantile_sketch_of,
    ratio_of,
    sum_of,
)
from headwater.schemas.dead_letter import Reason
from headwater.schemas.errors import ContractError, EventTableError, FormatError
from headwater.schemas.plan import EventTime

PURCHASES = """
    purchased_at          customer_id  amount  item.category
    2026-01-31T12:00:00Z  ann          10.5    BOOKS
    2026-01-31T12:00:20Z  ann          2       TOYS           # to Bo
    2026-01-31T12:00:20Z  "Bo Lee"     7       FOOD
"""


def shop(events: Any = PURCHASES) -> LocalView:
    return local_view(customer_purchases, events, schemas=BUNDLED)


def purchase(at: object, **more: object) -> dict[str, object]:
    return {"purchased_at": at, "customer_id": "ann", "amount": 1.0, "item.category": "FOOD", **more}


def test_values_are_those_that_a_reader_sees_once_the_watermark_has_passed() -> None:
    view = shop()
    # ann   12:00:00 10.5      12:00:20 2.0
    #       |------------- 1m ------------| 12:01:00
    #                     |------------- 1m ------------| 12:01:20
    assert view.values(at="2026-01-31T12:00:59Z", customer_id="ann")["amount_sum_1m"] == 12.5
    assert view.values(at="2026-01-31T12:01:01Z", customer_id="ann")["amount_sum_1m"] == 2.0
    gone = view.values(at="2026-01-31T12:01:21Z", customer_id="ann")
    assert (gone["count_1m"], gone["count_5m"], gone["last_category_1m"], gone["last_category_5m"]) == (
        0,
        2,
        None,
        "TOYS",
    )


def test_what_has_not_arrived_does_not_count_yet() -> None:
    view = shop()
    assert view.values(at="2026-01-31T12:00:19Z", customer_id="ann")["count_1m"] == 1
    assert view.values(at="2026-01-31T11:00:00Z", customer_id="ann")["count_1m"] == 0
    assert view.values(at="2026-01-31T12:00:20Z", customer_id="nobody")["amount_mean_1m"] is None


def test_an_event_that_arrives_late_counts_from_then_on() -> None:
    view = shop([purchase(100), purchase(70, **{"@timestamp": 130})])
    assert view.values(at=129, customer_id="ann")["count_5m"] == 1
    assert view.values(at=130, customer_id="ann")["count_5m"] == 2
    assert view.late == []


def test_an_event_older_than_every_window_when_it_arrives_is_late_and_changes_nothing() -> None:
    day = 86_400
    view = shop([purchase(3 * day), purchase(day, **{"@timestamp": 3 * day + 1})])
    (late,) = view.late
    assert (late.reason, late.offset, late.event["purchased_at"]) == (Reason.LATE, 1, day)
    assert view.values(at=3 * day + 2, customer_id="ann")["count_24h"] == 1


def test_events_are_refused_by_the_rules_of_the_job() -> None:
    view = shop(
        [
            purchase(100, amount=float("nan")),
            purchase(111, **{"@timestamp": 100}),
            purchase(110, **{"@timestamp": 100}),
            purchase(100, customer_id=""),
            purchase(-1),
        ]
    )
    assert [left_out.reason for left_out in view.rejected] == [
        Reason.NOT_FINITE,
        Reason.FUTURE_EVENT,
        Reason.MISSING_KEY,
        Reason.EVENT_TIME_OUT_OF_RANGE,
    ]
    assert [left_out.offset for left_out in view.rejected] == [0, 1, 3, 4]
    assert view.values(at=110, customer_id="ann")["count_1m"] == 1


def test_events_of_one_time_are_ordered_by_their_position() -> None:
    first = purchase(5, **{"item.category": "TOYS", "@partition": 1, "@offset": 7})
    second = purchase(5, **{"item.category": "FOOD", "@partition": 0, "@offset": 9})
    assert shop([first, second]).values(at=5, customer_id="ann")["last_category_1m"] == "TOYS"


def test_more_events_may_be_added_and_nested_fields_given_as_mappings() -> None:
    view = shop([])
    view.add([{**purchase(datetime(2026, 1, 31, 12, tzinfo=UTC)), "quantity": 3}])
    nested = purchase("2026-01-31T13:00:01+01:00", item={"category": "MUSIC", "sku": "x"})
    del nested["item.category"]
    view.add([nested])
    values = view.values(at="2026-01-31T12:00:01Z", customer_id="ann")
    assert (values["count_1m"], values["last_category_1m"]) == (2, "MUSIC")


def test_doubles_are_doubles_even_when_they_are_whole() -> None:
    sums = shop().values(at="2026-02-07T12:00:00Z", customer_id="ann")["amount_sum_1h"]
    assert (sums, type(sums)) == (0.0, float)


def test_decayed_values_decay_on_to_the_time_that_is_asked_for_and_sketches_can_be_read() -> None:
    features = [
        decayed_count(half_life="1m", over="1h"),
        ratio_of("decayed_count_1h", "count_1h", name="share"),
        count_events(over="1h"),
        distinct_sketch_of("item.category", over="1h"),
        quantile_sketch_of("amount", over="1h"),
    ]
    view = FeatureView(name="v", source=customer_purchases.source, owner="o", description="d", features=features)
    local = local_view(view, PURCHASES, schemas=BUNDLED)
    values = local.values(at="2026-01-31T12:02:20Z", customer_id="Bo Lee")
    assert (values["decayed_count_1h"], values["share"]) == (0.25, 0.25)
    sketched = local.values(at="2026-01-31T12:02:20Z", customer_id="ann")
    distinct, quantiles = sketched["item_category_distinct_sketch_1h"], sketched["amount_quantile_sketch_1h"]
    assert isinstance(distinct, bytes)
    assert isinstance(quantiles, bytes)
    assert round(distinct_values(distinct)) == 2
    assert quantile_sketch(quantiles).get_max_value() == 10.5


def test_the_empty_text_is_a_value_of_a_sketch_too() -> None:
    view = FeatureView(
        name="v",
        source=customer_purchases.source,
        owner="o",
        description="d",
        features=[distinct_sketch_of("item.sku", over="1h")],
    )
    events = [purchase(second, **{"item.sku": sku}) for second, sku in enumerate(["", "x", ""])]
    sketch = local_view(view, events, schemas=BUNDLED).values(at=10, customer_id="ann")["item_sku_distinct_sketch_1h"]
    assert isinstance(sketch, bytes)
    assert round(distinct_values(sketch)) == 2


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ("purchased_at customer_id\n1 'ann", "a quotation mark is never closed: 1 'ann"),
        ("purchased_at customer_id\n1 ann 3", "row 0: 3 cells under 2 names: 1 ann 3 (write - for null"),
        ([purchase(1, amout=2.0)], "row 0: the events have no field 'amout'; did you mean 'amount'?"),
        ([purchase(1, **{"item.sko": "x"})], "the events have no field 'item.sko'; did you mean 'item.sku'?"),
        ([purchase(1), purchase(1, amount=None)], "row 1: amount is null, but its type, double, has no null"),
        ([purchase(1, amount="ten")], "row 0: amount is 'ten', not a number"),
        ([purchase(1, amount=True)], "row 0: amount is True, not a number"),
        ([purchase(1, **{"item.category": "SHOES"})], "item.category is 'SHOES', not one of BOOKS, FOOD"),
        ([purchase(1, customer_id=7)], "row 0: customer_id is 7, not a text"),
        ([purchase("noon")], "row 0: 'noon' is not a time: write 2026-01-31T12:00:00Z, or seconds since 1970"),
        ([purchase(datetime(2026, 1, 31))], "row 0: 2026-01-31T00:00:00 has no time zone"),  # noqa: DTZ001
        ([{"purchased_at": 1, "customer_id": "ann"}], "row 0: amount is missing: the view reads it"),
        ([purchase(1, **{"@key": 1})], "row 0: @key is not one of @topic, @partition, @offset, @timestamp"),
        ([purchase(1, **{"@topic": "shop.sales"})], "say which topic the event is of: shop.purchases, not shop.sales"),
    ],
)
def test_a_table_that_does_not_fit_the_view_says_what_is_wrong_in_which_row(events: Any, said: str) -> None:
    with pytest.raises(EventTableError) as refused:
        shop(events)
    assert said in str(refused.value)


def test_a_question_about_another_entity_field_says_which_there_are() -> None:
    with pytest.raises(FormatError, match=r"has the fields \['customer_id'\], but \['customer'\] were given"):
        shop().values(at=1, customer="ann")


@pytest.mark.parametrize("at", ["noon", None, True])
def test_a_question_about_no_time_is_refused(at: Any) -> None:
    with pytest.raises(EventTableError, match="is not a time"):
        shop().values(at=at, customer_id="ann")


def test_the_avro_files_are_found_beside_the_declaration(tmp_path: Path) -> None:
    declared: dict[str, Any] = {"EventSource": EventSource, "FeatureView": FeatureView, "count_events": count_events}
    text = (
        'view = FeatureView(name="clicks", owner="o", description="d", features=[count_events(over="5m")],\n'
        '    source=EventSource(topic="clicks", key="user", event_time="at", event_time_unit="us"))'
    )
    exec(compile(text, str(tmp_path / "views.py"), "exec"), declared)
    with pytest.raises(ContractError, match=str(tmp_path)):
        local_view(declared["view"])
    fields = [{"name": "user", "type": "long"}, {"name": "at", "type": "long"}]
    (tmp_path / "clicks-value.avsc").write_text(json.dumps({"type": "record", "name": "Click", "fields": fields}))
    assert local_view(declared["view"], "user at\n7 0.25\n7 1.5").values(at=1.5, user=7) == {"count_5m": 2}


def test_one_view_alone_is_compiled_from_a_schema_in_the_test() -> None:
    fields = [
        {"name": "user", "type": "string"},
        {"name": "at", "type": "long"},
        {"name": "n", "type": ["null", "int"]},
    ]
    schema = {"type": "record", "name": "Click", "fields": fields}
    source = EventSource(topic="clicks", key="user", event_time="at", event_time_unit="ms")
    view = FeatureView(name="v", source=source, owner="o", description="d", features=[sum_of("n", over="5m")])
    local = local_view(view, "user at n\nann 1 3\nann 2 -", schemas={"clicks": schema})
    assert local.values(at=2, user="ann") == {"n_sum_5m": 3}


SHAPES = {
    "type": "record",
    "name": "Every",
    "fields": [
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "id", "type": {"type": "string", "logicalType": "uuid"}},
        {"name": "raw", "type": ["null", "bytes"], "default": None},
        {"name": "either", "type": ["null", "long", "string"]},
        {"name": "items", "type": {"type": "array", "items": {
            "type": "record", "name": "Item", "fields": [{"name": "sku", "type": "string"}]}}},
        {"name": "again", "type": ["null", "Item"]},
        {"name": "marks", "type": {"type": "map", "values": "double"}},
        {"name": "ok", "type": "boolean"},
    ],
}  # fmt: skip


def test_text_is_read_as_the_type_of_its_field() -> None:
    shape = EventShape(SHAPES, SHAPES, EventTime(path=("at",), unit="us"))
    (row,) = rows_of(
        """
        at   day        price id                                   raw  either items            again marks      ok
        1.5  2026-01-31 1.25  12345678-1234-5678-1234-567812345678 0aff 7      '[{"sku": "a"}]' -     '{"x": 2}' True
        """
    )
    assert shape.event(row) == {
        "at": 1_500_000,
        "day": date(2026, 1, 31),
        "price": Decimal("1.25"),
        "id": UUID("12345678-1234-5678-1234-567812345678"),
        "raw": b"\x0a\xff",
        "either": 7,
        "items": [{"sku": "a"}],
        "again": None,
        "marks": {"x": 2.0},
        "ok": True,
    }
    del row["raw"]
    assert shape.event({**row, "either": "seven", "again": {"sku": "b"}})["again"] == {"sku": "b"}
    for wrong in ({"ok": "perhaps"}, {"items": "["}, {"items": {}}, {"marks": 3}, {"day": "soon"}, {"either": 1.5}):
        with pytest.raises(EventTableError, match=next(iter(wrong))):
            shape.event({**row, **wrong})


def test_an_instant_may_be_text_a_datetime_or_seconds() -> None:
    assert instant_us("1970-01-01T01:00:00.000001+01:00") == instant_us(1e-6) == 1
    assert instant_us(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)) == 1_000_000


def test_each_element_of_an_exploded_array_counts_beside_events_of_another_topic() -> None:
    line = {
        "type": "record",
        "name": "Line",
        "fields": [{"name": "price", "type": "double"}, {"name": "at", "type": AT}],
    }
    order = {"name": "lines", "type": {"type": "array", "items": line}}
    schemas = {
        "orders": record("Order", {"name": "who", "type": "string"}, order),
        "refunds": record(
            "Refund", {"name": "who", "type": "string"}, {"name": "cents", "type": "long"}, {"name": "at", "type": AT}
        ),
    }
    orders = EventSource(
        topic="orders", key="who", event_time="lines.at", explode="lines", columns={"spent": "lines.price"},
        where="lines.price < 100.0",
    )  # fmt: skip
    refunds = EventSource(topic="refunds", key="who", event_time="at", columns={"spent": "-double(cents) / 100.0"})
    spending = FeatureView(
        name="spending", sources=[orders, refunds], features=[sum_of("spent", over="1h"), count_events(over="1h")],
        entity="who", owner="o", description="d",
    )  # fmt: skip
    view = local_view(spending, schemas=schemas)
    noon = "2026-01-31T12:00:00Z"
    view.add([{"who": "ann", "lines": [{"price": price, "at": noon} for price in (1.0, 2.0, 500.0)]}], topic="orders")
    view.add([{"who": "ann", "cents": 50, "at": noon}], topic="refunds")
    values = view.values(at="2026-01-31T12:00:01Z", who="ann")
    assert (values["spent_sum_1h"], values["count_1h"]) == (2.5, 3)
    assert view.rejected == []


AT = {"type": "long", "logicalType": "timestamp-millis"}


def record(name: str, *fields: dict[str, Any]) -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": list(fields)}
