"""What keeps the offline log readable over time: compaction of small files, vacuum, checkpoints and log clean-up.

Each step is whole commits of Delta's, or deletes only what no version within the retention has; so any of them may be
killed at any moment, run beside appends and readers, and by two processes at once. None of them touches an application
transaction: those of the newest snapshot stand in each checkpoint, and clean-up stops at the newest one that is due.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import NamedTuple
from uuid import uuid4

import pyarrow as pa
from deltalake import DeltaTable

from headwater.operators.rows import DAY
from headwater.pipelines.offline_store import WRITER_PROPERTIES, retention_properties
from headwater.pipelines.offline_table import STORE_ERRORS, open_table, store_error, table_location
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import OfflineStoreError
from headwater.schemas.plan import Plan

CLAIM = "headwater.compaction"
"""The table's property that names the call that may compact it.

delta-rs lets two compactions of the same files commit, and every row of them stands there twice; it heeds neither
`max_commit_retries` nor application transactions there. But it refuses any commit whose snapshot is older than a change
of metadata. So each compaction changes this property first, and works on a snapshot that has it: of two, the one that
claimed first either commits before the other's claim, and is in the other's snapshot, or not at all.
"""


class LiveFile(NamedTuple):
    """A Parquet file of the newest version: its day, its size, and when the archive or a compaction added it."""

    day: date
    size_bytes: int
    added_ms: int


class Compacted(NamedTuple):
    """What compaction did: days that it merged, files that it replaced and files that stand for them."""

    days: int
    removed: int
    added: int


def days_to_compact(files: Iterable[LiveFile], settings: Settings, now_ms: float) -> list[date]:
    """The days whose small files are to be merged, oldest first.

    A busy day's are when there are `offline_small_files` of them. A day to which nothing came for
    `offline_quiet_seconds` is over, as far as one can know, and two are enough. Small is less than half of
    `offline_file_bytes`: two such files always fit into one, so what was merged is not looked at for ever.
    """
    small: dict[date, list[LiveFile]] = defaultdict(list)
    for file in files:
        if file.size_bytes < settings.offline_file_bytes / 2:
            small[file.day].append(file)
    quiet_since_ms = now_ms - settings.offline_quiet_seconds * 1000
    return sorted(
        day
        for day, found in small.items()
        if len(found) >= settings.offline_small_files
        or (len(found) >= 2 and max(file.added_ms for file in found) < quiet_since_ms)
    )


class OfflineUpkeep:
    """The steps, on a table that exists; each opens it anew.

    All raise OfflineStoreError: the store cannot be used, or others committed first; nothing was changed, or what was
    is complete, and the step may be done again at any time.
    """

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.location = table_location(settings, plan.view, plan.generation)
        self._settings = settings
        self._plan = plan

    def live_files(self) -> list[LiveFile]:
        """The files of the newest version."""
        actions = pa.table(self._open().get_add_actions(flatten=True))
        columns = (actions[f"partition.{DAY}"], actions["size_bytes"], actions["modification_time"])
        days, sizes, added = (column.to_pylist() for column in columns)
        return [LiveFile(*values) for values in zip(days, sizes, added, strict=True)]

    def compact(self, days: Iterable[date]) -> Compacted:
        """Merges the small files of these days, in one commit for each.

        A commit that appends came between steps behind them. One that another process's claim came between is refused:
        its files are left to vacuum.
        """
        claim = self._claim()
        total = Compacted(0, 0, 0)
        for day in days:
            table = self._open()
            if table.metadata().configuration.get(CLAIM) != claim:
                raise OfflineStoreError(f"{self.location}: another process has begun to compact it", "conflict")
            try:
                done = table.optimize.compact(
                    partition_filters=[(DAY, "=", day.isoformat())],
                    target_size=self._settings.offline_file_bytes,
                    max_concurrent_tasks=1,
                    writer_properties=WRITER_PROPERTIES,
                )
            except STORE_ERRORS as error:
                raise store_error(self.location, "compacted", error) from error
            total = Compacted(
                total.days + 1, total.removed + done["numFilesRemoved"], total.added + done["numFilesAdded"]
            )
        return total

    def vacuum(self) -> int:
        """Deletes the files that no version within the retention has, and those of that age that no commit knows.

        Returns how many. The younger ones that no commit knows may be those of an append that is under way.
        """
        table = self._open()
        try:
            self._align(table)
            return len(table.vacuum(dry_run=False, full=True))
        except STORE_ERRORS as error:
            raise store_error(self.location, "vacuumed", error) from error

    def clean_log(self) -> None:
        """Writes a checkpoint, and deletes the commits before the one that the oldest version in retention needs."""
        table = self._open()
        try:
            table.create_checkpoint()
            table.cleanup_metadata()
        except STORE_ERRORS as error:
            raise store_error(self.location, "cleaned up", error) from error

    def _claim(self) -> str:
        """Marks the table as being compacted by this call, by a change of metadata; nothing waits for it to end."""
        claim = uuid4().hex
        table = self._open()
        try:
            table.alter.set_table_properties({CLAIM: claim}, raise_if_not_exists=False)
        except STORE_ERRORS as error:
            raise store_error(self.location, "claimed for compaction", error) from error
        return claim

    def _align(self, table: DeltaTable) -> None:
        """A table that was made under another retention, or before there was one, takes on the settings'."""
        wanted = retention_properties(self._settings)
        if not wanted.items() <= table.metadata().configuration.items():
            table.alter.set_table_properties(wanted)

    def _open(self) -> DeltaTable:
        return open_table(self._settings, self._plan.view, self._plan.generation)
