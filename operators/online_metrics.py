"""What a materializer tells of itself: counts of rows, lag, heartbeats, and the state of its view."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headwater.operators.clock_difference import ClockDifference
from headwater.operators.conditions import Conditions, MinuteRate
from headwater.operators.freshness import Freshness
from headwater.operators.view_state import ViewState, view_state
from headwater.schemas.plan import Plan


@dataclass(frozen=True, slots=True)
class PartitionStatus:
    """How one partition stands: its heartbeat, how many rows wait, and since when none was read (None: none wait)."""

    as_of_ms: int | None
    lag_rows: int
    waiting_since_ms: float | None


@dataclass(frozen=True, slots=True)
class OnlineLimits:
    """From where on lag and fencing are worth a ticket."""

    behind_rows: int
    behind_seconds: float
    fenced_rows_per_minute: int


def _count(doc: str) -> int:
    return field(default=0, metadata={"doc": doc})


@dataclass(slots=True)
class Counts:
    """What became of the records of the log since the process started; each is exported as a counter."""

    rows_written: int = _count("Rows that were written to the online store.")
    rows_fenced: int = _count("Rows that the store already had, or newer.")
    rows_coalesced: int = _count("Rows that a newer one of the same key in the same batch made needless.")
    rows_expired: int = _count("Rows that were past their expiry when they were read.")
    batches_refused: int = _count("Batches that were refused because the store held another offset.")
    records_ignored: int = _count("Records that are neither rows nor heartbeats.")


class OnlineMetrics(Collector):
    """The metrics of one view's materializer; register it once, then count and report."""

    def __init__(self, plan: Plan, registry: CollectorRegistry, limits: OnlineLimits) -> None:
        self._limits = limits
        self._fenced = MinuteRate()
        self._view = plan.view
        self._objective_ms = plan.freshness_objective_ms
        self._started_ms = int(_now_ms())
        self._lock = threading.Lock()
        self._partitions: dict[int, PartitionStatus] = {}
        self.freshness = Freshness(plan.view, [feature.name for feature in plan.features])

        self.clock = ClockDifference()
        self.counts = Counts()
        self.store_available = True
        registry.register(self.freshness)
        registry.register(self)
        conditions = Conditions(plan.view, "materialize", registry)
        conditions.check("no_events", lambda: self.state(_now_ms()) is ViewState.NO_EVENTS)
        conditions.check("stuck", lambda: self.state(_now_ms()) is ViewState.STUCK)
        conditions.check("online_store_unavailable", lambda: not self.store_available)
        conditions.check("online_store_behind", self._is_behind)
        conditions.check("clock_skewed", lambda: self.clock.is_large)
        conditions.check("rows_fenced", lambda: self._fenced.grown() > limits.fenced_rows_per_minute)

    def report(self, partitions: Mapping[int, PartitionStatus]) -> None:
        """Say how the partitions of this process stand now; those that are left out are no longer its own."""
        self._fenced.observe(self.counts.rows_fenced)
        with self._lock:
            self._partitions = dict(partitions)

    def state(self, now_ms: float) -> ViewState:
        """The state of the view as far as this process's partitions tell."""
        partitions = self._snapshot().values()
        return view_state(
            now_ms,
            heartbeats_as_of_ms=[partition.as_of_ms for partition in partitions],
            # Of what was there before this process began it knows nothing, and claims nothing.
            newest_ingested_ms=max(self._started_ms, self.freshness.newest_ingested_ms or 0),
            stalled_ms=max(
                (now_ms - p.waiting_since_ms for p in partitions if p.waiting_since_ms is not None), default=0.0
            ),
            freshness_objective_ms=self._objective_ms,
            store_available=self.store_available,
            looking_ms=now_ms - self._started_ms,
        )

    def collect(self) -> Iterable[Metric]:
        """Lag, heartbeats and state; called by the metrics endpoint."""
        now_ms = _now_ms()
        lag = GaugeMetricFamily(
            "headwater_log_lag_rows", "Records of the feature log that wait to be read.", labels=("view", "partition")
        )
        age = GaugeMetricFamily(
            "headwater_heartbeat_age_seconds",
            "Now minus the wall time up to which the partition is known to be complete.",
            labels=("view", "partition"),
        )
        for number, status in self._snapshot().items():
            lag.add_metric((self._view, str(number)), status.lag_rows)
            if status.as_of_ms is not None:
                age.add_metric((self._view, str(number)), (now_ms - status.as_of_ms) / 1000)
        state = GaugeMetricFamily(
            "headwater_view_state",
            "1 on the state that the view is in; starting: until heartbeats could have come.",
            labels=("view", "state"),
        )
        current = self.state(now_ms)
        for candidate in ViewState:
            state.add_metric((self._view, candidate.value), float(candidate is current))
        yield from (lag, age, state)
        unavailable = GaugeMetricFamily(
            "headwater_online_store_unavailable", "1 while the online store cannot be used.", labels=("view",)
        )
        unavailable.add_metric((self._view,), float(not self.store_available))
        yield unavailable
        difference = GaugeMetricFamily(
            "headwater_clock_difference_seconds",
            "This process's clock minus the job's, with what a heartbeat takes on its way.",
            labels=("view",),
        )
        if self.clock.seconds is not None:
            difference.add_metric((self._view,), self.clock.seconds)
        yield difference
        for count in fields(self.counts):
            family = CounterMetricFamily(f"headwater_online_{count.name}", count.metadata["doc"], labels=("view",))
            family.add_metric((self._view,), getattr(self.counts, count.name))
            yield family

    def _is_behind(self) -> bool:
        longest_ms = self._limits.behind_seconds * 1000
        return any(
            partition.lag_rows > self._limits.behind_rows
            or (
                partition.lag_rows > 0
                and partition.as_of_ms is not None
                and _now_ms() - partition.as_of_ms > longest_ms
            )
            for partition in self._snapshot().values()
        )

    def _snapshot(self) -> dict[int, PartitionStatus]:
        with self._lock:
            return self._partitions


def _now_ms() -> float:
    return time.time() * 1000
