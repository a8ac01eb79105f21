"""The process that carries the committed rows of a view's feature log into the offline log.

The table says from which offsets to read, and takes rows and end offsets in one commit
(`headwater.pipelines.offline_store`). So nothing is kept anywhere else: a process that was killed, fenced
or stopped is continued by any other from what the table says, and a batch that came to nothing is read again.
"""

from __future__ import annotations

import threading
import time

import pyarrow as pa
import structlog
from prometheus_client import CollectorRegistry

from headwater.operators.rows import RowDecoder
from headwater.pipelines.archive_conditions import ArchiveConditions
from headwater.pipelines.archive_metrics import ArchiveMetrics, LagWatch
from headwater.pipelines.backoff import Dependency, StopRequested
from headwater.pipelines.committed_log import CommittedLog
from headwater.pipelines.offline_store import OfflineStore
from headwater.pipelines.service import service
from headwater.pipelines.settings import Settings
from headwater.pipelines.upkeep_watch import UpkeepWatch
from headwater.pipelines.writer_schemas import WriterSchemas
from headwater.schemas.errors import BrokerError, FencedError, OfflineStoreError, TopicError
from headwater.schemas.plan import Plan

READ_SECONDS = 0.25
MOST_BYTES_IN_HAND = 64 * 2**20  # the process takes about four times as much while it writes them
# Heartbeats move the position while no rows come. It is committed now and then, long before the broker
# deletes them: otherwise the next start would take their absence for lost rows.
POSITION_COMMIT_SECONDS = 3600.0
# A step of upkeep may end by itself. What takes longer is cut off with the process, which does no harm.
LAST_UPKEEP_SECONDS = 10.0

_log = structlog.get_logger(__name__)


def run(settings: Settings, plan: Plan) -> None:
    """Archive the view until SIGTERM or SIGINT; then commit the rows in hand and return.

    Raises:
        FormatError: a committed row cannot be decoded, or the table has other columns than the view.
        TopicError: the feature log is missing, has another number of partitions, or ends before what is archived.
        PrerequisiteError: the metrics address is taken.
    """
    with service(settings) as (stop, registry):
        Archive(settings, plan, stop, registry).run()


