"""Compaction, vacuum and clean-up of the log change how rows are stored and never which: killed, raced, read through.

appends   ──┬──┬──┬──┬──┬──┬──▶   each a small file and the offsets up to which rows are there
upkeep      compact ✂  compact ✂  vacuum ✂      ✂: SIGKILL
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pytest
from deltalake import DeltaTable

from headwater.pipelines.offline_store import OfflineStore
from headwater.pipelines.offline_table import open_table
from headwater.pipelines.offline_upkeep import OfflineUpkeep
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import OfflineStoreError
from tests.feature_log_rows import FEATURES, make_plan
from tests.integration.test_offline_store import PLAN, rows
from tests.waiting import wait_until

SEED = 20261124
KILLS = 5
LONG_AGO = time.time() - 30 * 86_400

# Does one step again and again, whatever others do meanwhile.
WORKER = """
import sys
from tests.integration.test_offline_upkeep import PLAN, all_days, hasty
from headwater.pipelines.offline_upkeep import OfflineUpkeep
from headwater.schemas.errors import OfflineStoreError

root, step = sys.argv[1:]
upkeep = OfflineUpkeep(hasty(root), PLAN)
print("ready", flush=True)
while True:
    try:
        upkeep.compact(all_days(upkeep)) if step == "compact" else getattr(upkeep, step)()
    except OfflineStoreError as error:
        if error.failure != "conflict":
            raise
