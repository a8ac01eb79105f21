"""Which of the archive's conditions hold."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from headwater.operators.conditions import Backlog, Conditions, MinuteRate
from headwater.pipelines.settings import Settings
from headwater.schemas.plan import Plan

CHECKPOINTS = 3
FLUSHES = 3
PATIENCE_SECONDS = 10.0
UPKEEP_ROUNDS = 3


class ArchiveConditions:
    """Told what the archive and its lag watch see."""

    def __init__(self, settings: Settings, plan: Plan, registry: CollectorRegistry) -> None:
        behind_seconds = FLUSHES * settings.archive_flush_seconds + settings.behind_seconds
        held_seconds = CHECKPOINTS * settings.checkpoint_interval_ms / 1000 + PATIENCE_SECONDS
        self._unarchived = [Backlog(behind_seconds) for _ in range(plan.log.partitions)]
        self._uncommitted = [Backlog(held_seconds) for _ in range(plan.log.partitions)]
        self._fenced = MinuteRate()
        self._fences = 0
        self._rows_lost = False
        self._failed_rounds = 0
        self.store_available = True
        conditions = Conditions(plan.view, "archive", registry)
        conditions.check("offline_store_unavailable", lambda: not self.store_available)
        conditions.check("offline_store_behind", lambda: any(each.lasts() for each in self._unarchived))
        conditions.check("open_transaction", lambda: any(each.lasts() for each in self._uncommitted))
        conditions.check("rows_lost", lambda: self._rows_lost)
        conditions.check("archive_fenced", lambda: self._fenced.grown() > 0)
        conditions.check("offline_upkeep_failing", lambda: self._failed_rounds >= UPKEEP_ROUNDS)
        self._fenced.observe(0)

    def ends(self, partition: int, *, archived: int, stable: int, end: int) -> None:
        """A partition is archived up to the first offset, committed up to the second, and ends at the third."""
        self._unarchived[partition].observe(archived, stable)
        self._uncommitted[partition].observe(stable, end)

    def fenced(self) -> None:
        """Another archive was faster."""
        self._fences += 1
        self._fenced.observe(self._fences)

    def lost_rows(self) -> None:
        """The broker had deleted rows before they were read. That stays true for as long as this process runs."""
        self._rows_lost = True

    def upkeep(self, done: bool) -> None:
        """A round of upkeep was done, or a step of it failed."""
        self._failed_rounds = 0 if done else self._failed_rounds + 1
