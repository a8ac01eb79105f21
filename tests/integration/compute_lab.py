"""What the tests of the compute job share: purchases to produce, the job as a process, and what comes out of it."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import fastavro
import httpx
from confluent_kafka import Consumer, Producer, TopicPartition

from headwater.operators.reference import ReferenceEvent, row_at
from headwater.operators.reference_events import EventReader, SourceRecord
from headwater.operators.reference_exactness import same_value
from headwater.operators.reference_windows import events_in
from headwater.pipelines.contracts import find_contract
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import FlinkCluster
from headwater.pipelines.stack.registry import Registry
from headwater.pipelines.stack.sources import create_source_topics, register_contract
from headwater.schemas import (
    EventSource,
    FeatureView,
    count_events,
    last_of,
    max_of,
    mean_of,
    stddev_of,
    sum_of,
    variance_of,
)
from headwater.schemas.compile import compile_view
from headwater.schemas.dead_letter import DEAD_LETTER_SCHEMA
from headwater.schemas.feature_log import HEARTBEAT_HEADER_NAME, ROW_HEADER_NAME, Heartbeat, RowHeader
from headwater.schemas.keys import encode_key
from headwater.schemas.plan import Plan
from tests.waiting import wait_until

RUN_COMPUTE = """
import sys
from pathlib import Path
from headwater.pipelines.compute import run
from headwater.pipelines.settings import load_settings
from headwater.schemas.keys import encode_key
from headwater.schemas.plan import Plan
run(load_settings(), Plan.from_json(Path(sys.argv[1]).read_bytes()))
"""

SCHEMAS = Path(__file__).resolve().parents[2] / "schemas"
WINDOWS = ["1m", "5m", "1h", "6h", "24h"]
PARTITIONS = 3


@dataclass(frozen=True)
class ComputeLab:
    """A view of its own topics on the session's stack."""

    broker: Broker
    registry: Registry
    flink: FlinkCluster
    directory: Path
    plan: Plan
    schema: dict[str, Any]
    schema_id: int
    other_writers: Mapping[int, dict[str, Any]] = field(default_factory=dict)
    """Schemas by which events are written beside that one."""

    @property
    def topic(self) -> str:
        return self.plan.sources[0].topic

    @property
    def job_name(self) -> str:
        return f"headwater-{self.plan.view}-g{self.plan.generation}"

    @contextmanager
    def job(self, **settings: object) -> Iterator[ComputeProcess]:
        """The compute process with a job that runs; it is asked to stop in the end."""
        process = self.start(**settings)
        try:
            wait_until(lambda: process.has_died() or self.running(), 120, "the job to run")
            assert not process.has_died(), process.output()
            yield process
        finally:
            process.stop()

    def start(self, **settings: object) -> ComputeProcess:
        """The compute process, which has only begun."""
        plan_file = self.directory / f"{self.plan.view}.plan.json"
        plan_file.write_text(self.plan.canonical_json())
        given = {
            "kafka_bootstrap_servers": self.broker.bootstrap_servers,
            "registry_url": self.registry.url,
            "flink_rest_url": self.flink.rest_url,
            "checkpoint_dir": (self.directory / "checkpoints").as_uri(),
            "checkpoint_interval_ms": 2_000,
            "unknown_schema_wait_ms": 1_000,
            "log_format": "json",
            **settings,
        }
        environment = {
            **os.environ,
            **self.flink.environment,
            **{f"HEADWATER_{name.upper()}": str(value) for name, value in given.items()},
            "PYTHONPATH": os.pathsep.join(sys.path),
            "JVM_ARGS": "-Xmx160m -XX:+UseSerialGC -XX:TieredStopAtLevel=1",
        }
        log = self.directory / f"{self.plan.view}.compute.log"
        with log.open("ab") as output:
            command = (sys.executable, "-c", RUN_COMPUTE, str(plan_file))
            return ComputeProcess(subprocess.Popen(command, env=environment, stdout=output, stderr=output), log)

    def job_ids(self, *states: str) -> list[str]:
        """The view's jobs that are in one of the states."""
        jobs = httpx.get(f"{self.flink.rest_url}/jobs/overview").raise_for_status().json()["jobs"]
        return [job["jid"] for job in jobs if job["name"] == self.job_name and job["state"] in states]

    def running(self) -> bool:
        """Whether all tasks of the view's job run."""
        ids = self.job_ids("RUNNING")
        if not ids:
            return False
        tasks = httpx.get(f"{self.flink.rest_url}/jobs/{ids[0]}").json()["vertices"]
        return all(task["status"] == "RUNNING" for task in tasks)

    def frame(self, **fields: object) -> bytes:
        """A purchase in the Confluent wire format."""
        return frame(self.schema_id, self.schema, purchase(**fields))

    def produce(self, values: Iterable[bytes | None], partition: int | Callable[[int], int] = 0) -> None:
        """Writes the values to the event topic, with the broker's time as their timestamp."""
        producer = Producer({"bootstrap.servers": self.broker.bootstrap_servers, "linger.ms": 1})
        for number, value in enumerate(values):
            target = partition if isinstance(partition, int) else partition(number)
            producer.produce(self.topic, value, partition=target)
            producer.poll(0)
        assert producer.flush(30) == 0

    def log(self, *, committed: bool = True) -> LogContent:
        """What stands in the feature log now."""
        content = LogContent({}, {}, [])
        for message in read(self.broker.bootstrap_servers, self.plan.log.topic, committed=committed):
            headers: Mapping[str, bytes] = dict(message.headers())
            if HEARTBEAT_HEADER_NAME in headers:
                content.heartbeats.append((message.partition(), Heartbeat.unpack(headers[HEARTBEAT_HEADER_NAME])))
            else:
                row = unframe(message.value(), self.plan.log.schema_)
                header = RowHeader.unpack(headers[ROW_HEADER_NAME])
                content.rows.setdefault(message.key(), []).append((header, row))
                content.partitions.setdefault(message.key(), set()).add(message.partition())
        return content

    def reference_events(self) -> dict[bytes, list[ReferenceEvent]]:
        """The valid events of every key."""
        reader = EventReader(self.plan, {**self.other_writers, self.schema_id: self.schema}.get)
        found: dict[bytes, list[ReferenceEvent]] = {}
        for message in read(self.broker.bootstrap_servers, self.topic):
            record = SourceRecord(message.value(), message.timestamp()[1], message.partition(), message.offset())
            events = reader.read(0, record)
            assert isinstance(events, list)
            for key, event in events:
                found.setdefault(key, []).append(event)
        return found

    def check_row(self, seen: list[ReferenceEvent], header: RowHeader, row: dict[str, Any]) -> None:
        """Asserts that a row is the reference's over these events, at the clock that it says."""
        expected = row_at(self.plan, seen, header.clock_us)
        assert header.n == expected.n
        for feature in self.plan.features:
            value, wanted = row[feature.name], expected.values[feature.name]
            held = events_in(self.plan, self.plan.windows[feature.window], seen, header.clock_us)
            assert same_value(feature, wanted, value, held), (feature.name, wanted, value)

    def dead_letters(self, topic: str | None = None) -> list[dict[str, Any]]:
        """The committed dead letters."""
        topic = topic or self.plan.dead_letters.topic
        return [unframe(message.value(), DEAD_LETTER_SCHEMA) for message in read(self.broker.bootstrap_servers, topic)]


