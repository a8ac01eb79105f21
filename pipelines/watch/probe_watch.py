"""Sends a view's synthetic event now and then, and measures when a reader sees it."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Iterable

import structlog
from confluent_kafka import KafkaException, Producer
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headwater.operators.freshness import BUCKETS_SECONDS
from headwater.operators.reading import micros
from headwater.operators.reference_events import EventReader, SourceRecord
from headwater.operators.view_state import patience_ms
from headwater.pipelines.reader import OnlineReader
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings, client_properties
from headwater.schemas.contracts.reconcile import RegisteredVersion
from headwater.schemas.dead_letter import Reason
from headwater.schemas.errors import BrokerError, DeclarationError, Mistake, RegistryError
from headwater.schemas.keys import KeyValue, decode_key
from headwater.schemas.plan import Plan, ProbePlan
from headwater.schemas.probes import encoded_probe

POLL_SECONDS = 0.02
DELIVERY_SECONDS = 10.0
MOST_UNSEEN = 1_000

_FRAME = struct.Struct(">bI")

_log = structlog.get_logger(__name__)


class ProbeMetrics(Collector):
    """How long probes take to be seen, and how long the oldest has waited that is not; for views that have one."""

    def __init__(self, plan: Plan, registry: CollectorRegistry) -> None:
        self._view = plan.view
        self._patience_seconds = patience_ms(plan.freshness_objective_ms) / 1000
        self._waiting_since: float | None = None
        self.sent: Counter = Counter(
            "headwater_probe_sent", "Synthetic events that were sent.", ["view"], registry=registry
        ).labels(plan.view)
        self.seen: Histogram = Histogram(
            "headwater_probe_seen_seconds",
            "Time from a synthetic event until a reader of the online store saw it.",
            ["view"],
            registry=registry,
            buckets=BUCKETS_SECONDS,
        ).labels(plan.view)
        registry.register(self)

    def waiting(self, since: float | None) -> None:
        """The oldest event that is not seen was sent then, on the wall clock; None if all are."""
        self._waiting_since = since

    def waits_too_long(self) -> bool:
        """Whether an event has not been seen for longer than a view may take before it counts as stuck."""
        return self._waiting_seconds() > self._patience_seconds

    def collect(self) -> Iterable[Metric]:
        """For how long an event has waited; called by the metrics endpoint."""
        family = GaugeMetricFamily(
            "headwater_probe_waiting_seconds",
            "Time since the oldest synthetic event was sent that no reader has seen; 0 if all were.",
            labels=("view",),
        )
        family.add_metric((self._view,), self._waiting_seconds())
        yield family

    def _waiting_seconds(self) -> float:
        since = self._waiting_since
        return 0.0 if since is None else max(0.0, time.time() - since)


class ProbeWatch:
    """The probe of one view; events go to the partitions of its topic in turn."""

    def __init__(
        self, settings: Settings, plan: Plan, probe: ProbePlan, metrics: ProbeMetrics, stop: threading.Event
    ) -> None:
        self._plan = plan
        self._probe = probe
        self._source = plan.sources[probe.source]
        self._metrics = metrics
        self._stop = stop
        self._registry = Registry(settings)
        self._producer = Producer({"log_level": 0, **client_properties(settings), "linger.ms": 0})
        self._reader = OnlineReader(settings, plan.view)
        self._schema: RegisteredVersion | None = None
        self._key: dict[str, KeyValue] = {}
        self._turn = 0
        self._unseen_us: list[int] = []

    def run(self) -> None:
        """Send and wait until stop is set.

        Raises:
            DependencyError: a service cannot be used.
            DeclarationError: the event is none that the view counts.
        """
        next_at = time.monotonic()
        while not self._stop.wait(POLL_SECONDS):
            if time.monotonic() >= next_at:
                next_at = time.monotonic() + self._probe.every_ms / 1000
                self._send()
            if self._unseen_us:
                self._look()

    def _send(self) -> None:
        schema = self._schema = self._schema or self._newest_schema()
        at_us = time.time_ns() // 1_000_000 * 1000  # what an event time in milliseconds can say
        value = _FRAME.pack(0, schema.schema_id) + self._body(schema, at_us)
        self._key = self._key or self._key_of(value, schema)
        if len(self._unseen_us) < MOST_UNSEEN:
            self._unseen_us.append(at_us)
        self._metrics.waiting(self._unseen_us[0] / 1e6)
        self._produce(value)
        self._metrics.sent.inc()

    def _look(self) -> None:
        (row,) = self._reader.get_many([self._key])
        now = time.time()
        if row.event_time is None:
            return
        newest_us = micros(row.event_time)
        for at_us in self._unseen_us:
            if at_us <= newest_us:
                self._metrics.seen.observe(now - at_us / 1e6)
        self._unseen_us = [at_us for at_us in self._unseen_us if at_us > newest_us]
        self._metrics.waiting(self._unseen_us[0] / 1e6 if self._unseen_us else None)

    def _produce(self, value: bytes) -> None:
        problems: list[str] = []
        topic = self._source.topic
        try:
            partitions = self._producer.list_topics(topic, DELIVERY_SECONDS).topics[topic].partitions
            self._producer.produce(
                topic,
                value,
                partition=self._turn % max(1, len(partitions)),
                on_delivery=lambda error, _: problems.append(error.str()) if error else None,
            )
            if self._producer.flush(DELIVERY_SECONDS):
                problems.append("the broker does not answer")
        except (KafkaException, BufferError) as error:
            problems.append(str(error))
        if problems:
            raise BrokerError(f"a probe cannot be sent to {topic}: {problems[0]}")
        self._turn += 1

    def _newest_schema(self) -> RegisteredVersion:
        versions = self._registry.subject(self._source.subject).versions
        if not versions:
            raise RegistryError(f"{self._registry.url} has no schema of {self._source.subject}: register it")
        return versions[-1]

    def _body(self, schema: RegisteredVersion, at_us: int) -> bytes:
        try:
            return encoded_probe(self._probe, self._source, schema.schema, at_us)
        except ValueError as error:
            raise self._mistake(f"does not fit version {schema.number} of {self._source.subject}: {error}") from error

    def _key_of(self, value: bytes, schema: RegisteredVersion) -> dict[str, KeyValue]:
        """The entity that the event is of, as the job will find it."""
        reader = EventReader(self._plan, lambda _: schema.schema)
        found = reader.read(self._probe.source, SourceRecord(value, time.time_ns() // 1_000_000, 0, 0))
        if isinstance(found, Reason):
            raise self._mistake(f"would become a dead letter: {found}")
        if len(found) != 1:
            raise self._mistake(f"is {len(found)} events of the view: a `where` keeps it out, or an array is exploded")
        return decode_key(self._plan.entity, found[0][0])

    def _mistake(self, what: str) -> DeclarationError:
        mistake = Mistake("", what, "mend the probe's event", view=self._plan.view, place="probe.event")
        return DeclarationError((mistake,))
