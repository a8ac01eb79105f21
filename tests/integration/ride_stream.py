"""A view that the project does not ship, and a seeded stream for it: shuffled, late, repeated keys, and poison."""

from __future__ import annotations

import io
import json
import random
import struct
import time
from collections import Counter
from pathlib import Path
from typing import Any

from confluent_kafka import Producer
from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from fastavro import parse_schema, schemaless_writer

from headwater.schemas.dead_letter import Reason

TOPIC = "taxi.rides"
SUBJECT = f"{TOPIC}-value"
VIEW = "driver_rides"
SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Ride",
    "namespace": "taxi",
    "fields": [
        {"name": "ride", "type": "long"},
        {"name": "driver", "type": ["null", "string"]},
        {"name": "city", "type": {"type": "record", "name": "City", "fields": [{"name": "id", "type": "int"}]}},
        {"name": "ended", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "fare", "type": ["null", "double"]},
        {"name": "stops", "type": "int"},
        {"name": "tariff", "type": {"type": "enum", "name": "Tariff", "symbols": ["DAY", "NIGHT"]}},
    ],
}
VIEWS = """
from headwater.schemas import *

rides = EventSource(topic="taxi.rides", key=["driver", "city.id"], event_time="ended", allowed_skew="5s")
driver_rides = FeatureView(
    name="driver_rides",
    source=rides,
    entity=["driver", "city_id"],
    features=[
        count_events(over=["30s", "10m", "24h"]),
        count_of("fare", over="10m"),
        sum_of("fare", over=["10m", "24h"]),
        sum_of("stops", over="24h"),
        mean_of("fare", over="10m"),
        stddev_of("fare", over="24h"),
        min_of("fare", over="24h"),
        max_of("stops", over="24h"),
        first_of("tariff", over="24h"),
        last_of("fare", over="10m"),
    ],
    owner="tests",
    description="What a driver has done lately.",
)
"""
UNKNOWN_SCHEMA_ID = 987_654
DAY_US = 86_400_000_000


def write_view(directory: Path) -> Path:
    """The view's file and its schema in a directory of their own."""
    schema = directory / "subjects" / SUBJECT / "v1.avsc"
    schema.parent.mkdir(parents=True)
    schema.write_text(json.dumps(SCHEMA))
    (directory / "rides.py").write_text(VIEWS)
    return directory


class RideStream:
    """Sends rides of many drivers to random partitions, and counts what it sends."""

    def __init__(self, bootstrap_servers: str, registry_url: str, *, seed: int, drivers: int) -> None:
        with SchemaRegistryClient({"url": registry_url}) as registry:
            self._frame = struct.pack(">bI", 0, registry.register_schema(SUBJECT, Schema(json.dumps(SCHEMA))))
        self._schema = parse_schema(SCHEMA)
        self._producer = Producer({"bootstrap.servers": bootstrap_servers, "linger.ms": 5})
        self._random = random.Random(seed)
        self._drivers = drivers
        self.sent = 0
        self.poison: Counter[Reason] = Counter()

    def send(self, count: int) -> None:
        """Rides of any order: most of the last minutes, 5 % up to twelve hours late, 1 % older than every window."""
        for _ in range(count):
            chance, now_us = self._random.random(), time.time_ns() // 1000
            if chance < 0.01:
                ago_us = 2 * DAY_US + self._random.randrange(DAY_US)
            elif chance < 0.06:
                ago_us = self._random.randrange(DAY_US // 2)
            else:
                ago_us = int(self._random.expovariate(1 / 2_000_000))
            self._produce(self.ride(ended=now_us - ago_us))
        self._producer.flush(30)

    def send_poison(self) -> None:
        """One record of each kind that is no event."""
        good = self.ride(ended=time.time_ns() // 1000)
        for value, reason in [
            (None, Reason.NULL_VALUE),
            (b"", Reason.BAD_MAGIC),
            (b'{"ride": 1}', Reason.BAD_MAGIC),
            (good[:4], Reason.TRUNCATED),
            (good[:-3], Reason.TRUNCATED),
            (good + b"!", Reason.TRAILING_BYTES),
            (struct.pack(">bI", 0, UNKNOWN_SCHEMA_ID) + good[5:], Reason.UNKNOWN_SCHEMA),
            (self._frame + b"\x02\x02" + b"\xff" * 9 + b"\x01", Reason.MALFORMED),
            (self.ride(driver=None), Reason.MISSING_KEY),
            (self.ride(driver=""), Reason.MISSING_KEY),
            (self.ride(driver="d" * 70_000), Reason.KEY_TOO_LONG),
            (self.ride(ended=-1), Reason.EVENT_TIME_OUT_OF_RANGE),
            (self.ride(ended=time.time_ns() // 1000 + 3_600_000_000), Reason.FUTURE_EVENT),
            (self.ride(fare=float("nan")), Reason.NOT_FINITE),
            (self.ride(fare=float("-inf")), Reason.NOT_FINITE),
            (b"x" * 900_000, Reason.BAD_MAGIC),
        ]:
            self._produce(value)
            self.poison[reason] += 1
        self._producer.flush(30)

    def ride(self, **given: Any) -> bytes:
        """A ride's framed bytes."""
        chance = self._random
        ride = {
            "ride": self.sent,
            "driver": f"driver-{chance.randrange(self._drivers)}",
            "city": {"id": chance.randrange(3)},
            "ended": time.time_ns() // 1000,
            "fare": None if chance.random() < 0.1 else round(chance.uniform(-5, 90), 2),
            "stops": chance.randrange(6),
            "tariff": chance.choice(["DAY", "NIGHT"]),
            **given,
        }
        buffer = io.BytesIO()
        buffer.write(self._frame)
        schemaless_writer(buffer, self._schema, ride)
        return buffer.getvalue()

    def _produce(self, value: bytes | None) -> None:
        self._producer.produce(TOPIC, value)
        self._producer.poll(0)
        self.sent += 1
