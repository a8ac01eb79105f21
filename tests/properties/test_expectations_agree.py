"""The kernel and the reference expect the same of events: of random views on random records, and count alike."""

from __future__ import annotations

import random
from typing import Any

import pytest

from headwater.operators.reference_events import EventReader, SourceRecord
from headwater.schemas import (
    FeatureView,
    Plan,
    between,
    compile_view,
    count_events,
    expect,
    fresh_within,
    matches,
    not_null,
    one_of,
)
from headwater.schemas.dead_letter import Reason
from headwater.schemas.errors import ExpectationError
from headwater.schemas.expectations import Expectation
from tests.properties.test_decoding_agrees import (
    NOW_MS,
    ORDER,
    ORDERS,
    WRITERS,
    Given,
    as_answer,
    decoded_by_kernel,
    framed,
    item,
    order,
    random_order,
)

CONDITIONS = (
    "items.price * double(items.pieces) < 1500.0",
    "items.sku == null || size(items.sku) < 3",
    "number / items.pieces >= 0",
    "number == null || number % items.pieces == 0",
    "status != 'OPEN' || items.price > 100.0",
    "items.price / 0.0 > 1.0",
    "true",
)
PATTERNS = ("^[a-z]", "^.$", r"^\pL", "(?i)^ANNA$", r"^[^\x00]*$", "[[:digit:]]", "^(a|ü|b1)?$", r"\bë")


def any_expectation(chance: random.Random, number: int) -> Expectation:
    """One of any kind, of any field; most are met by most events."""
    given: dict[str, Any] = {"name": f"e{number}", "action": chance.choice(["count", "count", "dead_letter", "stop"])}
    price = sorted(chance.uniform(-1, 1100) for _ in range(2))
    return chance.choice(
        [
            lambda: not_null(chance.choice(["items.price", "items.sku", "number", "customer"]), **given),
            lambda: between("items.price", chance.choice([None, price[0] / 10]), 900 + price[1] / 10, **given),
            lambda: between("items.pieces", 1, chance.randint(4, 6), **given),
            lambda: between("items.sku", "A", chance.choice(["c", "ü", "\U0001f600"]), **given),
            lambda: between("items.at", "2023-11-03T00:00:00Z", None, **given),
            lambda: between("fee", -(10**6), None, **given),
            lambda: between("each", -9, 9, **given),
            lambda: one_of("items.sku", chance.sample(["a", "b1", "ü", "c\0d", "'\"\\\n"], 4), **given),
            lambda: one_of("number", chance.sample(range(-9, 10), 17), **given),
            lambda: one_of("status", ["PAID", "OPEN"], **given),
            lambda: one_of("items.price", [0.1, 2.5, 1e308], **{**given, "action": "count"}),
            lambda: matches(chance.choice(["items.sku", "customer"]), chance.choice(PATTERNS), **given),
            lambda: fresh_within(f"{chance.randint(9, 12)}d", **given),
            lambda: expect(chance.choice(CONDITIONS), **given),
        ]
    )()


def plan_of(*expectations: Expectation, of_view: tuple[Expectation, ...] = ()) -> Plan:
    view = FeatureView(
        name="orders",
        source=ORDERS.model_copy(update={"expect": expectations}),
        expect=of_view,
        features=[count_events(over="1h")],
        entity=["customer", "shelf"],
        owner="o",
        description="d",
    )
    return compile_view(view, ORDER)


@pytest.mark.parametrize("seed", range(6))
def test_random_expectations_are_met_by_the_same_events(seed: int) -> None:
    chance = random.Random(20261124 + seed)
    declared = [any_expectation(chance, number) for number in range(chance.randint(2, 8))]
    plan = plan_of(*declared[:-1], of_view=(declared[-1],))
    values = [framed(random_order(chance)) for _ in range(400)]
    assert_agree(plan, values)


def test_all_actions_are_met_with_in_those_streams() -> None:
    plan = plan_of(
        not_null("items.price"),
        between("items.price", None, 900, action="dead_letter"),
        one_of("status", ["PAID"], action="stop"),
    )
    chance = random.Random(20261124)
    answers = assert_agree(plan, [framed(random_order(chance)) for _ in range(400)])
    assert {name for answer in answers for name in answer} == {"events", "reason", "detail", "stopped"}
    assert sum(answer.get("reason") == Reason.EXPECTATION_FAILED for answer in answers) > 10


def test_an_expectation_that_only_counts_lets_events_in_whose_values_are_no_numbers() -> None:
    plan = plan_of(expect("items.price < 10.0", name="cheap"))
    plan = plan.model_copy(update={"sources": (plan.sources[0].model_copy(update={"where": ()}),)})
    prices = (1.0, float("nan"), float("inf"), None)
    answers = assert_agree(plan, [framed(order(item(price=price))) for price in prices])
    assert [len(answer["events"]) for answer in answers] == [1, 1, 1, 1]


def assert_agree(plan: Plan, values: list[bytes | None] | list[bytes]) -> list[Any]:
    """Returns what became of each record."""
    reader = EventReader(plan, WRITERS.get)
    expected = [by_reference(reader, SourceRecord(value, NOW_MS, 0, offset)) for offset, value in enumerate(values)]
    answer = decoded_by_kernel(plan, [Given(value) for value in values])
    for value, wanted, found in zip(values, expected, answer["records"], strict=True):
        assert comparable(found) == wanted, value
    checks = reader.expectations(0)
    assert answer["expectations"] == {
        each.name: [checks.checked[each.name], checks.failed[each.name]] for each in plan.sources[0].expectations
    }
    return expected


def by_reference(reader: EventReader, record: SourceRecord) -> Any:
    try:
        found = reader.read(0, record)
    except ExpectationError as error:
        return {"stopped": str(error).partition("not met: ")[2]}
    return as_answer(found) | ({"detail": reader.detail} if found == Reason.EXPECTATION_FAILED else {})


def comparable(found: Any) -> Any:
    if "stopped" in found:
        return {"stopped": found["stopped"].partition("not met: ")[2].rpartition(". It goes on")[0]}
    return {name: found[name] for name in found if name != "detail" or found["reason"] == "expectation_failed"}
