"""Both stores and the event topic of a view, filled by the reference: to plant what is wrong."""

from __future__ import annotations

import io
import json
import struct
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from redis import Redis

from headwater.operators.heartbeats import FoldedHeartbeat
from headwater.operators.reference import ReferenceRow, reference_row
from headwater.operators.reference_events import EventReader, SourceRecord
from headwater.operators.rows import RowDecoder
from headwater.pipelines.offline_store import OfflineStore
from headwater.pipelines.online_store import partition_keys, schema_key
from headwater.pipelines.settings import Settings
from headwater.pipelines.watch.archived_rows import ArchivedRows
from headwater.pipelines.watch.offline_parity import OfflineParity
from headwater.pipelines.watch.online_sample import OnlineSample
from headwater.pipelines.watch.reference_parity import ReferenceParity
from headwater.pipelines.watch.watch_metrics import ParityMetrics
from headwater.schemas.avro import without_logical_types
from headwater.schemas.feature_log import empty_at_field, next_change_field
from headwater.schemas.keys import decode_key, encode_key, partition_of
from headwater.schemas.plan import Plan
from tests.integration.compute_lab import ComputeLab, frame, purchase, read

SCHEMA_ID = 7
HOUR_MS = 3_600_000


@dataclass
class WatchLab:
    """A view, its event topic, and stores that hold what the reference makes of it."""

    settings: Settings
    plan: Plan
    schema: dict[str, Any]
    schema_id: int
    client: Redis
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)
    offsets: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.stop = threading.Event()
        self.metrics = ParityMetrics(self.plan, self.registry)
        self.online = OnlineSample(self.client, self.plan)
        self.offline_parity = OfflineParity(
            self.plan, self.online, ArchivedRows(self.settings, self.plan), self.metrics
        )
        self.reference_parity = ReferenceParity(
            self.settings, self.plan, OnlineSample(self.client, self.plan), self.metrics, self.stop
        )
        self.client.set(schema_key(SCHEMA_ID), json.dumps(self.plan.log.schema_))

    def produce(self, customers: Sequence[str], each: int) -> None:
        """So many purchases of each, within the last hour."""
        producer = Producer({"bootstrap.servers": self.settings.kafka_bootstrap_servers, "linger.ms": 1})
        now_ms = int(time.time() * 1000)
        for number in range(each * len(customers)):
            at_ms = now_ms - HOUR_MS + number * HOUR_MS // (each * len(customers) + 1)
            bought = purchase(
                purchase_id=f"p{number}",
                customer_id=customers[number % len(customers)],
                purchased_at=at_ms,
                amount=float(number),
            )
            producer.produce(
                self.plan.sources[0].topic, frame(self.schema_id, self.schema, bought), partition=number % 3
            )
        assert producer.flush(30) == 0

    def fill(self) -> None:
        """Write the row of each key to both stores, and a heartbeat that vouches for all that will be produced."""
        rows = self.rows()
        values, partitions = [], []
        for key, row in rows.items():
            partition = partition_of(key, self.plan.log.partitions)
            self.write(key, self.fields(key, row))
            values.append(self.stored(self.fields(key, row))[24:])
            partitions.append(partition)
        decoder = RowDecoder(self.plan, lambda _: self.plan.log.schema_)
        store = OfflineStore(self.settings, self.plan)
        start = store.end_offsets()
        end = {partition: offset + len(rows) for partition, offset in start.items()}
        offsets = [start[partition] + number for number, partition in enumerate(partitions)]
        store.append(decoder.decode(values, partitions, offsets), start, end)
        for partition in range(self.plan.log.partitions):
            keys = partition_keys(self.plan.view, self.plan.generation, partition)
            self.client.set(keys.offset, end[partition])
            beat = FoldedHeartbeat(int(time.time() * 1000) + HOUR_MS, self.watermark_ms)
            self.client.set(keys.heartbeat, beat.pack())

    @property
    def watermark_ms(self) -> int:
        """Before all events: no tick has passed."""
        return int(time.time() * 1000) - 2 * HOUR_MS

    def rows(self) -> dict[bytes, ReferenceRow]:
        """What the reference makes of the topic."""
        reader = EventReader(self.plan, lambda _: self.schema)
        events: dict[bytes, list[Any]] = {}
        for message in read(self.settings.kafka_bootstrap_servers, self.plan.sources[0].topic):
            record = SourceRecord(message.value(), message.timestamp()[1], message.partition(), message.offset())
            found = reader.read(0, record)
            assert isinstance(found, list)
            for key, event in found:
                events.setdefault(key, []).append(event)
        return {key: reference_row(self.plan, each) for key, each in events.items()}

    def fields(self, key: bytes, row: ReferenceRow) -> dict[str, Any]:
        """The row as the feature log has it."""
        windows = {next_change_field(w): row.next_change_us[w.name] for w in self.plan.windows}
        windows |= {empty_at_field(w): row.empty_at_us[w.name] for w in self.plan.windows}
        return {
            **decode_key(self.plan.entity, key),
            "generation": 1,
            "clock": row.clock_us,
            "n": row.n,
            "event_time": row.event_time_us,
            "ingested_at": row.ingested_at_ms,
            "computed_at": row.ingested_at_ms,
            "cause": "EVENT",
            **windows,
            **row.values,
        }

    def stored(self, fields: dict[str, Any]) -> bytes:
        """The row as the online store has it."""
        body = io.BytesIO()
        schemaless_writer(body, parse_schema(without_logical_types(self.plan.log.schema_)), fields)
        version = struct.pack(">3Q", fields["generation"], fields["clock"], fields["n"])
        return version + struct.pack(">bI", 0, SCHEMA_ID) + body.getvalue()

    def write(self, key: bytes, fields: dict[str, Any]) -> None:
        """Set the row online, without a fence."""
        self.client.set(self.name(key), self.stored(fields))

    def name(self, key: bytes) -> bytes:
        partition = partition_of(key, self.plan.log.partitions)
        return partition_keys(self.plan.view, self.plan.generation, partition).row_prefix + key

    def key(self, customer: str) -> bytes:
        return encode_key(self.plan.entity, {"customer_id": customer})

    def change(self, customer: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Change what stands online of a customer."""
        stored: Any = self.client.get(self.name(self.key(customer)))
        schema = parse_schema(without_logical_types(self.plan.log.schema_))
        fields: Any = schemaless_reader(io.BytesIO(stored[29:]), schema, None)
        self.write(self.key(customer), fields | change(fields))

    def look(self) -> None:
        """All rows once, against the offline log."""
        self.offline_parity.take(self.online.read(self.online.sweep(1000)))
        self.offline_parity.check()

    def rows_told(self, against: str, outcome: str) -> float:
        labels = {"view": self.plan.view, "against": against, "outcome": outcome}
        return self.registry.get_sample_value("headwater_parity_rows_total", labels) or 0.0

    def features_told(self, against: str, outcome: str) -> set[str]:
        """Features of which a value agreed or differed."""
        name = f"headwater_parity_{outcome}_total"
        return {
            sample.labels["feature"]
            for family in self.registry.collect()
            for sample in family.samples
            if sample.name == name and sample.labels["against"] == against and sample.value
        }


def make_watch_lab(lab: ComputeLab, redis_url: str, directory: Path) -> WatchLab:
    """The stores of a compute lab's view, without its job."""
    settings = Settings(
        kafka_bootstrap_servers=lab.broker.bootstrap_servers,
        registry_url=lab.registry.url,
        redis_url=SecretStr(redis_url),
        offline_root=str(directory / "offline"),
        watch_reference_bytes_per_second=2**30,
    )
    return WatchLab(settings, lab.plan, lab.schema, lab.schema_id, Redis.from_url(redis_url))
