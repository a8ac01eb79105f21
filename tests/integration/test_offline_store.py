"""Of writers that have read the same offsets one commits; real processes race for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest
from deltalake import CommitProperties, DeltaTable, Transaction, write_deltalake
from deltalake.exceptions import CommitFailedError

from headwater.operators.rows import RowDecoder
from headwater.pipelines import offline_store
from headwater.pipelines.offline_store import OfflineStore, transaction_id
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import FencedError, FormatError, OfflineStoreError
from tests.feature_log_rows import encode, make_plan, make_row

PLAN = make_plan()
RACERS = 4
ROUNDS = 40

# Each racer tries to append one row at every offset, as fast as it can, until the log's end is reached.
RACER = """
import sys
from pathlib import Path
from typing import Any
from headwater.pipelines.offline_store import OfflineStore
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import FencedError
from tests.integration.test_offline_store import PLAN, ROUNDS, rows

store = OfflineStore(Settings(offline_root=sys.argv[1]), PLAN)
won = []
start = store.end_offsets()
while start[0] < ROUNDS:
    end = {0: start[0] + 1, 1: 0}
    try:
        appended = store.append(rows(start[0], end[0], partition=0, racer=int(sys.argv[2])), start, end)
        won.extend([start[0]] * appended.rows)
        start = end
    except FencedError:
        start = store.end_offsets()
print(won)
"""


def rows(first: int, end: int, partition: int = 0, racer: int = 0) -> pa.Table:
    """Rows of these numbers, which stand at offsets of the same numbers; the racer is their feature's value."""
    decoder = RowDecoder(PLAN, lambda schema_id: PLAN.log.schema_)
    values = [encode(PLAN.log.schema_, make_row(number, purchases_1h=racer)) for number in range(first, end)]
    return decoder.decode(values, [partition] * len(values), list(range(first, end)))


@pytest.fixture
def store(tmp_path: Path) -> OfflineStore:
    return OfflineStore(Settings(offline_root=str(tmp_path)), PLAN)


def offsets_in(store: OfflineStore) -> list[int]:
    return sorted(DeltaTable(store.location).to_pyarrow_table()["log_offset"].to_pylist())


def test_a_table_that_nobody_has_written_stands_at_the_beginning(store: OfflineStore) -> None:
    assert store.end_offsets() == {0: 0, 1: 0}
    assert DeltaTable(store.location).metadata().partition_columns == ["day"]


def test_rows_and_end_offsets_are_one_commit(store: OfflineStore) -> None:
    appended = store.append(rows(0, 5), {0: 0, 1: 0}, {0: 5, 1: 2})
    assert (appended.rows, appended.files, appended.version) == (5, 1, 1)
    assert store.end_offsets() == {0: 5, 1: 2}
    assert offsets_in(store) == list(range(5))


def test_who_comes_with_other_offsets_is_fenced(store: OfflineStore) -> None:
    store.append(rows(0, 5), {0: 0, 1: 0}, {0: 5, 1: 0})
    for start in ({0: 0, 1: 0}, {0: 4, 1: 0}, {0: 5, 1: 1}, {0: 6, 1: 0}):
        with pytest.raises(FencedError, match="stands at offsets"):
            store.append(rows(5, 6), start, {0: 9, 1: 9})
    assert offsets_in(store) == list(range(5))


def test_an_append_whose_answer_was_lost_is_not_done_again(store: OfflineStore) -> None:
    for _ in range(2):
        appended = store.append(rows(0, 5), {0: 0, 1: 0}, {0: 5, 1: 0})
    assert appended.rows == 0
    assert offsets_in(store) == list(range(5))


def test_delta_takes_a_commit_only_right_behind_the_snapshot_that_was_checked(store: OfflineStore) -> None:
    store.end_offsets()
    checked, other = DeltaTable(store.location), DeltaTable(store.location)
    write_deltalake(other, rows(0, 1), mode="append")  # has no application transactions, so nothing to conflict with
    with pytest.raises(Exception, match="Failed to commit transaction"):
        store._commit(checked, rows(0, 1), {0: 1, 1: 0})
    assert store.end_offsets() == {0: 0, 1: 0}


def test_delta_would_accept_a_stale_version_so_the_check_is_ours(store: OfflineStore) -> None:
    store.append(rows(0, 5), {0: 0, 1: 0}, {0: 5, 1: 0})
    stale = [Transaction(transaction_id(PLAN.log.topic, 0), 3)]
    write_deltalake(
        DeltaTable(store.location),
        rows(0, 3),
        mode="append",
        commit_properties=CommitProperties(app_transactions=stale),
    )
    assert store.end_offsets()[0] == 3


