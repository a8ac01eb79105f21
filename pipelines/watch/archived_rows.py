"""Rows of the offline log by key and version, found without reading more of its files than may hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import DeltaTable

from headwater.operators.reading import Version
from headwater.operators.rows import DAY
from headwater.pipelines.offline_store import transaction_id
from headwater.pipelines.offline_table import STORE_ERRORS, open_table, store_error, table_location
from headwater.pipelines.settings import Settings
from headwater.schemas.keys import encode_key
from headwater.schemas.plan import Plan

MOST_CLOCKS = 200
"""In one condition; their files are pruned by the least and greatest clock that each has."""

MOST_BYTES = 256 * 2**20
"""Of row groups, uncompressed, that one look reads; the rest is left out."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Versioned = tuple[bytes, Version]


class Archived(NamedTuple):
    """What one look found.

    Attributes:
        rows: by key and version, each as often as it stands there; timestamps as microseconds since the epoch.
        end_offsets: per partition of the log the offset up to which all committed rows are in the table.
        left_out: whether files were left unread, so that a row that was not found may be there.
    """

    rows: dict[Versioned, list[dict[str, Any]]]
    end_offsets: dict[int, int]
    left_out: bool


class ArchivedRows:
    """Looks rows up in a view's Delta table."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self._settings = settings
        self._plan = plan
        self._location = table_location(settings, plan.view, plan.generation)
        self._columns = [
            *(field.name for field in plan.entity),
            *("generation", "clock", "n", "log_partition", "log_offset"),
            *(feature.name for feature in plan.features),
        ]
        self._table: DeltaTable | None = None

    def find(self, wanted: Sequence[Versioned]) -> Archived:
        """Those of the wanted rows that the table's newest version has.

        Raises:
            OfflineStoreError: there is no table, or its store cannot be used.
        """
        try:
            table = self._newest()
            ends = {p: self._end_offset(table, p) for p in range(self._plan.log.partitions)}
            rows: dict[Versioned, list[dict[str, Any]]] = {}
            budget = MOST_BYTES
            for start in range(0, len(wanted), MOST_CLOCKS):
                some = wanted[start : start + MOST_CLOCKS]
                for row, size in self._matching(table, some, budget):
                    budget -= size
                    if row is not None:
                        rows.setdefault(self._versioned(row), []).append(row)
        except STORE_ERRORS as error:
            self._table = None
            raise store_error(self._location, "read", error) from error
        asked = set(wanted)
        return Archived({each: found for each, found in rows.items() if each in asked}, ends, budget < 0)

    def _newest(self) -> DeltaTable:
        if self._table is None:
            self._table = open_table(self._settings, self._plan.view, self._plan.generation)
        else:
            self._table.update_incremental()
        return self._table

    def _end_offset(self, table: DeltaTable, partition: int) -> int:
        return table.transaction_version(transaction_id(self._plan.log.topic, partition)) or 0

    def _matching(
        self, table: DeltaTable, wanted: Sequence[Versioned], budget: int
    ) -> Iterator[tuple[dict[str, Any] | None, int]]:
        """Rows with one of the wanted clocks, and the bytes that are spent, as they are."""
        dataset = table.to_pyarrow_dataset()
        columns = [name for name in self._columns if name in dataset.schema.names]
        condition = _any_of([_at(version.clock_us) for _, version in wanted])
        for fragment in dataset.get_fragments(condition):
            part = fragment.subset(condition, schema=dataset.schema)
            size = sum(group.total_byte_size for group in part.row_groups)
            budget -= size
            yield None, size
            if budget >= 0:
                found = part.to_table(schema=dataset.schema, columns=columns, filter=condition)
                yield from ((row, 0) for row in _plain(found).to_pylist())

    def _versioned(self, row: dict[str, Any]) -> Versioned:
        key = encode_key(self._plan.entity, {field.name: row[field.name] for field in self._plan.entity})
        return key, Version(row["generation"], row["clock"], row["n"])


def _at(clock_us: int) -> ds.Expression:
    clock = _EPOCH + timedelta(microseconds=clock_us)
    at = pa.scalar(clock_us, pa.int64()).cast(pa.timestamp("us", tz="UTC"))
    return (ds.field(DAY) == pa.scalar(clock.date(), pa.date32())) & (ds.field("clock") == at)


def _any_of(conditions: list[ds.Expression]) -> ds.Expression:
    """A balanced tree: one that is as deep as it is long would be more than Arrow can walk."""
    if len(conditions) == 1:
        return conditions[0]
    middle = len(conditions) // 2
    return _any_of(conditions[:middle]) | _any_of(conditions[middle:])


def _plain(table: pa.Table) -> pa.Table:
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(index, field.name, pc.cast(table.column(index), pa.int64()))
    return table
