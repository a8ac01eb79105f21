"""What is expected of events: what it compiles to, what becomes of one that does not meet it, and whose state it is."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from headwater.operators.local import LocalView
from headwater.pipelines.checkpoints import checkpoint_store
from headwater.schemas import (
    EventSource,
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
from headwater.schemas.contracts.views import uses_of
from headwater.schemas.dead_letter import Reason
from headwater.schemas.errors import ClusterError, ExpectationError
from headwater.schemas.expectations import Expectation
from headwater.schemas.plan import ExpectationPlan

PAYMENT: dict[str, Any] = {
    "type": "record",
    "name": "Payment",
    "fields": [
        {"name": "payer", "type": "string"},
        {"name": "paid_at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "amount", "type": ["null", "double"], "default": None},
        {"name": "parts", "type": "int"},
        {"name": "email", "type": ["null", "string"], "default": None},
        {"name": "card", "type": ["null", {"type": "record", "name": "Card", "fields": [
            {"name": "country", "type": "string"}]}], "default": None},
    ],
}  # fmt: skip
REFUND: dict[str, Any] = {
    "type": "record",
    "name": "Refund",
    "fields": [
        {"name": "payer", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "total", "type": "double"},
    ],
}
NOON = "2026-01-31T12:00:00Z"


def source(*expectations: Expectation, **more: Any) -> EventSource:
    given = {"topic": "payments", "key": "payer", "event_time": "paid_at", "expect": expectations, **more}
    return EventSource(**given)


def view_of(*sources: EventSource, expected: Iterable[Expectation] = (), **more: Any) -> FeatureView:
    given = {"name": "payers", "sources": sources, "expect": list(expected), "owner": "o", "description": "d", **more}
    return FeatureView(features=[count_events(over="1h")], entity="payer", **given)


def plan_of(*expectations: Expectation, **more: Any) -> Plan:
    return compile_view(view_of(source(*expectations, **more)), PAYMENT)


def paid(plan: Plan, **fields: Any) -> LocalView:
    view = LocalView(plan, {"payments": PAYMENT})
    view.add([{"payer": "ann", "paid_at": NOON, "parts": 1, **fields}])
    return view


@pytest.mark.parametrize(
    ("expectation", "name", "condition"),
    [
        (not_null("amount"), "amount_not_null", "amount != null"),
        (not_null("card.country"), "card_country_not_null", "card.country != null"),
        (between("amount", 0, 9.5), "amount_between", "amount == null || (amount >= 0.0 && amount <= 9.5)"),
        (between("parts", None, 4), "parts_between", "parts <= 4"),
        (between("payer", "a", "b\n"), "payer_between", 'payer >= "a" && payer <= "b\\n"'),
        (
            between("paid_at", "2026-01-01T01:00:00+01:00", datetime(2027, 1, 1, tzinfo=UTC)),
            "paid_at_between",
            "paid_at >= timestamp('2026-01-01T00:00:00Z') && paid_at <= timestamp('2027-01-01T00:00:00Z')",
        ),
        (one_of("parts", [1, -2]), "parts_one_of", "parts in [1, -2]"),
        (one_of("email", ['"'], name="mine"), "mine", 'email == null || (email in ["\\""])'),
        (matches("email", r"^\S+@\S+$"), "email_matches", r'email == null || (email.matches("^\\S+@\\S+$"))'),
        (between("per_part", 1, None), "per_part_between", "(amount / double(parts)) >= 1.0"),
        (not_null("price"), "price_not_null", "amount != null"),
        (expect("amount > 1.0", name="dear"), "dear", "amount > 1.0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_expectation_of_a_field_is_a_condition(expectation: Expectation, name: str, condition: str) -> None:
    plan = plan_of(expectation, columns={"price": "amount", "per_part": "amount / double(parts)"})
    assert plan.sources[0].expectations == (ExpectationPlan(name=name, action="count", cel=condition),)


def test_freshness_is_measured_by_kafkas_clock() -> None:
    plan = plan_of(fresh_within("90s", action="dead_letter"))
    assert plan.sources[0].expectations[0].fresh_within_ms == 90_000
    assert paid(plan, **{"@timestamp": "2026-01-31T12:01:30Z"}).rejected == []
    (late,) = paid(plan, **{"@timestamp": "2026-01-31T12:01:30.001Z"}).rejected
    assert late.detail == "not met: fresh_within_90s (fresh_within_90s expects fresh within 90000 ms)"


def test_an_expectation_of_the_view_is_one_of_each_source_that_has_such_a_value() -> None:
    refunds = EventSource(topic="refunds", key="payer", event_time="at", columns={"value": "total", "parts": None})
    view = view_of(
        source(columns={"value": "amount"}), refunds, expected=[between("value", 0, None), between("parts", 1, None)]
    )
    found = [
        [(each.name, each.cel) for each in one.expectations] for one in compile_view(view, [PAYMENT, REFUND]).sources
    ]
    assert found == [
        [("value_between", "amount == null || (amount >= 0.0)"), ("parts_between", "parts >= 1")],
        [("value_between", "total >= 0.0")],
    ]


def test_an_event_that_is_only_counted_counts() -> None:
    view = paid(plan_of(between("amount", 0, 10), not_null("email")), amount=11.0)
    assert view.rejected == []
    assert view.unmet == {"amount_between": 1, "email_not_null": 1}
    assert view.values(at=NOON, payer="ann")["count_1h"] == 1


def test_an_event_that_is_put_aside_is_not_one_of_the_views() -> None:
    view = paid(plan_of(between("amount", 0, 10, action="dead_letter")), amount=11.0)
    assert [each.reason for each in view.rejected] == [Reason.EXPECTATION_FAILED]
    assert view.values(at=NOON, payer="ann")["count_1h"] == 0


def test_null_meets_all_but_not_null() -> None:
    strict: dict[str, Any] = {"action": "dead_letter"}
    plan = plan_of(
        between("amount", 0, 10, **strict),
        one_of("email", ["a"], **strict),
        matches("email", "b", name="b", **strict),
        expect("amount > 1.0", name="dear", **strict),
    )
    assert paid(plan).rejected == []
    assert len(paid(plan_of(not_null("amount", **strict))).rejected) == 1


def test_an_event_that_would_stop_the_job_stops_the_test_at_it() -> None:
    plan = plan_of(not_null("amount", action="stop"))
    with pytest.raises(ExpectationError, match=r"of payments stops the job: not met: amount_not_null \(.*!= null\)"):
        paid(plan)


def test_what_is_filtered_out_or_rejected_anyway_is_not_expected_to_be_anything() -> None:
    view = paid(plan_of(not_null("amount", action="stop"), where="parts > 1"))
    assert (view.rejected, view.unmet) == ([], {})
    future = paid(plan_of(not_null("amount", action="stop")), **{"@timestamp": "2026-01-31T11:00:00Z"})
    assert ([each.reason for each in future.rejected], future.unmet) == ([Reason.FUTURE_EVENT], {})


@pytest.mark.parametrize("action", ["dead_letter", "stop"])
def test_what_decides_which_events_count_needs_a_new_generation(tmp_path: Path, action: Any) -> None:
    store = checkpoint_store(str(tmp_path), plan_of())
    store.remember(plan_of())
    with pytest.raises(ClusterError, match=r"(?s)set generation=2 in the view.*expectations are others"):
        store.check_unchanged(plan_of(not_null("amount", action=action)))


def test_what_only_counts_or_acts_otherwise_goes_on_from_the_same_state(tmp_path: Path) -> None:
    plan = plan_of(not_null("amount", action="stop"))
    store = checkpoint_store(str(tmp_path), plan)
    store.remember(plan)
    store.check_unchanged(plan_of(not_null("amount", action="dead_letter", name="priced"), fresh_within("1h")))


def test_a_change_of_the_schema_is_told_with_the_expectations_that_read_the_field() -> None:
    plan = plan_of(not_null("amount"), between("amount", 0, 1), not_null("email"))
    assert uses_of(plan, plan.sources[0], ("amount",)) == "expectations amount_not_null, amount_between"