@dataclass
class LogContent:
    """Rows by key, each with its header, in the order of the log; where they stand; heartbeats with their partition."""

    rows: dict[bytes, list[tuple[RowHeader, dict[str, Any]]]]
    partitions: dict[bytes, set[int]]
    heartbeats: list[tuple[int, Heartbeat]]

    def newest(self, key: bytes) -> dict[str, Any]:
        """The row of the greatest version."""
        return max(self.rows[key], key=lambda row: row[0][:3])[1]


@dataclass
class ComputeProcess:
    """A compute process and its log."""

    process: subprocess.Popen[bytes]
    log: Path

    def has_died(self) -> bool:
        return self.process.poll() is not None

    def output(self) -> str:
        return self.log.read_text()

    def events(self) -> list[dict[str, Any]]:
        """Its log lines."""
        return [json.loads(line) for line in self.output().splitlines() if line.startswith("{")]

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.process.terminate()
        return self.process.wait(90)


def make_lab(
    broker: Broker, registry: Registry, flink: FlinkCluster, directory: Path, view: str, **source: Any
) -> ComputeLab:
    """The shop's view under another name, its event topic and its event schema."""
    topic = f"{view}.purchases"
    contract = find_contract("shop.purchases-value", [SCHEMAS])
    declared = EventSource(
        topic=topic,
        subject=f"{topic}-value",
        key="customer_id",
        event_time="purchased_at",
        **{"allowed_skew": "10s", **source},
    )
    features = [
        count_events(over=WINDOWS),
        sum_of("amount", over=WINDOWS),
        mean_of("amount", over=WINDOWS),
        max_of("amount", over=WINDOWS),
        stddev_of("amount", over=WINDOWS),
        last_of("item.category", over=WINDOWS, name="last_category"),
    ]
    made = FeatureView(name=view, source=declared, features=features, owner="tests", description="For a test.")
    schema = dict(contract.newest)
    (schema_id,) = register_contract(registry.url, type(contract)(f"{topic}-value", contract.files, contract.schemas))
    create_source_topics(broker.bootstrap_servers, [topic], PARTITIONS)
    return ComputeLab(broker, registry, flink, directory, compile_view(made, schema), schema, schema_id)


