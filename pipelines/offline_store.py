"""The offline log: a Delta Lake table per view and generation, whose commits carry rows and log offsets together.

Each commit has one application transaction per Kafka partition: its id names the partition
(`transaction_id`), its version is the next offset to read. Delta lets anyone commit any version, so
`OfflineStore.append` looks at the versions of the very snapshot that it commits against; and with no
retries allowed, delta-rs commits as the version right behind that snapshot or not at all, never moving a
commit behind somebody else's. Of two writers that have read the same offsets only one can succeed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, TableNotFoundError
from deltalake.schema import Schema as DeltaSchema

from headwater.operators.rows import DAY, offline_schema
from headwater.pipelines.offline_table import STORE_ERRORS, storage_options, store_error, table_location
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import FencedError, FormatError, OfflineStoreError
from headwater.schemas.plan import Plan

# Concurrent commits that are not of this log, such as a compaction's, that one append steps behind.
COMMIT_ATTEMPTS = 5

WRITER_PROPERTIES = WriterProperties(compression="ZSTD", compression_level=3)

Offsets = Mapping[int, int]


class Appended(NamedTuple):
    """What one append wrote: rows and Parquet files, and the table's version then; nothing if it was there already."""

    rows: int
    files: int
    version: int


def transaction_id(log_topic: str, partition: int) -> str:
    """The id of the application transaction whose version is the next offset to read of this partition."""
    return f"headwater/{log_topic}/{partition}"


def retention_properties(settings: Settings) -> dict[str, str]:
    """The table's properties by which any tool of Delta Lake knows how long older versions must stay readable.

    None says how long application transactions are kept: they are never dropped.
    """
    hours = f"interval {settings.offline_retention_hours} hours"
    return {"delta.deletedFileRetentionDuration": hours, "delta.logRetentionDuration": hours}


class OfflineStore:
    """A view's Delta table as a writer sees it; every call opens it anew, at its newest version.

    Attributes:
        location: directory or URL of the table.
        schema: of the rows that are appended.
    """

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.location = table_location(settings, plan.view, plan.generation)
        self.schema = offline_schema(plan)
        self._plan = plan
        self._options = storage_options(settings)
        self._configuration = retention_properties(settings)

    def end_offsets(self) -> dict[int, int]:
        """The next offset to read of each partition of the log, creating the table if there is none.

        Raises:
            OfflineStoreError: the table cannot be read or created.
            FormatError: what is there is not a table of this view.
        """
        return self._end_offsets_of(self._open())

    def append(self, rows: pa.Table, start: Offsets, end: Offsets) -> Appended:
        """Commits these rows, which are all that the log has from `start` until `end`, and `end`, in one commit.

        Both have every partition of the log. A table that stands at `end` already is left as it is: the answer
        to an earlier attempt was lost on its way.

        Raises:
            FencedError: the table does not stand at `start`: someone else has moved it.
            OfflineStoreError: the table cannot be read or written; nothing was committed, or everything was.
            FormatError: what is there is not a table of this view.
        """
        for _ in range(COMMIT_ATTEMPTS):
            table = self._open()
            found = self._end_offsets_of(table)
            if found == end:
                return Appended(0, 0, table.version())
            if found != start:
                raise FencedError(f"{self.location} stands at offsets {found}, not at {dict(start)}")
            try:
                return self._commit(table, rows, end)
            except CommitFailedError:
                continue
            except STORE_ERRORS as error:
                raise store_error(self.location, "written", error) from error
        raise OfflineStoreError(f"{self.location}: others committed first {COMMIT_ATTEMPTS} times in a row", "conflict")

    def _commit(self, table: DeltaTable, rows: pa.Table, end: Offsets) -> Appended:
        topic = self._plan.log.topic
        evolves = {field.name for field in table.schema().fields} != set(self.schema.names)
        write_deltalake(
            table,
            rows,
            mode="append",
            schema_mode="merge" if evolves else None,
            writer_properties=WRITER_PROPERTIES,
            commit_properties=CommitProperties(
                app_transactions=[Transaction(transaction_id(topic, partition), end[partition]) for partition in end],
                # 0 also means: do not even look what the commits ahead of this one were.
                max_commit_retries=0,
            ),
        )
        # One file per day: what is appended at once is smaller than the size at which delta-rs begins another.
        # (The table's history would tell as well, but of a rival's commit if that came meanwhile.)
        files = pa.compute.count_distinct(rows[DAY]).as_py()
        return Appended(rows.num_rows, files, table.version())

    def _open(self) -> DeltaTable:
        try:
            try:
                table = DeltaTable(self.location, storage_options=self._options)
            except TableNotFoundError:
                table = self._create()
            self._check_columns(table)
        except STORE_ERRORS as error:
            raise store_error(self.location, "opened", error) from error
        return table

    def _create(self) -> DeltaTable:
        try:
            return DeltaTable.create(
                self.location,
                self.schema,
                mode="ignore",
                partition_by=[DAY],
                name=f"{self._plan.view}_g{self._plan.generation}",
                description=self._plan.description or None,
                configuration=self._configuration,
                storage_options=self._options,
            )
        except CommitFailedError:  # "ignore" looks before it commits: someone else has created it in between
            return DeltaTable(self.location, storage_options=self._options)

    def _check_columns(self, table: DeltaTable) -> None:
        wanted = {field.name: field.type for field in DeltaSchema.from_arrow(self.schema).fields}
        for field in table.schema().fields:
            if field.type != wanted.get(field.name, field.type):
                raise FormatError(
                    f"{self.location}: column {field.name!r} is {field.type}, but the plan of {self._plan.view}"
                    f" generation {self._plan.generation} says {wanted[field.name]}"
                )
        if table.metadata().partition_columns != [DAY]:
            raise FormatError(f"{self.location} is not partitioned by {DAY}: it is not a table of Headwater's")

    def _end_offsets_of(self, table: DeltaTable) -> dict[int, int]:
        ids = {
            partition: transaction_id(self._plan.log.topic, partition) for partition in range(self._plan.log.partitions)
        }
        return {partition: table.transaction_version(ids[partition]) or 0 for partition in ids}
