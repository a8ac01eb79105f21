"""Which of a job's conditions hold, as the process that watches it knows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from prometheus_client import CollectorRegistry

from headwater.operators.conditions import Conditions, MinuteRate
from headwater.pipelines.flink_rest import CheckpointCounts, MetricRange
from headwater.pipelines.settings import Settings
from headwater.pipelines.unusable import Reason
from headwater.schemas.plan import Plan

REGISTRY_UNAVAILABLE = ".registry_unavailable"
REJECTS = ".rejects"
WATERMARK = "kernel.currentInputWatermark"
JOB_METRICS = (REGISTRY_UNAVAILABLE, REJECTS, WATERMARK)
"""How the names of the job's own metrics end that are looked at."""

INTERVALS = 3
CHECKPOINT_PATIENCE_SECONDS = 30.0
EXPIRY_PATIENCE_SECONDS = 60.0


class JobConditions:
    """Told what the watching process sees."""

    def __init__(self, settings: Settings, plan: Plan, registry: CollectorRegistry) -> None:
        self._checkpoint_seconds = INTERVALS * settings.checkpoint_interval_ms / 1000 + CHECKPOINT_PATIENCE_SECONDS
        self._lateness_ms = max(source.watermark_delay_ms + source.idle_timeout_ms for source in plan.sources)
        self._rejected = MinuteRate()
        self._runs_since: float | None = None
        self._last_completed = 0.0
        self._registry_away = False
        self._watermark_ms: float | None = None
        self._goes_back_for: set[Reason] = set()
        conditions = Conditions(plan.view, "compute", registry)
        conditions.check("job_down", lambda: self._runs_since is None)
        conditions.check("checkpoints_failing", self._checkpoints_fail)
        conditions.check("commit_refused", lambda: "commit_refused" in self._goes_back_for)
        conditions.check("checkpoint_damaged", lambda: "damaged" in self._goes_back_for)
        conditions.check("registry_unavailable", lambda: self._registry_away)
        conditions.check("dead_letters", lambda: self._rejected.grown() > settings.dead_letters_per_minute)
        conditions.check("expiry_late", self._expiry_is_late)

    def state(self, state: str) -> None:
        """The job's state, in Flink's words."""
        if state != "RUNNING":
            self._runs_since = None
        elif self._runs_since is None:
            self._runs_since = time.time()

    def goes_back(self, reason: Reason) -> None:
        """The job is about to go on from a checkpoint that is not the newest, until it has completed one of its own."""
        self._goes_back_for.add(reason)

    def checkpoints(self, counts: CheckpointCounts) -> None:
        """What became of the job's checkpoints."""
        # A JobManager that took over has forgotten those before it.
        self._last_completed = max(self._last_completed, (counts.last_completed_ms or 0) / 1000)
        if counts.completed:
            self._goes_back_for.clear()

    def metrics(self, found: Mapping[str, Sequence[MetricRange]]) -> None:
        """The job's own metrics, by JOB_METRICS."""
        self._registry_away = any(each.greatest > 0 for each in found[REGISTRY_UNAVAILABLE])
        self._rejected.observe(sum(each.total for each in found[REJECTS]))
        watermarks = [each.least for each in found[WATERMARK] if each.least > 0]
        self._watermark_ms = min(watermarks, default=None)

    def _checkpoints_fail(self) -> bool:
        if self._runs_since is None:
            return False
        return time.time() - max(self._runs_since, self._last_completed) > self._checkpoint_seconds

    def _expiry_is_late(self) -> bool:
        if self._runs_since is None or self._watermark_ms is None:
            return False
        return time.time() * 1000 - self._watermark_ms > self._lateness_ms + EXPIRY_PATIENCE_SECONDS * 1000
