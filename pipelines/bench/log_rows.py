"""A feature log without a job: rows of a view as a job writes them, made in bulk, and where they must lead."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from fastavro import parse_schema, schemaless_writer

from headwater.pipelines.bench.stream import ENTITY, Distribution, drawn
from headwater.pipelines.online_store import partition_keys
from headwater.pipelines.registration import register_outputs
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.topics import create_output_topics
from headwater.schemas.avro import without_logical_types
from headwater.schemas.errors import BrokerError
from headwater.schemas.feature_log import (
    HEARTBEAT_HEADER_NAME,
    ROW_HEADER_NAME,
    VERSION_BYTES,
    Heartbeat,
    RowHeader,
    empty_at_field,
    heartbeat_key,
    next_change_field,
)
from headwater.schemas.keys import encode_key, partition_of
from headwater.schemas.plan import Plan

SEED = 31
DAY_US = 86_400_000_000


class LogShape(NamedTuple):
    """How many rows of how many keys, drawn how."""

    rows: int
    keys: int
    distribution: Distribution

    def text(self) -> str:
        return f"{self.rows:,} rows of {self.keys:,} keys, {self.distribution}"


class LoggedRow(NamedTuple):
    """A record of the log and where it stands online."""

    partition: int
    key: bytes
    header: bytes
    value: bytes
    online_key: bytes
    expires_at_ms: int

    @property
    def online_value(self) -> bytes:
        return self.header[:VERSION_BYTES] + self.value


def log_rows(plan: Plan, schema_id: int, shape: LogShape, progress: Callable[[int], None]) -> list[LoggedRow]:
    """Rows of a view of one string key whose clocks grow, the last of them now; the same for the same shape and clock.

    Args:
        progress: is told how many are made.
    """
    random = np.random.default_rng(SEED)
    numbers = drawn(random, shape.keys, shape.rows, shape.distribution).tolist()
    amounts = (random.integers(1, 40_000, shape.rows) * 0.25).tolist()
    schema = parse_schema(without_logical_types(plan.log.schema_), named_schemas={})
    now_us = time.time_ns() // 1000
    counts: dict[int, int] = {}
    rows = []
    for place, (number, amount) in enumerate(zip(numbers, amounts, strict=True)):
        counts[number] = n = counts.get(number, 0) + 1
        clock_us = now_us - (shape.rows - place)
        entity = {"user": f"{number:010d}"}
        key = encode_key(ENTITY, entity)
        partition = partition_of(key, plan.log.partitions)
        fields = row_fields(plan, entity, clock_us, n, amount)
        body = io.BytesIO(b"\0" + schema_id.to_bytes(4, "big"))
        body.seek(0, io.SEEK_END)
        schemaless_writer(body, schema, fields)
        header = RowHeader(
            plan.generation,
            clock_us,
            n,
            clock_us,
            clock_us // 1000,
            clock_us // 1000,
            clock_us + DAY_US,
            clock_us + DAY_US // 2,
            0,
        )
        online_key = partition_keys(plan.view, plan.generation, partition).row_prefix + key
        expires_at_ms = (clock_us + DAY_US) // 1000 + (plan.reach_ms or 0)
        rows.append(LoggedRow(partition, key, header.pack(), body.getvalue(), online_key, expires_at_ms))
        if place % 10_000 == 0:
            progress(place)
    progress(shape.rows)
    return rows


def prepare_log(settings: Settings, plan: Plan) -> int:
    """Makes the view's topics and registers its schemas; returns the id of the rows' schema."""
    create_output_topics(AdminClient(dict(client_properties(settings))), plan)
    return register_outputs(plan, settings).log_schema_id


def write_log(settings: Settings, plan: Plan, rows: list[LoggedRow]) -> dict[int, int]:
    """Appends the rows to the view's log, and a heartbeat to each partition; returns the ends of the partitions.

    Raises:
        BrokerError: the broker did not take all of them.
    """
    topic = plan.log.topic
    producer = Producer(
        {
            **client_properties(settings),
            "linger.ms": 50,
            "queue.buffering.max.messages": 1_000_000,
            "compression.type": "lz4",
        }
    )
    ends = dict.fromkeys(range(plan.log.partitions), 0)
    for place, row in enumerate(rows):
        producer.produce(topic, row.value, row.key, row.partition, headers=[(ROW_HEADER_NAME, row.header)])
        ends[row.partition] += 1
        if place % 50_000 == 0:
            producer.flush(60)
    now_ms = time.time_ns() // 1_000_000
    beat = Heartbeat(now_ms, 0, 1, now_ms, now_ms).pack()
    for partition in ends:
        producer.produce(topic, None, heartbeat_key(0), partition, headers=[(HEARTBEAT_HEADER_NAME, beat)])
        ends[partition] += 1
    if producer.flush(120) > 0:
        raise BrokerError(f"{topic}: the broker does not take the rows")
    return ends


def newest_values(rows: list[LoggedRow]) -> dict[bytes, bytes]:
    """What must stand online: of each key the row of the greatest version."""
    newest: dict[bytes, bytes] = {}
    for row in rows:
        value = row.online_value
        if value[:VERSION_BYTES] > newest.get(row.online_key, b"")[:VERSION_BYTES]:
            newest[row.online_key] = value
    return newest


def row_fields(plan: Plan, entity: dict[str, str], clock_us: int, n: int, amount: float) -> dict[str, Any]:
    """A row's fields with values that differ from feature to feature, as Avro has them."""
    fields: dict[str, Any] = {
        **entity,
        "generation": plan.generation,
        "clock": clock_us,
        "n": n,
        "event_time": clock_us,
        "ingested_at": clock_us // 1000,
        "computed_at": clock_us // 1000,
        "cause": "EVENT",
    }
    for place, window in enumerate(plan.windows):
        fields[next_change_field(window)] = clock_us + (place + 1) * DAY_US // 2
        fields[empty_at_field(window)] = clock_us + (place + 1) * DAY_US
    for place, feature in enumerate(plan.features):
        fields[feature.name] = n + place if feature.type == "long" else amount + place
    return fields
