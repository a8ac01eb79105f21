"""The whole pipeline on a view of two topics: one exploded, filtered and with derived columns, both with event ids."""

from __future__ import annotations

import io
import json
import random
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer
from fastavro import parse_schema, schemaless_writer

from headwater.operators.reference_events import MOST_ELEMENTS
from headwater.pipelines.reader import OnlineReader
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.security import settings_of
from headwater.pipelines.stack.state import StateDirectory
from headwater.pipelines.verification import Verdict, verify
from headwater.schemas.dead_letter import Reason
from headwater.schemas.plan import Plan
from tests.integration.test_end_to_end import dead_letters, headwater, state_of

ORDERS: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "items", "type": {"type": "array", "items": {"type": "record", "name": "Item", "fields": [
            {"name": "line", "type": "long"}, {"name": "price", "type": ["null", "double"]},
            {"name": "pieces", "type": "int"}]}}},
        {"name": "customer", "type": "string"},
        {"name": "order", "type": "string"},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["PAID", "TEST"]}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}  # fmt: skip
REFUNDS: dict[str, Any] = {
    "type": "record",
    "name": "Refund",
    "fields": [
        {"name": "who", "type": "string"},
        {"name": "number", "type": "long"},
        {"name": "cents", "type": "long"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    ],
}
VIEWS = """
from headwater.schemas import *

orders = EventSource(
    topic="shop.orders", key="customer", event_time="at", allowed_skew="5s", explode="items",
    where="status != 'TEST'", columns={"spent": "items.price * double(items.pieces)"}, event_id=["order", "items.line"],
)
refunds = EventSource(
    topic="shop.refunds", key="who", event_time="at", allowed_skew="5s",
    columns={"spent": "-double(cents / 100)", "status": None}, event_id="number",
)
spending = FeatureView(
    name="spending",
    sources=[refunds, orders],
    where="at > timestamp('2020-01-01T00:00:00Z')",
    entity="customer",
    features=[
        count_events(over=["10m", "24h"]),
        sum_of("spent", over="24h"),
        min_of("spent", over="24h"),
        last_of("status", over="24h"),
    ],
    owner="tests",
    description="What a customer spends.",
)
"""
CUSTOMERS = 60


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateDirectory]:
    root = tmp_path_factory.mktemp("several-sources")
    for topic, schema in (("shop.orders", ORDERS), ("shop.refunds", REFUNDS)):
        file = root / "views" / "subjects" / f"{topic}-value" / "v1.avsc"
        file.parent.mkdir(parents=True)
        file.write_text(json.dumps(schema))
    (root / "views" / "spending.py").write_text(VIEWS)
    directory = StateDirectory(root / "state")
    headwater("up", "--views", str(Path(root / "views")), "--state", str(directory.root), "--detach")
    try:
        yield directory
    finally:
        headwater("down", "--state", str(directory.root))


@pytest.mark.slow
def test_two_topics_become_one_row_of_each_customer(directory: StateDirectory) -> None:
    stack = state_of(directory)
    settings, plan = settings_of(stack), Plan.from_json(stack.views[0].plan.read_text())
    counted, rejected = produce(settings)
    verdict: Verdict = verify(settings, plan, timeout_seconds=90)
    assert verdict.right, (str(verdict), verdict.online[:5], verdict.offline[:5])
    assert verdict.rejected == len(rejected)
    letters = dead_letters(settings, plan.dead_letters.topic)
    assert sorted(letter["reason"] for letter in letters) == sorted(rejected)
    with OnlineReader(settings.redis_url.get_secret_value(), plan.view) as reader:
        rows = reader.get_many([{"customer": f"customer-{number}"} for number in range(CUSTOMERS)])
    assert sum(int(row.values["count_24h"]) for row in rows) == counted  # type: ignore[arg-type]
    assert {row.values["status_last_24h"] for row in rows} <= {"PAID", None}


def produce(settings: Settings) -> tuple[int, list[str]]:
    """Writes both topics; how many events they are, and the reasons for which records are none."""
    registry = Registry(settings)
    frames = {
        topic: struct.pack(">bI", 0, registry.register(f"{topic}-value", schema))
        for topic, schema in (("shop.orders", ORDERS), ("shop.refunds", REFUNDS))
    }
    parsed = {"shop.orders": parse_schema(ORDERS), "shop.refunds": parse_schema(REFUNDS)}
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, "linger.ms": 5})

    def send(topic: str, event: dict[str, Any]) -> None:
        buffer = io.BytesIO()
        schemaless_writer(buffer, parsed[topic], event)
        producer.produce(topic, frames[topic] + buffer.getvalue())
        producer.poll(0)

    choose, counted = random.Random(5), 0
    for number in range(2_000):
        now_ms = int(time.time() * 1000) - choose.randrange(60_000)
        customer = f"customer-{choose.randrange(CUSTOMERS)}"
        lines = [
            {"line": line, "price": choose.choice([None, 2.5, 10.0]), "pieces": choose.randrange(1, 4)}
            for line in range(choose.randrange(4))
        ]
        status = choose.choice(["PAID", "PAID", "TEST"])
        send(
            "shop.orders", {"items": lines, "customer": customer, "order": f"o{number}", "status": status, "at": now_ms}
        )
        counted += len(lines) if status == "PAID" else 0
        if number % 3 == 0:
            send("shop.refunds", {"who": customer, "number": number, "cents": 250, "at": now_ms * 1000})
            counted += 1
    line = {"line": 1, "price": float("inf"), "pieces": 1}
    bad = {"items": [line], "customer": "customer-0", "order": "x", "status": "PAID", "at": int(time.time() * 1000)}
    send("shop.orders", bad)
    send("shop.orders", bad | {"items": [line | {"price": 1.0}] * (MOST_ELEMENTS + 1)})
    send("shop.orders", bad | {"items": [line | {"price": 1.0}], "order": ""})
    send("shop.refunds", {"who": "", "number": 1, "cents": 1, "at": time.time_ns() // 1000})
    assert producer.flush(30) == 0
    return counted, [Reason.NOT_FINITE, Reason.MALFORMED, Reason.MISSING_EVENT_ID, Reason.MISSING_KEY]