def test_a_compaction_in_between_does_not_fence(store: OfflineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(3):
        store.append(rows(i, i + 1), {0: i, 1: 0}, {0: i + 1, 1: 0})
    commit = store._commit
    compacted: list[dict[str, Any]] = []

    def compact_first(table: DeltaTable, *arguments: object) -> object:
        if not compacted:
            compacted.append(DeltaTable(store.location).optimize.compact())
        return commit(table, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "_commit", compact_first)
    assert store.append(rows(3, 4), {0: 3, 1: 0}, {0: 4, 1: 0}).rows == 1
    assert compacted[0]["numFilesRemoved"] == 3
    assert offsets_in(store) == list(range(4))
    assert store.end_offsets() == {0: 4, 1: 0}


def test_a_table_that_another_writer_creates_in_between_is_opened(
    store: OfflineStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def create_first(*arguments: object, **options: object) -> DeltaTable:
        monkeypatch.undo()
        OfflineStore(Settings(offline_root=str(tmp_path)), PLAN).append(rows(0, 3), {0: 0, 1: 0}, {0: 3, 1: 0})
        raise CommitFailedError("protocol changed")

    monkeypatch.setattr(DeltaTable, "create", create_first)
    assert store.end_offsets() == {0: 3, 1: 0}


def test_end_offsets_outlive_checkpoints_and_the_clean_up_of_the_log(store: OfflineStore) -> None:
    for i in range(5):
        store.append(rows(i, i + 1), {0: i, 1: 0}, {0: i + 1, 1: 0})
    table = DeltaTable(store.location)
    table.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 seconds"})
    table.create_checkpoint()
    table.cleanup_metadata()
    assert store.end_offsets() == {0: 5, 1: 0}
    assert store.append(rows(5, 6), {0: 5, 1: 0}, {0: 6, 1: 0}).rows == 1


def test_files_are_zstd_parquet_in_one_directory_per_day(store: OfflineStore) -> None:
    two_days = pa.concat_tables([rows(0, 5), rows(90_000, 90_003)])
    assert store.append(two_days, {0: 0, 1: 0}, {0: 90_003, 1: 0}).files == 2
    files = sorted(Path(store.location).glob("day=*/*.parquet"))
    assert [file.parent.name for file in files] == ["day=2026-11-18", "day=2026-11-19"]
    for file in files:
        row_group = pa.parquet.ParquetFile(file).metadata.row_group(0)
        assert {row_group.column(i).compression for i in range(row_group.num_columns)} == {"ZSTD"}


def test_a_table_of_other_types_is_refused(store: OfflineStore, tmp_path: Path) -> None:
    store.end_offsets()
    other = make_plan(features=[("amount_sum_5m", "string"), ("purchases_1h", "long")])
    with pytest.raises(FormatError, match="amount_sum_5m"):
        OfflineStore(Settings(offline_root=str(tmp_path)), other).end_offsets()


def test_a_store_that_is_not_there_says_so(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OfflineStoreError, match="cannot be opened"):
        OfflineStore(Settings(offline_root=str(tmp_path / "file")), PLAN).end_offsets()


def test_of_racing_processes_one_wins_each_round_and_no_row_is_lost_or_doubled(tmp_path: Path) -> None:
    """They also race to create the table."""
    racers = [
        subprocess.Popen([sys.executable, "-c", RACER, str(tmp_path), str(i)], stdout=subprocess.PIPE, text=True)
        for i in range(RACERS)
    ]
    printed = [racer.communicate(timeout=200)[0] for racer in racers]

    assert [racer.returncode for racer in racers] == [0] * RACERS
    won = [json.loads(offsets) for offsets in printed]
    table = DeltaTable(OfflineStore(Settings(offline_root=str(tmp_path)), PLAN).location).to_pyarrow_table()
    assert sorted(table["log_offset"].to_pylist()) == list(range(ROUNDS))
    assert Counter(table["purchases_1h"].to_pylist()) == Counter(
        {i: len(rounds) for i, rounds in enumerate(won) if rounds}
    )


def test_the_race_is_lost_by_rows_without_the_guard(store: OfflineStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the guard is for: if delta-rs may step behind other commits, and ids differ, both racers commit."""
    store.end_offsets()
    monkeypatch.setattr(offline_store, "transaction_id", lambda topic, partition: f"mine/{partition}")
    behind = DeltaTable(store.location)
    store.append(rows(0, 3), {0: 0, 1: 0}, {0: 3, 1: 0})
    write_deltalake(
        behind,
        rows(0, 3),
        mode="append",
        commit_properties=CommitProperties(app_transactions=[Transaction("other", 3)]),
    )
    assert offsets_in(store) == [0, 0, 1, 1, 2, 2]
