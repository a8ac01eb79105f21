"""What an author may declare about where events come from, and what is said about mistakes."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.schemas import (
    DeclarationError,
    EventSource,
    FeatureView,
    compile_view,
    count_events,
    last_of,
    lifetime,
    max_of,
    sum_of,
)
from headwater.schemas.plan import Column, Input, Plan

UUID = {"type": "string", "logicalType": "uuid"}
ORDER: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "namespace": "shop",
    "fields": [
        {"name": "customer", "type": UUID},
        {"name": "id", "type": {"type": "fixed", "name": "OrderId", "size": 16}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "amount", "type": "double"},
        {"name": "fee", "type": ["null", "double"]},
        {"name": "price", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "number", "type": ["null", "int", "long"]},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["PAID", "OPEN"]}},
        {"name": "embedding", "type": {"type": "array", "items": "float"}},
        {"name": "paid", "type": "boolean"},
        {
            "name": "items",
            "type": {
                "type": "array",
                "items": {
                    "type": "record",
                    "name": "Item",
                    "fields": [
                        {"name": "sku", "type": "string"},
                        {"name": "price", "type": ["null", "double"]},
                        {"name": "maker", "type": ["null", {"type": "record", "name": "Maker", "fields": [
                            {"name": "country", "type": "string"}]}]},
                    ],
                },
            },
        },
    ],
}  # fmt: skip
REFUND: dict[str, Any] = {
    "type": "record",
    "name": "Refund",
    "fields": [
        {"name": "who", "type": UUID},
        {"name": "refund_id", "type": "long"},
        {"name": "when", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "payment", "type": {"type": "record", "name": "Payment", "fields": [
            {"name": "total", "type": "double"}, {"name": "reason", "type": "string"}]}},
    ],
}  # fmt: skip


def orders(**more: Any) -> EventSource:
    return EventSource(**{"topic": "orders", "key": "customer", "event_time": "at", "allowed_skew": "1s", **more})


def refunds(**more: Any) -> EventSource:
    return EventSource(**{"topic": "refunds", "key": "who", "event_time": "when", "allowed_skew": "1s", **more})


def view_of(*features: Any, **more: Any) -> FeatureView:
    return FeatureView(**{"name": "spend", "features": features, "owner": "o", "description": "d", **more})


def plan_of(*features: Any, source: EventSource, **more: Any) -> Plan:
    return compile_view(view_of(*features, source=source, **more), ORDER)


def both(*features: Any, first: EventSource, second: EventSource, **more: Any) -> Plan:
    view = view_of(*features, sources=[second, first], entity="customer", **more)
    return compile_view(view, [ORDER, REFUND])


def mistakes(compile_it: Any) -> str:
    with pytest.raises(DeclarationError) as caught:
        compile_it()
    return "\n".join(str(mistake) for mistake in caught.value.mistakes)


def test_a_feature_may_be_of_a_derived_column_and_only_what_it_reads_is_read() -> None:
    source = orders(columns={"net": "amount - fee"}, where="paid && status == 'PAID'")
    plan = plan_of(sum_of("net", over="1h"), source=source, where="amount > 0.0")
    (read,) = plan.sources
    assert plan.columns == (Column(name="net", type="double", nullable=True),)
    assert read.columns == (Input(cel="amount - fee"),)
    assert read.where == ("paid && status == 'PAID'", "amount > 0.0")
    assert [variable.name for variable in read.variables] == ["amount", "fee", "status", "paid"]
    fields: Any = read.reader_schema["fields"]
    assert [field["name"] for field in fields] == ["customer", "at", "amount", "fee", "status", "paid"]


def test_logical_types_are_read_as_numbers_texts_and_bytes() -> None:
    plan = plan_of(
        max_of("price", over="1h"), max_of("day", over="1h"), max_of("number", over="1h"),
        last_of("status", over="1h"), last_of("id", over="1h"), source=orders(),
    )  # fmt: skip
    assert [(column.type, column.nullable) for column in plan.columns] == [
        ("double", False), ("long", False), ("long", True), ("string", False), ("bytes", False),
    ]  # fmt: skip


def test_a_key_may_be_an_expression() -> None:
    source = orders(key=["customer", "status == 'PAID' ? 'paid' : 'open'"])
    plan = plan_of(count_events(over="1h"), source=source, entity=["customer", "state"])
    assert plan.sources[0].key == (Input(path=("customer",)), Input(cel="status == 'PAID' ? 'paid' : 'open'"))
    assert [field.type for field in plan.entity] == ["string", "string"]


def test_the_elements_of_an_array_are_events_with_the_fields_around_them() -> None:
    source = orders(explode="items", key=["customer", "items.sku"], where="items.price != null && paid")
    plan = plan_of(last_of("items.maker.country", over="1h"), source=source)
    (read,) = plan.sources
    assert read.explode == ("items",)
    assert read.key == (Input(path=("customer",)), Input(path=("items", "sku")))
    assert [field.name for field in plan.entity] == ["customer", "sku"]
    assert plan.columns == (Column(name="items_maker_country", type="string", nullable=True),)
    items: Any = read.reader_schema["fields"]
    assert [field["name"] for field in items[-1]["type"]["items"]["fields"]] == ["sku", "price", "maker"]


def test_several_sources_each_map_their_own_fields_to_the_same_columns() -> None:
    plan = both(
        sum_of("amount", over="1h"), last_of("reason", over="1h"),
        first=orders(columns={"reason": None}),
        second=refunds(columns={"amount": "-payment.total", "reason": "payment.reason"}),
    )  # fmt: skip
    assert [source.topic for source in plan.sources] == ["orders", "refunds"]
    assert plan.columns == (
        Column(name="amount", type="double", nullable=False),
        Column(name="reason", type="string", nullable=True),
    )
    assert plan.sources[0].columns == (Input(path=("amount",)), None)
    assert plan.sources[1].columns == (Input(cel="-payment.total"), Input(path=("payment", "reason")))


def test_copies_are_recognised_as_far_back_as_any_window_looks() -> None:
    plan = plan_of(count_events(over="1h"), source=orders(event_id=["id", "number"]))
    assert plan.sources[0].event_id == (Input(path=("id",)), Input(path=("number",)))
    assert plan.deduplication is not None
    assert plan.deduplication.horizon_ms == plan.reach_ms


def test_a_shorter_horizon_is_accepted_of_an_approximate_view() -> None:
    plan = plan_of(count_events(over=lifetime()), source=orders(event_id="id"), deduplicate_for="1d", approximate=True)
    assert plan.deduplication is not None
    assert plan.deduplication.horizon_ms == 86_400_000


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"where": "amount > 1"}, "source.where: '>' of (double, int), at 1:8\n    amount > 1\n           ^ (numbers"),
        ({"where": "amout > 1.0"}, "source.where: there is no amout, at 1:1"),
        ({"where": "amount"}, "source.where: amount is a double (write a condition"),
        ({"where": "paid &&"}, "source.where: Syntax error: mismatched input '<EOF>', at 1:8"),
        ({"columns": {"net": "amount - fees"}}, "source.columns.net: there is no fees, at 1:10"),
        ({"columns": {"net": "feee"}}, "source.columns.net: the schema has no field 'feee' (did you mean 'fee'?"),
        ({"key": "amount * 2.0", "entity": "k"}, "source.key: amount * 2.0 is a double; such keys do not compare"),
        ({"key": "status == 'PAID' ? 'a' : 'b'"}, "entity.status == 'PAID' ? 'a' : 'b': is not a name"),
        ({"event_id": "amount"}, "source.event_id: amount is a double; such ids do not compare safely"),
        ({"event_id": "nope"}, "source.event_id: the schema has no field 'nope'"),
        ({"explode": "status"}, "status is not an array (name an array, or leave explode out)"),
        ({"explode": "itms"}, "no field 'itms' (did you mean 'items'?)"),
        ({"deduplicate_for": "1d"}, "deduplicate_for: no source says what tells copies of an event (say event_id="),
        ({"event_id": "id", "deduplicate_for": "10m"}, "deduplicate_for: is 10m, but windows look back 61m"),
        ({"event_id": "id", "deduplicate_for": "1500ms"}, "deduplicate_for: is 1500ms (use whole seconds, from 1s)"),
    ],
)  # fmt: skip
def test_a_mistake_about_a_source_says_where_it_is_and_how_to_mend_it(wrong: dict[str, Any], said: str) -> None:
    more = {name: wrong.pop(name) for name in ("deduplicate_for", "entity") if name in wrong}
    assert said in mistakes(lambda: plan_of(count_events(over="1h"), source=orders(**wrong), **more))


def test_what_sources_disagree_about_is_said_of_the_source_that_lacks_it() -> None:
    compiled = lambda **more: both(last_of("reason", over="1h"), first=orders(), second=refunds(**more))  # noqa: E731
    assert "features.reason_last sources.orders: the schema has no field 'reason'" in mistakes(compiled)
    unlike = lambda: both(  # noqa: E731
        last_of("x", over="1h"),
        first=orders(columns={"x": "amount"}),
        second=refunds(columns={"x": "payment.reason"}),
    )
    assert "payment.reason is a string in sources.refunds, but a double in sources.orders" in mistakes(unlike)


def test_all_sources_have_event_ids_or_none() -> None:
    compiled = lambda: both(count_events(over="1h"), first=orders(event_id="id"), second=refunds())  # noqa: E731
    assert "sources.refunds.event_id: is missing, but other sources have one" in mistakes(compiled)


def test_a_view_has_one_source_or_several_of_different_topics() -> None:
    features = count_events(over="1h")
    assert "say source=, or sources=[...]" in mistakes(lambda: view_of(features))
    assert "say source=, or sources=[...]" in mistakes(lambda: view_of(features, source=orders(), sources=[orders()]))
    assert "two sources read the topic orders" in mistakes(lambda: view_of(features, sources=[orders(), orders()]))
