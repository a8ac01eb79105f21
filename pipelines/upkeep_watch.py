"""The thread of the archive that looks after its files, beside the appends."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge

from headwater.pipelines.archive_conditions import ArchiveConditions
from headwater.pipelines.offline_upkeep import OfflineUpkeep, days_to_compact
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import OfflineStoreError
from headwater.schemas.plan import Plan

STEPS = ("compact", "vacuum", "clean_log")

_log = structlog.get_logger(__name__)


class UpkeepMetrics:
    """What the offline log's files are like, and what was last done for them."""

    def __init__(self, plan: Plan, registry: CollectorRegistry) -> None:
        def gauge(name: str, text: str) -> Gauge:
            return Gauge(f"headwater_offline_{name}", text, ["view"], registry=registry).labels(plan.view)

        def counter(name: str, text: str) -> Counter:
            return Counter(f"headwater_offline_{name}", text, ["view"], registry=registry).labels(plan.view)

        self.live_files = gauge("live_files", "Parquet files of the table's newest version, at the last look.")
        self.live_bytes = gauge("live_bytes", "Bytes of those files.")
        self.last_done = {
            "compact": gauge(
                "last_compaction_timestamp_seconds", "When files were last looked at, and merged if due; 0 before."
            ),
            "vacuum": gauge("last_vacuum_timestamp_seconds", "When old files were last deleted; 0 before."),
            "clean_log": gauge(
                "last_checkpoint_timestamp_seconds",
                "When upkeep last wrote a checkpoint and cleaned up old commits; 0 before.",
            ),
        }
        self.compacted_files = counter("compacted_files", "Small files that compaction has replaced.")
        self.vacuumed_files = counter("vacuumed_files", "Files that vacuum has deleted.")
        self.failures = Counter(
            "headwater_offline_upkeep_failures",
            "Steps of upkeep that failed and will be done again, by step and cause.",
            ["view", "step", "cause"],
            registry=registry,
        )


class UpkeepWatch(threading.Thread):
    """Compacts at every look, vacuums and cleans up now and then, until stop is set.

    A failed step is counted, said, and done again at the next look; appends do not wait for it. delta-rs lets other
    threads run while it works. The thread is a daemon: what the end of the process cuts off is as if it was killed.
    """

    def __init__(
        self,
        settings: Settings,
        plan: Plan,
        conditions: ArchiveConditions,
        registry: CollectorRegistry,
        stop: threading.Event,
    ) -> None:
        super().__init__(name="offline-upkeep", daemon=True)
        self._settings = settings
        self._plan = plan
        self._conditions = conditions
        self._metrics = UpkeepMetrics(plan, registry)
        self._upkeep = OfflineUpkeep(settings, plan)
        self._stop_requested = stop
        self._vacuum_due = time.monotonic()

    def run(self) -> None:
        """Look and work until stop is set."""
        while not self._stop_requested.wait(self._settings.offline_upkeep_seconds):
            self.look()

    def look(self) -> None:
        """One round: what is due is done."""
        done = [self._did("compact", self._compact)]
        if time.monotonic() >= self._vacuum_due:
            done += [self._did("vacuum", self._vacuum), self._did("clean_log", self._upkeep.clean_log)]
            if all(done):
                self._vacuum_due = time.monotonic() + self._settings.offline_vacuum_seconds
        self._conditions.upkeep(all(done))

    def _did(self, step: str, action: Callable[[], None]) -> bool:
        try:
            action()
        except OfflineStoreError as error:
            self._metrics.failures.labels(self._plan.view, step, error.failure).inc()
            _log.warning("upkeep_failed", view=self._plan.view, step=step, cause=error.failure, error=str(error))
            return False
        self._metrics.last_done[step].set(time.time())
        return True

    def _compact(self) -> None:
        files = self._upkeep.live_files()
        began = time.monotonic()
        days = days_to_compact(files, self._settings, time.time() * 1000)
        if days:
            done = self._upkeep.compact(days)
            self._metrics.compacted_files.inc(done.removed)
            seconds = round(time.monotonic() - began, 3)
            _log.info("compacted", view=self._plan.view, **done._asdict(), seconds=seconds)
            files = self._upkeep.live_files()
        self._metrics.live_files.set(len(files))
        self._metrics.live_bytes.set(sum(file.size_bytes for file in files))

    def _vacuum(self) -> None:
        deleted = self._upkeep.vacuum()
        self._metrics.vacuumed_files.inc(deleted)
        _log.info("vacuumed", view=self._plan.view, files=deleted)