class Archive:
    """The loop of the process; `run` it once."""

    def __init__(self, settings: Settings, plan: Plan, stop: threading.Event, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._plan = plan
        self._stop = stop
        self._metrics = ArchiveMetrics(plan, registry)
        self._conditions = ArchiveConditions(settings, plan, registry)
        self._offline = OfflineStore(settings, plan)
        self._decoder = RowDecoder(plan, WriterSchemas(settings, plan, stop))
        self._log = CommittedLog(settings, plan)
        self._store = Dependency(
            "offline_store",
            stop,
            (OfflineStoreError,),
            explain=self._count_failure,
            on_change=self._store_changed,
        )
        self._broker = Dependency("broker", stop, (BrokerError,))
        self._upkeep = UpkeepWatch(settings, plan, self._conditions, registry, stop)
        self._hand: list[pa.Table] = []
        self._rows_in_hand = self._bytes_in_hand = 0
        self._oldest_in_hand = self._last_commit = time.monotonic()
        self._committed: dict[int, int] = {}
        self._archived: dict[int, int] = {}
        self._fenced_in_a_row = 0

    def run(self) -> None:
        """Read and commit until stop is set; see `run` of this module for what it raises."""
        watch = LagWatch(self._settings, self._plan, self._archived, self._metrics, self._conditions, self._stop)
        try:
            self._rewind()
            watch.start()
            self._upkeep.start()
            _log.info("archiving", view=self._plan.view, table=self._offline.location, offsets=self._committed)
            while not self._stop.is_set():
                self._turn()
            if self._rows_in_hand:
                self._commit()
        except TopicError:
            if self._rows_in_hand:
                self._commit()
            raise
        except StopRequested as request:
            _log.warning("stopped_while_waiting", waiting_for=str(request), rows_left_in_log=self._rows_in_hand)
        finally:
            self._log.close()
            if self._upkeep.is_alive() and self._stop.is_set():
                self._upkeep.join(LAST_UPKEEP_SECONDS)
        _log.info("stopped", view=self._plan.view)

    def _turn(self) -> None:
        self._read()
        now = time.monotonic()
        if self._rows_in_hand:
            if (
                now - self._oldest_in_hand >= self._settings.archive_flush_seconds
                or self._rows_in_hand >= self._settings.archive_max_rows
                or self._bytes_in_hand >= MOST_BYTES_IN_HAND
                or self._log.broken_off
            ):
                self._commit()
        elif now - self._last_commit >= POSITION_COMMIT_SECONDS and self._log.positions != self._committed:
            self._commit()
        if self._log.broken_off:
            self._rewind()

    def _read(self) -> None:
        wait_seconds = READ_SECONDS
        if self._rows_in_hand:
            due = self._oldest_in_hand + self._settings.archive_flush_seconds - time.monotonic()
            wait_seconds = max(0.0, min(wait_seconds, due))
        most_rows = self._settings.archive_max_rows - self._rows_in_hand
        rows = self._broker.call(lambda: self._log.read(most_rows, wait_seconds))
        if rows.values:
            table = self._decoder.decode(rows.values, rows.partitions, rows.offsets)
            if not self._hand:
                self._oldest_in_hand = time.monotonic()
            self._hand.append(table)
            self._rows_in_hand += table.num_rows
            self._bytes_in_hand += table.nbytes
            self._metrics.in_hand.set(self._rows_in_hand)
        elif not self._hand:
            self._archived.update(self._log.positions)

    def _commit(self) -> None:
        """Commit the rows in hand, or the position alone; if another writer was faster, go to where it is."""
        rows = pa.concat_tables(self._hand) if self._hand else self._decoder.schema.empty_table()
        end = dict(self._log.positions)
        began = time.monotonic()
        try:
            appended = self._store.call(lambda: self._offline.append(rows, self._committed, end))
        except FencedError as error:
            self._note_fence(error)
            self._rewind()
            return
        seconds = time.monotonic() - began
        self._fenced_in_a_row = 0
        self._last_commit = time.monotonic()
        self._committed = end
        self._archived.update(end)
        self._drop_hand()
        self._metrics.rows.inc(appended.rows)
        self._metrics.files.inc(appended.files)
        self._metrics.flush_seconds.observe(seconds)
        if rows.num_rows:
            self._metrics.last_flush.set(time.time())
        _log.info(
            "flushed" if appended.files or not rows.num_rows else "archived_already",
            view=self._plan.view,
            rows=appended.rows,
            files=appended.files,
            version=appended.version,
            seconds=round(seconds, 3),
        )

    def _rewind(self) -> None:
        """Read on from where the table stands, whatever was in hand."""
        self._drop_hand()
        self._committed = self._store.call(self._offline.end_offsets)
        gaps = self._broker.call(lambda: self._log.start(self._committed))
        self._archived.update(self._committed)
        self._last_commit = time.monotonic()
        for gap in gaps:
            # Not a reason to stop: what is gone is gone, and what comes must not follow it.
            self._metrics.gap_rows.inc(gap.end - gap.start)
            self._conditions.lost_rows()
            _log.error(
                "rows_lost_by_retention",
                topic=self._plan.log.topic,
                partition=gap.partition,
                first_offset=gap.start,
                last_offset=gap.end - 1,
                remedy="raise retention.ms of the topic above the longest time that the archive may be away",
            )

    def _drop_hand(self) -> None:
        self._hand = []
        self._rows_in_hand = self._bytes_in_hand = 0
        self._metrics.in_hand.set(0)

    def _count_failure(self, error: Exception) -> str:
        cause = error.failure if isinstance(error, OfflineStoreError) else "unavailable"
        self._metrics.store_failures.labels(self._plan.view, cause).inc()
        return str(error)

    def _store_changed(self, available: bool) -> None:
        self._metrics.store_unavailable.set(0 if available else 1)
        self._conditions.store_available = available

    def _note_fence(self, error: FencedError) -> None:
        self._fenced_in_a_row += 1
        self._metrics.fenced.inc()
        self._conditions.fenced()
        if self._fenced_in_a_row.bit_count() == 1:
            _log.warning(
                "fenced",
                view=self._plan.view,
                in_a_row=self._fenced_in_a_row,
                rows_read_again=self._rows_in_hand,
                error=str(error),
                remedy="another archive writes this table: no harm, but one of the two works for nothing",
            )
