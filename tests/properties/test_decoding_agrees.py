"""The kernel and the reference read the same events from the same records, and reject the same records."""

from __future__ import annotations

import io
import json
import os
import random
import struct
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_writer

from headwater.operators.reference import ReferenceEvent
from headwater.operators.reference_events import EventReader, SourceRecord
from headwater.schemas import EventSource, FeatureView, Plan, compile_view, count_events, last_of, sum_of
from headwater.schemas.dead_letter import Reason
from headwater.schemas.plan import Column, SourcePlan
from tests.properties.harness import KERNEL

NOW_MS = 1_700_000_000_000
ITEM: dict[str, Any] = {
    "type": "record",
    "name": "Item",
    "fields": [
        {"name": "sku", "type": ["null", "string"]},
        {"name": "price", "type": ["null", "double"]},
        {"name": "pieces", "type": "int"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
    ],
}
ORDER: dict[str, Any] = {
    "type": "record",
    "name": "Order",
    "fields": [
        {"name": "items", "type": ["null", {"type": "array", "items": ITEM}]},
        {"name": "customer", "type": ["null", "string"]},
        {"name": "id", "type": {"type": "fixed", "name": "OrderId", "size": 4}},
        {"name": "number", "type": ["null", "int", "long"]},
        {"name": "fee", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
        {"name": "status", "type": {"type": "enum", "name": "Status", "symbols": ["PAID", "OPEN", "LOST"]}},
        {"name": "embedding", "type": {"type": "array", "items": "float"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "unused", "type": {"type": "map", "values": {"type": "array", "items": "string"}}},
    ],
}
ORDERS = EventSource(
    topic="orders",
    key=["customer", "items.sku != null && items.sku.startsWith('b') ? 'books' : items.sku"],
    event_time="items.at",
    allowed_skew="1s",
    where="status != 'LOST' && (items.price == null || items.price < 1000.0)",
    columns={
        "net": "items.price * double(items.pieces) - fee",
        "each": "number / items.pieces",
        "is_dear": "items.price > 10.0",
        "age": "(timestamp('2023-12-01T00:00:00Z') - items.at).getHours()",
    },
    event_id=["id", "number"],
    explode="items",
)
WRITERS = {1: ORDER}


@pytest.fixture(scope="module")
def plan() -> Plan:
    view = FeatureView(
        name="orders",
        source=ORDERS,
        features=[
            *(sum_of(name, over="1h") for name in ("net", "each", "age", "fee", "day")),
            *(last_of(name, over="1h") for name in ("is_dear", "items.sku", "status", "id")),
            count_events(over="1h"),
        ],
        entity=["customer", "shelf"],
        owner="o",
        description="d",
    )
    return with_vector(compile_view(view, ORDER))


def with_vector(plan: Plan) -> Plan:
    """The plan with the embedding as one more column."""
    schema: Any = json.loads(json.dumps(plan.sources[0].reader_schema))
    schema["fields"].append(next(field for field in ORDER["fields"] if field["name"] == "embedding"))
    column = Column(name="embedding", type="vector", nullable=False, dimensions=2)
    source = plan.sources[0].model_dump() | {"reader_schema": schema}
    source["columns"] = [*source["columns"], {"path": ["embedding"]}]
    return plan.model_copy(update={"columns": (*plan.columns, column), "sources": (SourcePlan.model_validate(source),)})


def item(**changed: Any) -> dict[str, Any]:
    return {"sku": "a1", "price": 2.5, "pieces": 2, "at": NOW_MS, **changed}


def order(*items: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "items": list(items), "customer": "anna", "id": b"\x00\x01\xff\x02", "number": 7,
        "fee": (123).to_bytes(2, "big"),
        "status": "PAID", "embedding": [1.5, -2.0], "day": 19000, "unused": {"x": ["y"]}, **changed,
    }  # fmt: skip


def framed(event: dict[str, Any], schema: dict[str, Any] = ORDER) -> bytes:
    stripped = json.loads(json.dumps(schema).replace('"logicalType"', '"unused"'))
    buffer = io.BytesIO()
    schemaless_writer(buffer, parse_schema(stripped), event)
    return struct.pack(">bI", 0, 1) + buffer.getvalue()


@dataclass(frozen=True)
class Given:
    """A record's value and Kafka timestamp."""

    value: bytes | None
    timestamp_ms: int = NOW_MS


def by_reference(plan: Plan, given: Sequence[Given]) -> list[Any]:
    reader = EventReader(plan, WRITERS.get)
    answers: list[Any] = []
    for offset, record in enumerate(given):
        answers.append(as_answer(reader.read(0, SourceRecord(record.value, record.timestamp_ms, 0, offset))))
    return answers


def as_answer(found: list[tuple[bytes, ReferenceEvent]] | Reason) -> Any:
    """What the reference found in a record, as the kernel says it."""
    if isinstance(found, Reason):
        return {"reason": str(found)}
    events = [
        {
            "key": key.hex(), "t_us": event.time_us, "index": event.index, "offset": event.offset,
            "id": event.id.hex(), "values": [as_kernel(value) for value in event.values],
        }
        for key, event in found
    ]  # fmt: skip
    return {"events": events}


def as_kernel(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode().hex()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, list):
        return struct.pack(f">{len(value)}d", *value).hex()
    return int(value) if isinstance(value, bool) else value


def by_kernel(plan: Plan, given: Sequence[Given]) -> list[Any]:
    """Without details, which are for people."""
    return [
        {name: each[name] for name in each.keys() - {"detail"}} for each in decoded_by_kernel(plan, given)["records"]
    ]


def decoded_by_kernel(plan: Plan, given: Sequence[Given]) -> Any:
    """What the kernel's `DecodeMain` answers."""
    target = KERNEL / "target"
    classpath = f"{target / 'test-classes'}:{target / 'classes'}:{(target / 'test-classpath.txt').read_text().strip()}"
    java = Path(os.environ["JAVA_HOME"]) / "bin" / "java" if "JAVA_HOME" in os.environ else Path("java")
    request = {
        "plan": plan.as_dict(),
        "source": 0,
        "schemas": WRITERS,
        "records": [
            {"value": None if each.value is None else each.value.hex(), "timestamp_ms": each.timestamp_ms}
            for each in given
        ],
    }
    done = subprocess.run(
        [java, "-Xmx512m", "-cp", classpath, "dev.headwater.kernel.decode.DecodeMain"],
        input=json.dumps(request), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


TABLE: list[tuple[bytes | None, str | int]] = [
    (framed(order(item(), item(sku="b7", price=None))), 2),
    (framed(order()), 0),
    (framed(order(items=None)), 0),
    (framed(order(item(), status="LOST")), 0),
    (framed(order(item(price=5000.0), item())), 1),
    (framed(order(item(price=None))), 1),
    (framed(order(item(price=float("nan")))), "not_finite"),
    (framed(order(item(), item(price=float("inf")))), "not_finite"),
    (framed(order(item(), embedding=[1.0])), "malformed"),
    (framed(order(item(), embedding=[1.0, float("nan")])), "not_finite"),
    (framed(order(item(), embedding=[0.0] * 5000)), "malformed"),
    (framed(order(item(pieces=0))), "expression_failed"),
    (framed(order(item(pieces=0), number=None)), "missing_event_id"),
    (framed(order(item(), number=None)), "missing_event_id"),
    (framed(order(item(), item(at=NOW_MS + 1001))), "future_event"),
    (framed(order(item(), item(at=-1))), "event_time_out_of_range"),
    (framed(order(item(sku=None))), "missing_key"),
    (framed(order(item(sku="x" * 5000))), "key_too_long"),
    (framed(order(item(), customer=None)), "missing_key"),
    (framed(order(item(), fee=b"")), "malformed"),
    (framed(order(item(), fee=b"\x01" * 65)), "malformed"),
    (framed(order(item(), fee=b"\xff" * 9)), 1),
    (framed(order(item(), number=2**40)), 1),
    (framed(order(*(item() for _ in range(3000)))), 3000),
    (framed(order(*(item() for _ in range(65_536)))), "malformed"),
    (framed(order(item()))[:-4], "truncated"),
    (framed(order(item())) + b"\0", "trailing_bytes"),
    (
        framed(order(item(sku="a\xff".encode("latin-1").decode("latin-1")))).replace(b"a\xc3\xbf", b"a\xc3\x28"),
        "malformed",
    ),
    (None, "null_value"),
]


def test_single_faults_have_the_same_reason(plan: Plan) -> None:
    given = [Given(value) for value, _ in TABLE]
    reference, kernel = by_reference(plan, given), by_kernel(plan, given)
    for (_, wanted), expected, found in zip(TABLE, reference, kernel, strict=True):
        assert found == expected
        assert (found["reason"] if "reason" in found else len(found["events"])) == wanted


def test_random_orders_give_the_same_events(plan: Plan) -> None:
    choose = random.Random(20261124)
    given = [Given(framed(random_order(choose))) for _ in range(1500)]
    reference, kernel = by_reference(plan, given), by_kernel(plan, given)
    for record, expected, found in zip(given, reference, kernel, strict=True):
        assert found == expected, record
    assert sum("events" in answer for answer in reference) > 500
    assert len({answer["reason"] for answer in reference if "reason" in answer}) >= 6


LAST_MS = 253_276_070_400_000 - 1
BAD_FEE = order(item(), fee=b"")
BAD_TEXT = framed(order(item(sku="aÿ"))).replace(b"a\xc3\xbf", b"a\xc3\x28")

SEVERAL_FAULTS: list[tuple[str, Given, str | int]] = [
    ("no age at the last instant", Given(framed(order(item(at=LAST_MS))), LAST_MS), "expression_failed"),
    ("an event after it", Given(framed(order(item(at=LAST_MS + 1))), LAST_MS), "event_time_out_of_range"),
    ("a record after it", Given(framed(order(item(at=LAST_MS))), LAST_MS + 1), "event_time_out_of_range"),
    ("a decimal, cut off", Given(framed(BAD_FEE)[:-1]), "truncated"),
    ("a decimal, and more behind", Given(framed(BAD_FEE) + b"x"), "trailing_bytes"),
    ("a decimal, before 1970", Given(framed(BAD_FEE), -1), "event_time_out_of_range"),
    ("a text, cut off", Given(BAD_TEXT[:-1]), "truncated"),
    ("a text, and more behind", Given(BAD_TEXT + b"x"), "trailing_bytes"),
    ("a text, before 1970", Given(BAD_TEXT, -1), "event_time_out_of_range"),
    ("too many elements, cut off", Given(framed(order(*[item()] * 65_536))[:-1]), "truncated"),
    ("more behind, before 1970", Given(framed(order(item())) + b"x", -1), "trailing_bytes"),
    ("a decimal, and no key", Given(framed({**BAD_FEE, "customer": None})), "malformed"),
    ("no key, then a text", Given(BAD_TEXT.replace(b"\x02anna", b"\x00")), "malformed"),
    ("no key, in the future", Given(framed(order(item(sku=None, at=NOW_MS + 1001)))), "missing_key"),
    ("no key, before 1970", Given(framed(order(item(sku=None, at=-1)))), "event_time_out_of_range"),
    ("in the future, and a number", Given(framed(order(item(at=NOW_MS + 1001), embedding=[1.0]))), "future_event"),
    ("a number, and no id", Given(framed(order(item(), embedding=[1.0], number=None))), "malformed"),
    ("a key of one, a time of the next", Given(framed(order(item(sku=None), item(at=-1)))), "missing_key"),
]
"""Of what is wrong with a record, that is told which comes first in the order that `reference_events` states."""


def test_of_several_faults_both_tell_the_same(plan: Plan) -> None:
    given = [record for _, record, _ in SEVERAL_FAULTS]
    reference, kernel = by_reference(plan, given), by_kernel(plan, given)
    for (name, _, wanted), expected, found in zip(SEVERAL_FAULTS, reference, kernel, strict=True):
        assert found == expected, name
        assert (found["reason"] if "reason" in found else len(found["events"])) == wanted, name


def test_random_orders_that_were_damaged_on_the_way_are_rejected_alike(plan: Plan) -> None:
    choose = random.Random(20261125)
    given = [damaged(framed(random_order(choose)), choose) for _ in range(3000)]
    reference, kernel = by_reference(plan, given), by_kernel(plan, given)
    for record, expected, found in zip(given, reference, kernel, strict=True):
        assert found == expected, record
    reasons = Counter(answer["reason"] for answer in reference if "reason" in answer)
    assert min(reasons[each] for each in ("truncated", "trailing_bytes", "malformed", "event_time_out_of_range")) > 50


def damaged(value: bytes, choose: random.Random) -> Given:
    """The record with some of: bytes lost, bytes behind it, a letter that is none, a timestamp out of range."""
    if choose.random() < 0.3:
        value = value[: choose.randrange(len(value))]
    if choose.random() < 0.2:
        value += choose.randbytes(choose.randint(1, 3))
    if choose.random() < 0.3:
        value = value.replace(b"anna", b"ann\xff").replace(b"b1", b"b\xc3")
    return Given(value, choose.choice([NOW_MS] * 8 + [-1, LAST_MS + 1]))


def random_order(choose: random.Random) -> dict[str, Any]:
    def some(usual: Any, *others: Any) -> Any:
        return choose.choice(others) if choose.random() < 0.08 else usual

    items = [
        item(
            sku=some(choose.choice(["a", "b1", "ü", "c\0d"]), None, "", "z" * 4200),
            price=some(choose.uniform(-1, 2000), None, None, 1e308, float("inf")),
            pieces=some(choose.randint(1, 5), 0, -(2**31)),
            at=some(NOW_MS - choose.randint(0, 10**9), NOW_MS + 1000, NOW_MS + 1001, -1),
        )
        for _ in range(choose.randint(0, 4))
    ]
    return order(
        *items,
        customer=some(choose.choice(["anna", "Zoë"]), None, ""),
        number=some(choose.randint(-9, 9), None, 2**62),
        fee=some(choose.randint(-(10**8), 10**8).to_bytes(5, "big", signed=True), b"", b"\x80" * 64),
        status=some("PAID", "OPEN", "LOST"),
        embedding=some([choose.random(), 2.0], [], [1.0, 2.0, 3.0], [float("nan"), 0.0]),
    )