"""

END_OFFSETS = """
import sys
from tests.integration.test_offline_upkeep import PLAN
from headwater.pipelines.offline_store import OfflineStore
from headwater.pipelines.settings import Settings
print(OfflineStore(Settings(offline_root=sys.argv[1]), PLAN).end_offsets())
"""


def hasty(root: str) -> Settings:
    """Settings by which what vacuum may delete is deleted at once: nothing else may be under way then."""
    return Settings(offline_root=root).model_copy(update={"offline_retention_hours": 0})


def all_days(upkeep: OfflineUpkeep) -> list[object]:
    return sorted({file.day for file in upkeep.live_files()})


class Table:
    """A table that is appended to, one row at a time, in file after file."""

    def __init__(self, root: Path) -> None:
        self.settings = Settings(offline_root=str(root))
        self.store = OfflineStore(self.settings, PLAN)
        self.upkeep = OfflineUpkeep(self.settings, PLAN)
        self.end = 0

    def append(self, count: int) -> None:
        for _ in range(count):
            start, end = {0: self.end, 1: 0}, {0: self.end + 1, 1: 0}
            while self.store.end_offsets() != end:
                with suppress(OfflineStoreError):  # others commit all the time here
                    self.store.append(rows(self.end, self.end + 1), start, end)
            self.end += 1

    def compact(self) -> None:
        self.upkeep.compact(all_days(self.upkeep))

    def offsets(self, version: int | None = None) -> list[int]:
        table = open_table(self.settings, PLAN.view, PLAN.generation, version)
        return sorted(table.to_pyarrow_table()["log_offset"].to_pylist())

    def files(self) -> set[Path]:
        return set(Path(self.store.location).rglob("*.parquet"))

    def age(self, pattern: str) -> None:
        for file in Path(self.store.location).glob(pattern):
            os.utime(file, (LONG_AGO, LONG_AGO))


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return Table(tmp_path)


@contextmanager
def working(table: Table, step: str) -> Iterator[subprocess.Popen[str]]:
    """A process that does this step over and over, ready for it; killed behind the block."""
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, table.settings.offline_root, step], stdout=subprocess.PIPE, text=True
    )
    try:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
        yield worker
    finally:
        worker.kill()
        worker.communicate()
    assert worker.returncode == -signal.SIGKILL, "it works until it is killed"


def test_compaction_leaves_one_file_of_the_same_rows_and_offsets(table: Table) -> None:
    table.append(12)
    assert len(table.upkeep.live_files()) == 12
    table.compact()
    assert len(table.upkeep.live_files()) == 1
    assert table.offsets() == list(range(12))
    assert table.store.end_offsets() == {0: 12, 1: 0}
    table.append(1)
    assert table.offsets() == list(range(13))


def test_compaction_of_one_day_leaves_the_others_alone(table: Table) -> None:
    for first, last in ((0, 1), (1, 2), (90_000, 90_001), (90_001, 90_002)):
        table.store.append(rows(first, last), {0: table.end, 1: 0}, {0: last, 1: 0})
        table.end = last
    first_day, second_day = all_days(table.upkeep)
    assert table.upkeep.compact([first_day]) == (1, 2, 1)
    assert sorted(file.day for file in table.upkeep.live_files()) == [first_day, second_day, second_day]


def test_older_versions_and_open_readers_outlive_compaction_and_vacuum_within_the_retention(table: Table) -> None:
    table.append(6)
    reader, version = DeltaTable(table.store.location), DeltaTable(table.store.location).version()
    lazy = pl.scan_delta(table.store.location, version=version)
    table.compact()
    table.append(2)
    table.upkeep.vacuum()
    table.upkeep.clean_log()
    assert reader.to_pyarrow_table().num_rows == 6
    assert lazy.collect().height == 6
    assert table.offsets(version) == list(range(6))
    assert table.offsets() == list(range(8))


def test_vacuum_deletes_what_was_replaced_before_the_retention(table: Table) -> None:
    table.append(6)
    table.compact()
    assert len(table.files()) == 7
    assert OfflineUpkeep(hasty(table.settings.offline_root), PLAN).vacuum() == 6
    assert len(table.files()) == 1
    assert table.offsets() == list(range(6))


def test_vacuum_deletes_files_without_a_commit_once_no_append_can_still_want_them(table: Table) -> None:
    table.append(1)
    (live,) = table.files()
    young, old = live.with_name("young.parquet"), live.with_name("old.parquet")
    for file in (young, old):
        file.write_bytes(live.read_bytes())
    os.utime(old, (LONG_AGO, LONG_AGO))
    os.utime(live, (LONG_AGO, LONG_AGO))
    assert table.upkeep.vacuum() == 1
    assert table.files() == {live, young}


def test_a_table_takes_on_the_retention_of_the_settings_for_every_tool(table: Table) -> None:
    table.append(1)
    longer = table.settings.model_copy(update={"offline_retention_hours": 500})
    OfflineUpkeep(longer, PLAN).vacuum()
    assert set(DeltaTable(table.store.location).metadata().configuration.values()) == {"interval 500 hours"}
    table.append(1)
    assert table.offsets() == [0, 1]


def test_a_fresh_process_finds_the_offsets_behind_a_checkpoint_when_the_commits_are_gone(table: Table) -> None:
    table.append(5)
    table.upkeep.clean_log()
    table.age("_delta_log/*")
    table.upkeep.clean_log()
    assert not list(Path(table.store.location).glob("_delta_log/0*[0-4].json"))
    found = subprocess.run(
        [sys.executable, "-c", END_OFFSETS, table.settings.offline_root], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "{0: 5, 1: 0}"
    table.append(1)
    assert table.offsets() == list(range(6))


def test_clean_up_keeps_the_versions_that_are_younger_than_the_retention(table: Table) -> None:
    table.append(3)
    table.upkeep.clean_log()
    table.append(4)
    for version in range(6):
        table.age(f"_delta_log/{version:020d}.*")
    table.upkeep.clean_log()
    assert [table.offsets(version) for version in range(6, 8)] == [list(range(6)), list(range(7))]
    with pytest.raises(OfflineStoreError, match="cannot be opened"):
        table.offsets(1)


def test_compaction_killed_again_and_again_while_rows_flow_loses_and_doubles_nothing(table: Table) -> None:
    table.append(10)
    stop = threading.Event()
    choice = random.Random(SEED)

    def flow() -> None:
        while not stop.is_set():
            table.append(1)

    appends = threading.Thread(target=flow)
    appends.start()
    try:
        for _ in range(KILLS):
            with working(table, "compact"):
                time.sleep(choice.uniform(0, 0.4))
    finally:
        stop.set()
        appends.join()
    assert table.offsets() == list(range(table.end))
    assert table.store.end_offsets() == {0: table.end, 1: 0}
    table.compact()
    assert table.offsets() == list(range(table.end))


@pytest.mark.parametrize(
    ("step", "sight"),
    [
        ("compact", "day=*/*.parquet"),
        ("compact", "_delta_log/*.json"),
        ("clean_log", "_delta_log/*.parquet*"),
        ("vacuum", "_delta_log/*.json"),
        ("vacuum", "day=*/*.parquet"),
    ],
)
def test_a_step_killed_at_the_sight_of_what_it_writes_or_deletes_leaves_every_row(
    table: Table, step: str, sight: str
) -> None:
    def seen() -> set[Path]:
        return set(Path(table.store.location).glob(sight))

    for _ in range(2):
        table.append(4)
        if step == "vacuum":
            table.compact()
        before = seen()
        with working(table, step) as worker:
            deadline = time.monotonic() + 5
            while seen() == before and time.monotonic() < deadline:
                pass
            worker.kill()
        assert table.offsets() == list(range(table.end))
        assert table.store.end_offsets() == {0: table.end, 1: 0}


def test_two_that_compact_and_clean_beside_appends_leave_every_row_once(table: Table) -> None:
    table.append(5)
    with working(table, "compact"), working(table, "compact"), working(table, "clean_log"):
        table.append(20)
    assert table.offsets() == list(range(25))
    assert table.store.end_offsets() == {0: 25, 1: 0}


@pytest.mark.parametrize("in_time_to_be_seen", [True, False])
def test_a_compaction_that_another_process_overtakes_is_refused(
    table: Table, monkeypatch: pytest.MonkeyPatch, in_time_to_be_seen: bool
) -> None:
    """The other one comes behind the claim, or only behind the snapshot that was taken then."""
    slow, fast = OfflineUpkeep(table.settings, PLAN), OfflineUpkeep(table.settings, PLAN)
    table.append(4)
    days = all_days(fast)
    claim = slow._claim()
    snapshot = slow._open()
    fast.compact(days)
    table.append(2)
    monkeypatch.setattr(slow, "_claim", lambda: claim)
    if not in_time_to_be_seen:
        monkeypatch.setattr(slow, "_open", lambda: snapshot)
    with pytest.raises(OfflineStoreError) as refused:
        slow.compact(days)
    assert refused.value.failure == "conflict"
    assert table.offsets() == list(range(6))


def test_delta_would_let_two_compactions_double_rows_so_the_claim_is_ours(table: Table) -> None:
    """What the claim is for. Once this fails, delta-rs has mended it, and the claim may go."""
    table.append(3)
    one, other = DeltaTable(table.store.location), DeltaTable(table.store.location)
    one.optimize.compact()
    other.optimize.compact()
    assert table.offsets() == [0, 0, 1, 1, 2, 2]


def test_old_and_new_files_of_a_view_that_got_a_feature_are_read_and_compacted_as_one(table: Table) -> None:
    table.append(4)
    newer_plan = make_plan(features=[*FEATURES, ("note_last_1h", "string")])
    newer = OfflineStore(table.settings, newer_plan)
    more = rows(4, 6).add_column(0, newer.schema.field("note_last_1h"), [pa.array(["x", "y"])])
    newer.append(more.select(newer.schema.names), {0: 4, 1: 0}, {0: 6, 1: 0})

    def check() -> None:
        expected = [None] * 4 + ["x", "y"]
        delta = DeltaTable(table.store.location)
        files = pyarrow.dataset.dataset(delta.file_uris(), pa.schema(delta.schema()), partitioning="hive")
        arrow = delta.to_pyarrow_dataset()
        assert arrow.to_table().sort_by("n")["note_last_1h"].to_pylist() == expected
        assert files.to_table().sort_by("n")["note_last_1h"].to_pylist() == expected
        assert pl.read_delta(table.store.location).sort("n")["note_last_1h"].to_list() == expected
        in_duckdb = duckdb.sql("select note_last_1h from arrow order by n").fetchall()
        assert [note for (note,) in in_duckdb] == expected

    check()
    table.compact()
    assert len(table.upkeep.live_files()) == 1
    check()
    # An archive of the older plan that still runs goes on, and leaves the new column empty.
    table.store.append(rows(6, 7), {0: 6, 1: 0}, {0: 7, 1: 0})
    assert table.offsets() == list(range(7))


def test_a_table_that_is_not_there_yet_is_said_to_be_so(table: Table) -> None:
    with pytest.raises(OfflineStoreError, match="cannot be opened"):
        table.upkeep.live_files()
    wait_until(lambda: table.store.end_offsets() == {0: 0, 1: 0})
