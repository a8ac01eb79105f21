"""What the offline log costs: the archive's rows, beside reading and decoding alone, and beside appending alone."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import pyarrow as pa
from deltalake import DeltaTable
from fastavro import parse_schema, schemaless_reader
from prometheus_client import CollectorRegistry

from headwater.operators.rows import DAY, LOG_OFFSET, LOG_PARTITION, RowDecoder
from headwater.pipelines.archive import MOST_BYTES_IN_HAND, Archive
from headwater.pipelines.bench.log_rows import LoggedRow, LogShape, log_rows, prepare_log, write_log
from headwater.pipelines.bench.servers import Servers
from headwater.pipelines.bench.views import WINDOWS, windows_view
from headwater.pipelines.committed_log import CommittedLog
from headwater.pipelines.offline_store import OfflineStore
from headwater.pipelines.offline_table import table_location
from headwater.pipelines.settings import Settings
from headwater.pipelines.writer_schemas import WriterSchemas
from headwater.schemas.avro import without_logical_types
from headwater.schemas.errors import VerificationError
from headwater.schemas.feature_log import VERSION_BYTES
from headwater.schemas.plan import Plan

READ_SECONDS = 0.25
POLL_SECONDS = 0.05
PATIENCE_SECONDS = 600.0

Progress = Callable[[str, int, int], None]
Way = str
WAYS: tuple[Way, ...] = ("archive", "consume + decode", "append from memory")


class Cost(NamedTuple):
    """From the first rows to the last; the CPU is all of the process's, libraries' threads included."""

    rows_per_second: float
    cpu_us_per_row: float


@dataclass(frozen=True, slots=True)
class Archived:
    """One log, taken each of the ways in turn; medians."""

    shape: LogShape
    log_bytes_per_row: float
    parquet_bytes_per_row: float
    repeats: int
    by_way: Mapping[Way, Cost]


def measure(servers: Servers, shape: LogShape, windows: int, repeats: int, progress: Progress) -> Archived:
    """What a log of this shape costs.

    Raises:
        VerificationError: what stands in the table is not what is in the log.
        BrokerError, RegistryError, OfflineStoreError: a server failed.
    """
    settings = servers.settings(log_level="warning")
    plan = windows_view("bench.archived", WINDOWS[windows])
    schema_id = prepare_log(settings, plan)
    rows = log_rows(plan, schema_id, shape, lambda done: progress("making rows", done, shape.rows))
    progress("writing the log", 0, 0)
    write_log(settings, plan, rows)
    runs: dict[Way, list[Cost]] = {way: [] for way in WAYS}
    parquet_bytes = 0.0
    for number in range(repeats):
        progress("consume + decode", 0, 0)
        cost, tables = _consume(settings, plan, len(rows))
        runs["consume + decode"].append(cost)
        progress("append from memory", 0, 0)
        elsewhere = settings.model_copy(update={"offline_root": str(servers.directory / f"from_memory{number}")})
        runs["append from memory"].append(_append(elsewhere, plan, tables))
        del tables
        here = settings.model_copy(update={"offline_root": str(servers.directory / f"archived{number}")})
        runs["archive"].append(_archive(here, plan, len(rows), progress))
        progress("comparing the table with the log", 0, 0)
        table = DeltaTable(table_location(here, plan.view, plan.generation))
        _check(plan, table, rows)
        parquet_bytes = sum(Path(file).stat().st_size for file in table.file_uris()) / len(rows)
    return Archived(
        shape,
        sum(len(row.value) for row in rows) / len(rows),
        parquet_bytes,
        repeats,
        {way: Cost(*(median(each) for each in zip(*found, strict=True))) for way, found in runs.items()},
    )


def _consume(settings: Settings, plan: Plan, total: int) -> tuple[Cost, list[pa.Table]]:
    """Reads and decodes the log as the archive does."""
    log = CommittedLog(settings, plan)
    decoder = RowDecoder(plan, WriterSchemas(settings, plan, threading.Event()))
    tables: list[pa.Table] = []
    count, stopwatch = 0, None
    try:
        log.start(dict.fromkeys(range(plan.log.partitions), 0))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while count < total:
            rows = log.read(total, READ_SECONDS)
            if rows.values:
                stopwatch = stopwatch or _Stopwatch()
                tables.append(decoder.decode(rows.values, rows.partitions, rows.offsets))
                count += len(rows.values)
            _check_time(deadline, "reading the log")
    finally:
        log.close()
    return (stopwatch or _Stopwatch()).cost(total), tables


def _append(settings: Settings, plan: Plan, tables: Sequence[pa.Table]) -> Cost:
    """Appends what was decoded, as much at once as the archive does."""
    store = OfflineStore(settings, plan)
    at = store.end_offsets()
    stopwatch = _Stopwatch()
    total, hand = 0, list[pa.Table]()
    for place, table in enumerate(tables):
        hand.append(table)
        if sum(each.nbytes for each in hand) >= MOST_BYTES_IN_HAND or place == len(tables) - 1:
            rows = pa.concat_tables(hand)
            end = {partition: offset + 1 for partition, offset in at.items()}
            store.append(rows, at, end)
            total, at, hand = total + rows.num_rows, end, []
    return stopwatch.cost(total)


def _archive(settings: Settings, plan: Plan, total: int, progress: Progress) -> Cost:
    """Runs the archive in this process, as nothing else does anything in it, until it has all rows."""
    stop, registry, failures = threading.Event(), CollectorRegistry(), list[Exception]()

    def run() -> None:
        try:
            Archive(settings, plan, stop, registry).run()
        except Exception as error:
            failures.append(error)

    def told(name: str) -> int:
        return int(registry.get_sample_value(name, {"view": plan.view}) or 0)

    thread = threading.Thread(target=run)
    thread.start()
    deadline = time.monotonic() + PATIENCE_SECONDS
    stopwatch, before = None, 0
    try:
        while (count := told("headwater_archive_rows_total") + told("headwater_archive_rows_in_hand")) < total:
            if count and stopwatch is None:
                stopwatch, before = _Stopwatch(), count
            progress("archive", count, total)
            _check_time(deadline, "archiving")
            if failures:
                raise failures[0]
            time.sleep(POLL_SECONDS)
    finally:
        stop.set()
        thread.join()  # it commits what it has in hand
    if failures:
        raise failures[0]
    return (stopwatch or _Stopwatch()).cost(total - before)


def _check(plan: Plan, table: DeltaTable, rows: Sequence[LoggedRow]) -> None:
    """The table holds every record once, and of every key the newest row as it is in the log."""
    found = table.to_pyarrow_table()
    placed: dict[int, int] = {}
    newest: dict[bytes, tuple[bytes, tuple[int, int], bytes]] = {}
    for row in rows:
        offset = placed.get(row.partition, 0)
        placed[row.partition] = offset + 1
        version = row.header[:VERSION_BYTES]
        if row.key not in newest or version > newest[row.key][0]:
            newest[row.key] = (version, (row.partition, offset), row.value)
    places = list(zip(found[LOG_PARTITION].to_pylist(), found[LOG_OFFSET].to_pylist(), strict=True))
    if sorted(places) != sorted((partition, at) for partition, end in placed.items() for at in range(end)):
        raise VerificationError(f"{plan.view}: the table has {len(places)} rows, not once each of {len(rows)}")
    where = {place: index for index, place in enumerate(places)}
    chosen = found.take([where[place] for _, place, _ in newest.values()])
    names = [name for name in found.column_names if name not in (DAY, LOG_PARTITION, LOG_OFFSET)]
    columns = [_plain(chosen[name]) for name in names]
    schema = parse_schema(without_logical_types(plan.log.schema_), named_schemas={})
    for (_, place, value), archived in zip(newest.values(), zip(*columns, strict=True), strict=True):
        logged: Any = schemaless_reader(io.BytesIO(value[5:]), schema, None)
        for name, actual in zip(names, archived, strict=True):
            wanted = logged[name] * 1000 if name in ("ingested_at", "computed_at") else logged[name]
            if actual != wanted:
                raise VerificationError(f"{plan.view}: {name} of {place} is {actual!r} instead of {wanted!r}")


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """The column's values, with times as microseconds."""
    values: list[Any] = (column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column).to_pylist()
    return values


def _check_time(deadline: float, what: str) -> None:
    if time.monotonic() > deadline:
        raise VerificationError(f"{what} took more than {PATIENCE_SECONDS:.0f} s")


class _Stopwatch:
    def __init__(self) -> None:
        self._began, self._cpu = time.monotonic(), time.process_time()

    def cost(self, rows: int) -> Cost:
        seconds, cpu = time.monotonic() - self._began, time.process_time() - self._cpu
        return Cost(rows / seconds, cpu * 1e6 / rows)
