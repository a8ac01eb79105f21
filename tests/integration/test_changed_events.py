"""Writers of several versions of a schema at once: the running job reads each event as the view's own schema says."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from headwater.pipelines import registry as registries
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import FlinkCluster
from headwater.pipelines.stack.registry import Registry
from headwater.schemas import EventSource, FeatureView, count_events, last_of, sum_of
from headwater.schemas.compile import compile_view
from headwater.schemas.plan import Plan
from tests.integration.compute_lab import WINDOWS, ComputeLab, frame, make_lab, purchase
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

CUSTOMERS = 20
COUPON = {"name": "coupon", "type": ["null", "string"], "default": None, "doc": "What was handed in."}
CHANNEL = {"name": "channel", "type": "string", "default": "shop", "doc": "Where it was bought."}


def test_a_job_reads_older_and_newer_versions_than_its_own_and_one_that_is_registered_while_it_runs(
    broker: Broker, registry: Registry, flink: FlinkCluster, tmp_path: Path, unique_name: Callable[[str], str]
) -> None:
    first = make_lab(broker, registry, flink, tmp_path, unique_name("evolved"))
    own = promoted_and_renamed(first.schema)
    (own_id,) = register(first, own)
    lab = replace(
        first, plan=plan_of(first, own), schema=own, schema_id=own_id, other_writers={first.schema_id: first.schema}
    )
    with lab.job() as process:
        produce(lab, 0, (first.schema_id, first.schema, {"amount": 1.25, "quantity": 2}))
        produce(lab, 1, (own_id, own, {"price": 2.5, "quantity": 2**40, "channel": "web"}))
        wait_until(lambda: counted(lab) == 2 * CUSTOMERS, 60, "events of both versions")

        newer = {**own, "fields": [*(each for each in own["fields"] if each["name"] != "channel"), COUPON]}
        (newer_id,) = register(lab, newer)
        lab = replace(lab, other_writers={**lab.other_writers, newer_id: newer})
        produce(lab, 2, (newer_id, newer, {"price": 4.0, "quantity": 1, "coupon": "ten"}))
        produce(lab, 0, (first.schema_id, first.schema, {"amount": 8.0, "quantity": 3}))
        wait_until(
            lambda: counted(lab) == 4 * CUSTOMERS, 60, "events of the version that came later, and of the oldest"
        )
        assert [each["event"] for each in process.events()].count("job_submitted") == 1
    log = lab.log()
    for key, seen in lab.reference_events().items():
        header, row = max(log.rows[key], key=lambda each: each[0][:3])
        lab.check_row(seen, header, row)
        assert row["price_sum_24h"] == 1.25 + 2.5 + 4.0 + 8.0
        assert row["pieces_24h"] == 2 + 2**40 + 1 + 3
        assert row["channel_24h"] == "shop"
    assert lab.dead_letters() == []


def promoted_and_renamed(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with another name for one field, a wider type for another, and a third that older events lack."""
    changes: dict[str, dict[str, Any]] = {
        "amount": {"name": "price", "aliases": ["amount"]},
        "quantity": {"type": "long"},
    }
    return {**schema, "fields": [*(each | changes.get(each["name"], {}) for each in schema["fields"]), CHANNEL]}


def plan_of(lab: ComputeLab, schema: dict[str, Any]) -> Plan:
    source = EventSource(
        topic=lab.topic, subject=f"{lab.topic}-value", key="customer_id", event_time="purchased_at", allowed_skew="10s"
    )
    features = [
        count_events(over=WINDOWS),
        sum_of("price", over=WINDOWS),
        sum_of("quantity", over=WINDOWS, name="pieces"),
        last_of("channel", over=WINDOWS, name="channel"),
    ]
    view = FeatureView(name=lab.plan.view, source=source, features=features, owner="tests", description="For a test.")
    return compile_view(view, schema)


def register(lab: ComputeLab, *schemas: dict[str, Any]) -> list[int]:
    """By a team that upgrades readers first."""
    with registries.Registry(Settings(registry_url=lab.registry.url)) as client:
        client.set_compatibility(f"{lab.topic}-value", "BACKWARD")
        return [client.register(f"{lab.topic}-value", schema) for schema in schemas]


def produce(lab: ComputeLab, partition: int, writer: tuple[int, dict[str, Any], dict[str, object]]) -> None:
    """One purchase of each customer, by this schema."""
    schema_id, schema, fields = writer
    now_ms = int(time.time() * 1000)
    lab.produce(
        [
            frame(schema_id, schema, purchase(customer_id=f"c{number}", purchased_at=now_ms, **fields))
            for number in range(CUSTOMERS)
        ],
        partition=partition,
    )


def counted(lab: ComputeLab) -> int:
    """How many purchases the newest committed rows know of."""
    rows = lab.log().rows
    return sum(max(each[0][:3] for each in of_key)[2] for of_key in rows.values())
