"""What the watching process is put together from: the filter by key, what may be said, values, probes and tasks."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from headwater.operators.reference_events import EventReader, SourceRecord
from headwater.operators.value_statistics import (
    LEAST_ROWS,
    MOST_ROWS,
    Sample,
    dump_references,
    load_references,
)
from headwater.pipelines.contracts import BUNDLED, find_contract
from headwater.pipelines.shop.views import customer_purchases
from headwater.pipelines.watch.key_filter import KeyFilter
from headwater.pipelines.watch.privacy import Privacy
from headwater.pipelines.watch.process import Together, WatchTask
from headwater.pipelines.watch.watch_metrics import ParityMetrics
from headwater.schemas import DeclarationError, EventSource, Plan, compile_view, count_events, probe, sum_of
from headwater.schemas.errors import BrokerError, FormatError
from headwater.schemas.keys import KeyValue, encode_key
from headwater.schemas.probes import encoded_probe
from tests.feature_log_rows import make_plan
from tests.integration.compute_lab import frame, purchase
from tests.unit.test_declaring import EVENT, RIDE, plan_of, view_of

SHOP = find_contract("shop.purchases-value", [BUNDLED]).newest


def test_a_record_is_passed_over_only_if_it_is_of_none_of_the_keys() -> None:
    plan = compile_view(customer_purchases, SHOP)
    keys = KeyFilter(plan, [encode_key(plan.entity, {"customer_id": name}) for name in ("anna", "bob.*")])
    for name, may in (("anna", True), ("bob.*", True), ("bobby", False), ("carl", False), ("joanna", True)):
        assert keys.may_hold(0, frame(1, SHOP, purchase(customer_id=name))) is may


@pytest.mark.parametrize(
    ("key", "values", "filters"),
    [
        ("stops", [0, 1, -1, 300, -(2**31)], True),
        (["driver", "city.id"], [("ann", 7), ("b", -70_000)], True),
        ("driver + '!'", ["ann!"], False),
        ("either", ["ann"], False),
    ],
)
def test_every_event_of_a_key_is_let_through(key: Any, values: list[Any], filters: bool) -> None:
    if key == "either":
        with pytest.raises(DeclarationError):
            plan_of(count_events(over="1h"), source=EventSource(topic="rides", key=key, event_time="ended"))
        return
    entity = {"entity": "who"} if isinstance(key, str) and "+" in key else {}
    plan = plan_of(count_events(over="1h"), source=EventSource(topic="rides", key=key, event_time="ended"), **entity)
    passed_over = 0
    for value in values:
        given = value if isinstance(value, tuple) else (value,)
        fields: dict[str, KeyValue] = {field.name: each for field, each in zip(plan.entity, given, strict=True)}
        keys = KeyFilter(plan, [encode_key(plan.entity, fields)])
        driver = str(given[0]).removesuffix("!") if isinstance(given[0], str) else "someone"
        ride = RIDE | {"driver": driver, "ended": 1, "price": b"\1", "city": {"id": given[-1]}}
        ride |= {"stops": given[0]} if key == "stops" else {"city": {"id": given[-1] if len(given) > 1 else 1}}
        assert keys.may_hold(0, frame(1, EVENT, ride))
        passed_over += not keys.may_hold(0, b"\0\0\0\0\1 of nobody")
    assert bool(passed_over) is filters


def test_only_what_is_tagged_as_no_personal_data_is_said() -> None:
    plan = compile_view(customer_purchases, SHOP)
    said = Privacy(plan)
    key = encode_key(plan.entity, {"customer_id": "anna"})
    assert said.key(key).startswith("sha256:")
    assert said.key(key) == said.key(key) != said.key(key + b"x")
    assert said.value("amount_sum_1h", 1.5) == 1.5
    assert said.value("count_1h", 3) == 3
    untagged = Privacy(plan_of(sum_of("fare", over="1h"), count_events(over="1h")))
    assert str(untagged.value("fare_sum_1h", 1.5)).startswith("sha256:")
    assert untagged.value("count_1h", 3) == 3


def sample(values: Callable[[], Any], rows: int = 1000) -> Sample:
    made = Sample({"f": 0.0, "text": None})
    for _ in range(rows):
        made.add({"f": values(), "text": "a"})
    return made


def test_a_summary_tells_shares_and_spread() -> None:
    found = Sample({"f": 0.0, "text": None, "list": None, "none": None})
    for number in range(100):
        found.add({"f": None if number < 10 else float(number % 2), "text": "a", "list": [1, 2], "none": None})
    summary = found.summaries()
    assert (summary["f"].rows, summary["f"].null_share, summary["f"].default_share) == (100, 0.1, 0.45)
    assert (summary["f"].mean, summary["f"].least, summary["f"].greatest) == (0.5, 0.0, 1.0)
    assert summary["f"].quantiles == (0.0, 0.5, 1.0)
    assert (summary["text"].mean, summary["text"].null_share) == (None, 0.0)
    assert summary["list"].mean == 2.0
    assert (summary["none"].null_share, summary["none"].mean) == (1.0, None)


def test_drift_is_small_for_the_same_and_large_for_other_values_or_nulls() -> None:
    chance = random.Random(7)
    references = sample(lambda: chance.gauss(10, 2)).references()
    assert load_references(dump_references(references)) == references
    same = sample(lambda: chance.gauss(10, 2)).drifts(references)["f"]
    assert same.stability_index < 0.1
    assert same.mean_shift == pytest.approx(0, abs=0.2)
    moved = sample(lambda: chance.gauss(13, 2)).drifts(references)["f"]
    assert moved.stability_index > 0.25
    assert moved.mean_shift == pytest.approx(1.5, abs=0.2)
    nulls = sample(lambda: None if chance.random() < 0.4 else chance.gauss(10, 2)).drifts(references)["f"]
    assert nulls.stability_index > 0.25
    assert sample(lambda: 1.0, rows=LEAST_ROWS - 1).drifts(references) == {}
    constant = sample(lambda: 1.0).references()
    assert sample(lambda: 1.0).drifts(constant)["f"].stability_index == pytest.approx(0)
    assert sample(lambda: 2.0).drifts(constant)["f"].stability_index > 0.25


def test_a_sample_is_bounded_and_every_row_is_as_likely_to_be_in_it() -> None:
    numbers = iter(range(10 * MOST_ROWS))
    found = sample(lambda: next(numbers), rows=10 * MOST_ROWS)
    assert found.rows == MOST_ROWS
    mean = found.summaries()["f"].mean
    assert mean == pytest.approx(5 * MOST_ROWS, rel=0.1)


def test_what_is_no_reference_is_refused() -> None:
    for text in ("[]", "{", '{"f": {"rows": 1}}'):
        with pytest.raises(FormatError):
            load_references(text)


def test_a_probe_travels_in_the_plan_and_is_written_as_its_topic_has_it() -> None:
    plan = plan_of(count_events(over="1h"), sum_of("price", over="1h"), probe=probe(RIDE, every="30s"))
    assert Plan.from_json(plan.canonical_json()) == plan
    assert plan.probe is not None
    assert (plan.probe.source, plan.probe.every_ms) == (0, 30_000)
    body = encoded_probe(plan.probe, plan.sources[0], EVENT, at_us=1_700_000_000_000_000)
    reader = EventReader(plan, lambda _: EVENT)
    ((key, event),) = reader.read(0, SourceRecord(b"\0\0\0\0\1" + body, 1_700_000_000_000, 0, 0))
    assert key == encode_key(plan.entity, {"driver": "probe"})
    assert (event.time_us, event.values) == (1_700_000_000_000_000, (1.25,))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"event": {"driver": "probe"}}, "does not fit the schema"),
        ({"event": RIDE | {"stops": "two"}}, "does not fit the schema"),
        ({"event": RIDE, "every": "100ms"}, "choose from 1s to 1h"),
        ({"event": RIDE, "topic": "walks"}, "name one of rides"),
        ({"event": {}}, "give an event"),
    ],
)
def test_a_probe_that_cannot_be_sent_is_a_mistake_of_the_view(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(DeclarationError, match=said):
        compile_view(view_of(count_events(over="1h"), probe=probe(**wrong)), EVENT)


def test_the_metrics_of_several_views_are_one_page() -> None:
    views, registry = Together(), CollectorRegistry()
    registry.register(views)
    for name in ("one", "two"):
        ParityMetrics(make_plan(view=name), views.registry())
    text = generate_latest(registry).decode()
    assert text.count("# TYPE headwater_parity_rows_total counter") == 1
    assert 'view="one"' in text
    assert 'view="two"' in text


def test_a_task_waits_for_a_service_and_goes_on_and_anything_else_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater.pipelines.watch.process.PAUSE_AFTER_FAILURE_SECONDS", 0.0)
    registry, stop = CollectorRegistry(), threading.Event()
    metrics = ParityMetrics(make_plan(view="v"), registry)
    errors: list[Exception] = [BrokerError("away"), BrokerError("away"), FormatError("nonsense")]

    def work() -> None:
        raise errors.pop(0)

    task = WatchTask("reference", make_plan(view="v"), work, metrics, stop)
    task.run()
    assert isinstance(task.failure, FormatError)
    labels = {"view": "v", "task": "reference"}
    assert registry.get_sample_value("headwater_watch_failures_total", labels) == 2