def with_features(lab: ComputeLab, *features: Any) -> ComputeLab:
    """The same view with other features."""
    source = EventSource(
        topic=lab.topic,
        subject=f"{lab.topic}-value",
        key="customer_id",
        event_time="purchased_at",
        allowed_skew="10s",
    )
    view = FeatureView(
        name=lab.plan.view, source=source, features=list(features), owner="tests", description="For a test."
    )
    return replace(lab, plan=compile_view(view, lab.schema))


def with_fewer_and_others(lab: ComputeLab) -> ComputeLab:
    """The same view with fewer features in another order, and others that its state has all for."""
    return with_features(
        lab,
        last_of("item.category", over=WINDOWS, name="last_category"),
        variance_of("amount", over=WINDOWS),
        count_events(over=WINDOWS),
        sum_of("amount", over=WINDOWS, name="spent"),
    )


def key_of(customer: str, lab: ComputeLab) -> bytes:
    """The customer's canonical key."""
    return encode_key(lab.plan.entity, {"customer_id": customer})


def purchase(**fields: object) -> dict[str, object]:
    """A valid purchase of this moment."""
    made: dict[str, object] = {
        "purchase_id": "p",
        "customer_id": "anna",
        "purchased_at": int(time.time() * 1000),
        "amount": 1.0,
        "quantity": 1,
        "discount": None,
        "item": {"sku": "s", "category": "BOOKS"},
    }
    return made | fields


def frame(schema_id: int, schema: Mapping[str, Any], record: Mapping[str, object]) -> bytes:
    """The record in the Confluent wire format."""
    buffer = io.BytesIO(struct.pack(">bI", 0, schema_id))
    buffer.seek(0, io.SEEK_END)
    fastavro.schemaless_writer(buffer, dict(schema), dict(record))
    return buffer.getvalue()


def unframe(value: bytes, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The record in a framed value, timestamps as integers."""
    plain = json.loads(json.dumps(schema).replace('"logicalType"', '"was"'))
    record: Any = fastavro.schemaless_reader(io.BytesIO(value[5:]), plain, None)
    return dict(record)


def read(bootstrap_servers: str, topic: str, *, committed: bool = True) -> Iterator[Any]:
    """All messages that stand in the topic now."""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap_servers,
            "group.id": f"tests-{os.getpid()}",
            "isolation.level": "read_committed" if committed else "read_uncommitted",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
        }
    )
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        left = set(partitions)
        while left:
            for message in consumer.consume(5_000, 1.0):
                if message.error() is None:
                    yield message
                else:
                    left.discard(message.partition())
    finally:
        consumer.close()
