"""A small plan and rows of its feature log, for the tests of what reads the log."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import fastavro

from headwater.schemas.feature_log import log_schema
from headwater.schemas.keys import EntityField, encode_key
from headwater.schemas.plan import (
    Column,
    EventTime,
    Feature,
    Input,
    LogPlan,
    Plan,
    SideTopic,
    Sliding,
    SourcePlan,
    ValueType,
)

CLOCK_US = 1_795_000_000_123_456  # 2026-11-18T11:06:40.123456Z

ENTITY = (EntityField(name="customer_id", type="string"),)
WINDOWS = (
    Sliding(name="5m", length_ms=300_000, resolution_ms=10_000),
    Sliding(name="1h", length_ms=3_600_000, resolution_ms=60_000),
)
FEATURES: tuple[tuple[str, ValueType], ...] = (("amount_sum_5m", "double"), ("purchases_1h", "long"))


def make_plan(
    *,
    view: str = "customer_purchases",
    entity: Sequence[EntityField] = ENTITY,
    features: Sequence[tuple[str, ValueType]] = FEATURES,
    partitions: int = 2,
) -> Plan:
    """A plan whose log has these key fields and features."""
    declared = tuple(Feature(name=name, aggregate="last", column=0, window=0, type=kind) for name, kind in features)
    topic = f"{view}_features_g1"
    return Plan(
        view=view,
        generation=1,
        owner="tests",
        description="",
        entity=tuple(entity),
        sources=(
            SourcePlan(
                topic="shop.purchases",
                subject="shop.purchases-value",
                reader_schema={"type": "record", "name": "Purchase", "fields": []},
                key=tuple(Input(path=(field.name,)) for field in entity),
                event_time=EventTime(path=("ts",), unit="ms"),
                columns=(Input(path=("amount",)),),
                allowed_skew_ms=60_000,
                watermark_delay_ms=1_000,
                idle_timeout_ms=5_000,
            ),
        ),
        columns=(Column(name="amount", type="double", nullable=True),),
        windows=WINDOWS,
        features=declared,
        emission_interval_ms=200,
        heartbeat_interval_ms=1_000,
        time_to_live_ms=86_400_000,
        freshness_objective_ms=1_000,
        reach_ms=3_660_000,
        log=LogPlan(
            topic=topic,
            subject=f"{topic}-value",
            partitions=partitions,
            schema=log_schema(view, entity, WINDOWS, declared),
        ),
        dead_letters=SideTopic(topic=f"{view}_dead_letters", subject=f"{view}_dead_letters-value"),
        late=SideTopic(topic=f"{view}_late", subject=f"{view}_late-value"),
    )


def make_row(number: int, **changes: Any) -> dict[str, Any]:
    """The row of this number: other key, clock and values than every other number's; times as whole numbers."""
    clock = CLOCK_US + number * 1_000_003
    return {
        "customer_id": f"c{number}",
        "generation": 1,
        "clock": clock,
        "n": number + 1,
        "event_time": clock,
        "ingested_at": clock // 1000 + 5,
        "computed_at": clock // 1000 + 9,
        "cause": "EXPIRY" if number % 3 == 0 else "EVENT",
        "next_change_5m": clock + 1_000_000,
        "empty_at_5m": clock + 2_000_000,
        "next_change_1h": None,
        "empty_at_1h": None,
        "amount_sum_5m": number / 7,
        "purchases_1h": number,
    } | changes


def encode(schema: Mapping[str, Any], row: Mapping[str, Any], schema_id: int = 7) -> bytes:
    """The row as a framed Avro value of this schema."""
    body = io.BytesIO()
    fastavro.schemaless_writer(body, fastavro.parse_schema(dict(schema)), row)
    return struct.pack(">bI", 0, schema_id) + body.getvalue()


def key_of(row: Mapping[str, Any]) -> bytes:
    """The canonical key of a row of a plan with the default entity."""
    return encode_key(ENTITY, {"customer_id": row["customer_id"]})
