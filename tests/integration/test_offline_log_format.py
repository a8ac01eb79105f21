"""The ways to read the offline log that its description shows, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.pipelines.offline_store import OfflineStore
from headwater.pipelines.settings import Settings
from tests.feature_log_rows import FEATURES, make_plan
from tests.integration.test_offline_store import PLAN, rows

PAGE = Path(__file__).parents[2] / "pipelines" / "offline_log.md"
TRAINING_SET, BY_SETTINGS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
DESCRIPTION = Path(__file__).parents[2] / "schemas" / "offline_log_format.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", DESCRIPTION.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A table of two days, with files that were compacted away and one that no commit knows."""
    root = str(tmp_path_factory.mktemp("offline"))
    store = OfflineStore(Settings(offline_root=root), PLAN)
    store.append(rows(0, 100), {0: 0, 1: 0}, {0: 100, 1: 0})
    store.append(rows(90_000, 90_050, partition=1), {0: 100, 1: 0}, {0: 100, 1: 90_050})
    store._open().optimize.compact()
    newer = OfflineStore(Settings(offline_root=root), make_plan(features=[*FEATURES, ("note_last_1h", "string")]))
    more = rows(100, 120).add_column(14, newer.schema.field("note_last_1h"), [pa.array(["x"] * 20)])
    newer.append(more.select(newer.schema.names), {0: 100, 1: 90_050}, {0: 120, 1: 90_050})
    live = next(Path(store.location).glob("day=2026-11-18/*.parquet"))
    live.with_name("torn.parquet").write_bytes(live.read_bytes()[:100])
    return store.location


def test_the_description_shows_a_way_for_each_engine_in_at_most_three_lines() -> None:
    shown = "\n".join(BLOCKS)
    assert all(engine in shown for engine in ("deltalake", "duckdb", "polars", "pyarrow.dataset"))
    assert all(len(block.splitlines()) <= 3 for block in BLOCKS)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: " ".join(re.findall(r"\w+", block)[1:2]))
def test_each_way_to_read_that_is_shown_gives_every_row_once(block: str, table: str) -> None:
    names: dict[str, Any] = {"path": table}
    exec(block, names)
    found = names["rows"]
    if hasattr(found, "to_arrow_table"):
        found = found.to_arrow_table()
    elif hasattr(found, "to_arrow"):
        found = found.to_arrow()
    found = pa.table(found)

    places = set(zip(found["log_partition"].to_pylist(), found["log_offset"].to_pylist(), strict=True))
    assert places == {(0, i) for i in range(120)} | {(1, i) for i in range(90_000, 90_050)}
    assert found.num_rows == 170
    assert sorted({str(day) for day in found["day"].to_pylist()}) == ["2026-11-18", "2026-11-19"]
    assert found["note_last_1h"].null_count == 150
    assert {str(clock.utcoffset()) for clock in found["clock"].to_pylist()} == {"0:00:00"}
    assert all(
        n == offset + 1 for n, offset in zip(found["n"].to_pylist(), found["log_offset"].to_pylist(), strict=True)
    )


def test_the_training_set_has_what_was_true_at_each_time_and_nothing_once_the_window_is_empty(table: str) -> None:
    names: dict[str, Any] = {"path": table}
    exec(TRAINING_SET, names)
    assert [row[-1] for row in names["training"].fetchall()] == [0, pytest.approx(1 / 7), 0]


def test_a_reader_finds_the_table_by_the_settings(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_OFFLINE_ROOT", str(Path(table).parents[1]))
    names: dict[str, Any] = {}
    exec(BY_SETTINGS, names)
    assert names["rows"].num_rows == 170
