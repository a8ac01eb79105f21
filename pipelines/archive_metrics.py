"""What the archive tells of itself at /metrics, and the watch that keeps its lag current while it is busy or waits."""

from __future__ import annotations

import threading
from collections.abc import Mapping

from confluent_kafka import IsolationLevel, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from headwater.pipelines.archive_conditions import ArchiveConditions
from headwater.pipelines.backoff import Dependency, StopRequested
from headwater.pipelines.security.kafka_trouble import told
from headwater.pipelines.settings import Settings, client_properties
from headwater.schemas.errors import BrokerError
from headwater.schemas.plan import Plan

WATCH_SECONDS = 2.0
_REQUEST_SECONDS = 5.0
_FLUSH_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0)


class ArchiveMetrics:
    """The archive's metrics of one view; those by partition start at the view's partitions."""

    def __init__(self, plan: Plan, registry: CollectorRegistry) -> None:
        def counter(name: str, text: str) -> Counter:
            return Counter(f"headwater_{name}", text, ["view"], registry=registry).labels(plan.view)

        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"headwater_{name}", text, ["view"], registry=registry).labels(plan.view)

        def by_partition(name: str, text: str) -> dict[int, Gauge]:
            family = Gauge(f"headwater_{name}", text, ["view", "partition"], registry=registry)
            return {partition: family.labels(plan.view, str(partition)) for partition in range(plan.log.partitions)}

        self.rows = counter("archive_rows", "Rows committed to the offline log.")
        self.files = counter("archive_files", "Parquet files added to the offline log.")
        self.fenced = counter("archive_fenced", "Batches dropped because another writer had moved the table.")
        self.gap_rows = counter(
            "archive_gap_rows",
            "Offsets that the broker deleted before they were archived: at most so many rows are missing.",
        )
        self.in_hand = gauge("archive_rows_in_hand", "Rows read and not yet committed to the offline log.")
        self.last_flush = gauge(
            "archive_last_flush_timestamp_seconds", "When rows were last committed; 0 before the first."
        )
        self.store_unavailable = gauge(
            "offline_store_unavailable", "1 while the offline store cannot be read or written."
        )
        self.store_failures = Counter(
            "headwater_offline_store_failures",
            "Failed attempts to read or write the offline store, by cause; each is followed by another.",
            ["view", "cause"],
            registry=registry,
        )
        self.log_unavailable = gauge("archive_log_unavailable", "1 while the broker does not say where the log ends.")
        self.lag = by_partition(
            "archive_lag_rows",
            "Offsets of committed transactions that are not in the offline log: at most so many rows.",
        )
        self.open_transaction = by_partition(
            "archive_open_transaction_rows",
            "Offsets behind the start of the oldest open transaction: not to be read yet.",
        )
        self.flush_seconds: Histogram = Histogram(
            "headwater_archive_flush_seconds",
            "Seconds from the decision to flush until the commit, waiting for the store included.",
            ["view"],
            registry=registry,
            buckets=_FLUSH_BUCKETS,
        ).labels(plan.view)


class LagWatch(threading.Thread):
    """Asks the broker every two seconds where the log ends, and sets the metrics that follow from it.

    A thread of its own, since these are needed most while the archive waits for something.
    """

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        archived: Mapping[int, int],
        metrics: ArchiveMetrics,
        conditions: ArchiveConditions,
        stop: threading.Event,
    ) -> None:
        """
        Args:
            archived: per partition the offset up to which nothing is missing from the offline log; read anew each time.
        """
        super().__init__(name="lag-watch", daemon=True)
        self._settings = settings
        self._admin = _admin(settings)
        self._places = [TopicPartition(plan.log.topic, partition) for partition in range(plan.log.partitions)]
        self._archived = archived
        self._metrics = metrics
        self._conditions = conditions
        self._stop_requested = stop
        self._broker = Dependency(
            "broker", stop, (BrokerError,), on_change=lambda there: metrics.log_unavailable.set(0 if there else 1)
        )

    def run(self) -> None:
        """Watch until stop is set."""
        try:
            while not self._stop_requested.is_set():
                self._broker.call(self._look)
                self._stop_requested.wait(WATCH_SECONDS)
        except StopRequested:
            return

    def _look(self) -> None:
        stable = self._ends(IsolationLevel.READ_COMMITTED)
        high = self._ends(IsolationLevel.READ_UNCOMMITTED)
        for partition, archived in dict(self._archived).items():
            self._metrics.lag[partition].set(max(0, stable[partition] - archived))
            self._metrics.open_transaction[partition].set(max(0, high[partition] - stable[partition]))
            self._conditions.ends(partition, archived=archived, stable=stable[partition], end=high[partition])

    def _ends(self, isolation: IsolationLevel) -> dict[int, int]:
        wanted = {place: OffsetSpec.latest() for place in self._places}  # type: ignore[no-untyped-call]
        found = self._admin.list_offsets(wanted, isolation_level=isolation, request_timeout=_REQUEST_SECONDS)
        try:
            return {place.partition: answer.result().offset for place, answer in found.items()}
        except KafkaException as error:
            why = told(error.args[0], self._admin)
            # A client that knew the partitions before the broker restarted would ask with their old epoch for minutes.
            self._admin = _admin(self._settings)
            raise BrokerError(f"the ends of {self._places[0].topic} cannot be read: {why}") from error


def _admin(settings: Settings) -> AdminClient:
    return AdminClient({**client_properties(settings), "log_level": 0})
