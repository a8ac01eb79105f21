"""One partition's way into the online store: what was read of it, what is stored, and what is yet to be written."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from redis import Redis

from headwater.operators.fence import Fence, OnlineRow, Refused, Written
from headwater.operators.heartbeats import FoldedHeartbeat, HeartbeatFold
from headwater.operators.log_batch import Headers, PartitionBatch, expiry_ms
from headwater.operators.online_metrics import OnlineMetrics, PartitionStatus
from headwater.pipelines.backoff import Dependency
from headwater.pipelines.online_store import partition_keys
from headwater.schemas.plan import Plan

QUIET_WRITE_SECONDS = 0.2  # batches without rows are written no more often than this


class PartitionWriter:
    """Writes the batches of one partition in their order; made anew whenever reading starts from another offset.

    That also forgets the heartbeats that were read: they vouch for rows that may have to be written again.
    """

    def __init__(
        self,
        client: Redis,
        store: Dependency,
        plan: Plan,
        partition: int,
        metrics: OnlineMetrics,
        *,
        stored_offset: int | None,
        position: int,
        heartbeat: FoldedHeartbeat | None,
    ) -> None:
        """
        Args:
            stored_offset: what the online store holds; the next write is refused if that is no longer so.
            position: the offset from which the partition is read.
            heartbeat: what the online store holds.
        """
        keys = partition_keys(plan.view, plan.generation, partition)
        self._fence = Fence(client, keys.offset, keys.heartbeat)
        self._row_prefix = keys.row_prefix
        self._store = store
        self._plan = plan
        self._metrics = metrics
        self._fold = HeartbeatFold()
        self._heartbeat = heartbeat
        self._heartbeat_to_write = b""
        self._written_at = 0.0
        self._waiting_since_ms: float | None = None
        self._at_end = False
        self.stored_offset = stored_offset
        self.position = position

    def take(self, batch: PartitionBatch, received_ms: float) -> Refused | None:
        """Take in the next records and write their rows; None if the store accepted them.

        Raises:
            StopRequested: the process shall end, and the store is away.
        """
        self._advance(batch.next_offset)
        if self._at_end and batch.heartbeat_written_ms is not None:
            self._metrics.clock.observe(received_ms, batch.heartbeat_written_ms)
        self._at_end = False
        for heartbeat in batch.heartbeats:
            self._fold.add(heartbeat)
        folded = self._fold.folded()
        if batch.heartbeats and folded is not None:
            self._heartbeat, self._heartbeat_to_write = folded, folded.pack()
        self._metrics.counts.rows_coalesced += batch.coalesced
        self._metrics.counts.records_ignored += batch.ignored
        if not len(batch):
            return None
        headers, rows = self._unexpired(batch)
        outcome = self._write(rows)
        if isinstance(outcome, Refused):
            return outcome
        written = np.ones(len(rows), dtype=bool)
        written[list(outcome.fenced)] = False
        self._metrics.freshness.observe(headers[written], received_ms=received_ms, visible_ms=_now_ms())
        return None

    def reached(self, end: int) -> None:
        """The partition was read up to its end, which may lie behind the last record: transactions leave marks."""
        self._advance(end)
        self._waiting_since_ms = None
        self._at_end = True

    def write_if_due(self, *, at_once: bool = False) -> Refused | None:
        """Write offset and heartbeat where no rows came to carry them; None if the store took them or nothing was due.

        Raises:
            StopRequested: the process shall end, and the store is away.
        """
        if not self.pending or not (at_once or self.due_in_seconds() <= 0):
            return None
        outcome = self._write([])
        return outcome if isinstance(outcome, Refused) else None

    @property
    def pending(self) -> bool:
        """Whether something was read that the store has not been told of."""
        return self.position != self.stored_offset or bool(self._heartbeat_to_write)

    def due_in_seconds(self) -> float:
        """How long what is pending may still wait for rows to come along."""
        return self._written_at + QUIET_WRITE_SECONDS - time.monotonic()

    def status(self, end: int | None) -> PartitionStatus:
        """How the partition stands, given the end of its log as far as it is known."""
        lag = max(0, end - self.position) if end is not None else 0
        if not lag:
            self._waiting_since_ms = None
        elif self._waiting_since_ms is None:
            self._waiting_since_ms = _now_ms()
        return PartitionStatus(self._heartbeat.as_of_ms if self._heartbeat else None, lag, self._waiting_since_ms)

    def _advance(self, offset: int) -> None:
        if offset > self.position:
            self.position = offset
            self._waiting_since_ms = None

    def _unexpired(self, batch: PartitionBatch) -> tuple[Headers, list[OnlineRow]]:
        headers = batch.headers()
        expires = expiry_ms(headers, reach_ms=self._plan.reach_ms, time_to_live_ms=self._plan.time_to_live_ms)
        rows = batch.online_rows(self._row_prefix, expires.tolist())
        alive = expires > _now_ms()
        if alive.all():
            return headers, rows
        self._metrics.counts.rows_expired += int((~alive).sum())
        return headers[alive], [row for row, keep in zip(rows, alive.tolist(), strict=True) if keep]

    def _write(self, rows: list[OnlineRow]) -> Written | Refused:
        outcome = self._store.call(self._writing(rows))
        self._written_at = time.monotonic()
        if isinstance(outcome, Refused):
            if outcome.stored_offset != self.position:
                self._metrics.counts.batches_refused += 1
                return outcome
            outcome = Written(0, tuple(range(len(rows))))  # it was written, but the answer was lost
        else:
            self._metrics.counts.rows_written += outcome.rows
            self._metrics.counts.rows_fenced += len(outcome.fenced)
        self.stored_offset = self.position
        self._heartbeat_to_write = b""
        return outcome

    def _writing(self, rows: list[OnlineRow]) -> Callable[[], Written | Refused]:
        return lambda: self._fence.write(
            rows, expected=self.stored_offset, next_offset=self.position, heartbeat=self._heartbeat_to_write
        )


def _now_ms() -> float:
    return time.time() * 1000
