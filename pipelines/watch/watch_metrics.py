"""What the watching process tells of one view: how much was compared, what agreed, and whether it still looks."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Literal, get_args

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headwater.operators.row_agreement import Agreement
from headwater.schemas.plan import Plan

Against = Literal["offline", "reference"]
Outcome = Literal["agreed", "disagreed", "undecided", "unmatched"]
Task = Literal["rows", "reference", "probe"]


class ParityMetrics(Collector):
    """Counts of compared rows and features; told from the threads that compare, read by the metrics endpoint."""

    def __init__(self, plan: Plan, registry: CollectorRegistry) -> None:
        self._view = plan.view
        self._features = tuple(feature.name for feature in plan.features)
        self._lock = threading.Lock()
        self._rows: Counter[tuple[Against, Outcome]] = Counter()
        self._of_features: Counter[tuple[Against, str, Agreement]] = Counter()
        self._checked_at = dict.fromkeys(get_args(Against), time.time())
        self._disagreed_at = 0.0
        self._failures: Counter[Task] = Counter(dict.fromkeys(get_args(Task), 0))
        self._scans: Counter[str] = Counter({"finished": 0, "abandoned": 0})
        self._scanned_bytes = 0
        registry.register(self)

    def compared(self, against: Against, outcome: Outcome, features: Mapping[str, Agreement] | None = None) -> None:
        """A row was compared, or could not be; `features` did not agree, the others did; None: none was looked at."""
        with self._lock:
            self._rows[against, outcome] += 1
            if outcome in ("agreed", "disagreed"):
                self._checked_at[against] = time.time()
            if outcome == "disagreed":
                self._disagreed_at = time.time()
            if features is not None:
                for name in self._features:
                    self._of_features[against, name, features.get(name, Agreement.AGREED)] += 1

    def nothing_to_compare(self, against: Against) -> None:
        """There is no row: that counts as a check."""
        with self._lock:
            self._checked_at[against] = time.time()

    def failed(self, task: Task) -> None:
        """A task could not go on, and will try again."""
        with self._lock:
            self._failures[task] += 1

    def scanned(self, outcome: Literal["finished", "abandoned"], read_bytes: int) -> None:
        """One passage over the event topics is over."""
        with self._lock:
            self._scans[outcome] += 1
            self._scanned_bytes += read_bytes

    def seconds_since_disagreement(self) -> float:
        """Since a row last disagreed; infinite if none did since the process began."""
        return time.time() - self._disagreed_at if self._disagreed_at else float("inf")

    def seconds_since_check(self, against: Against) -> float:
        """Since a row was last compared, there was none to compare, or the process began."""
        return time.time() - self._checked_at[against]

    def collect(self) -> Iterable[Metric]:
        """The metrics; called by the metrics endpoint."""
        with self._lock:
            rows, of_features = dict(self._rows), dict(self._of_features)
            failures, scans, scanned_bytes = dict(self._failures), dict(self._scans), self._scanned_bytes
        yield self._row_counts(rows)
        for agreement, text in (
            (Agreement.AGREED, "Values that were compared and agreed."),
            (Agreement.DISAGREED, "Values that were compared and differed by more than their aggregate allows."),
            (Agreement.UNDECIDED, "Values that differed where no bound can be told without the events."),
        ):
            family = CounterMetricFamily(f"headwater_parity_{agreement}", text, labels=("view", "feature", "against"))
            for against in get_args(Against):
                for name in self._features:
                    family.add_metric((self._view, name, against), of_features.get((against, name, agreement), 0))
            yield family
        age = GaugeMetricFamily(
            "headwater_parity_age_seconds",
            "Time since a row was last compared, there was none to compare, or the process began.",
            labels=("view", "against"),
        )
        for against in get_args(Against):
            age.add_metric((self._view, against), self.seconds_since_check(against))
        yield age
        yield self._counts("parity_scans", "Passages over the event topics.", "outcome", scans)
        scanned = CounterMetricFamily(
            "headwater_parity_scanned_bytes", "Bytes of events that were read to compare rows.", labels=("view",)
        )
        scanned.add_metric((self._view,), scanned_bytes)
        yield scanned
        yield self._counts("watch_failures", "Times that a task could not go on and tried again.", "task", failures)

    def _row_counts(self, rows: Mapping[tuple[Against, Outcome], int]) -> Metric:
        family = CounterMetricFamily(
            "headwater_parity_rows",
            "Online rows that were compared, or could not be, by outcome.",
            labels=("view", "against", "outcome"),
        )
        for against in get_args(Against):
            for outcome in get_args(Outcome):
                family.add_metric((self._view, against, outcome), rows.get((against, outcome), 0))
        return family

    def _counts(self, name: str, text: str, label: str, counts: Mapping[Any, int]) -> Metric:
        family = CounterMetricFamily(f"headwater_{name}", text, labels=("view", label))
        for value, count in counts.items():
            family.add_metric((self._view, value), count)
        return family
