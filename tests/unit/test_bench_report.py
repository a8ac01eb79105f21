"""Pages that are made of measured figures: nothing is left out, a missed goal stands there with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headwater.pipelines.bench.capacity import LOADS, USED, capacity_page, need
from headwater.pipelines.bench.figures import Figure, Machine, write_figures
from headwater.pipelines.bench.report import Report, read_reports, results_page
from headwater.schemas.errors import SettingsError

MACHINE = Machine("a cpu", 2, 2**34, "java", "flink", "kafka", "redis", "python", "headwater", 0.5)
MET = Figure("speed", 7, "of events/s", ">= 5", "measured so")
MISSED = Figure("reads", 12, "ratio", "<= 1.5", "measured otherwise")
PLAIN = Figure("rows", 123456.7, "rows/s", None, "measured so")


def reports(tmp_path: Path) -> list[Report]:
    write_figures(tmp_path / "one.json", [MET, MISSED, PLAIN], MACHINE)
    return read_reports([tmp_path / "one.json"])


def test_the_page_has_every_figure_with_its_conditions_and_the_command_that_repeats_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["headwater", "bench", "online", "--rows", "10", "--json", "here.json"])
    page = results_page(reports(tmp_path), {})
    assert "## `headwater bench online --rows 10`\n" in page
    assert "| rows | 123,457 rows/s |" in page
    assert "measured so." in page
    assert "measured otherwise." in page
    assert "load 0.5, " in page


def test_a_goal_that_is_missed_stands_there_as_missed_with_its_reason(tmp_path: Path) -> None:
    page = results_page(reports(tmp_path), {"reads": "decoding dominates."})
    assert "| speed | 7.00 of events/s | >= 5 of events/s | met |" in page
    assert "| reads | 12.0 ratio | <= 1.5 ratio | **missed** |" in page
    assert "* **reads**: decoding dominates." in page


def test_a_missed_goal_without_a_reason_is_said_not_to_be_profiled(tmp_path: Path) -> None:
    assert "* **reads**: not profiled yet." in results_page(reports(tmp_path), {})


def test_a_file_that_no_measurement_wrote_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(json.dumps({"figures": []}))
    with pytest.raises(SettingsError, match=r"other\.json: not a file that `headwater bench"):
        read_reports([tmp_path / "other.json"])


def test_capacities_say_which_figures_they_lack_and_how_to_measure_them(tmp_path: Path) -> None:
    page = capacity_page(reports(tmp_path))
    assert all(f"| {name} | not measured yet | `{command}` |" in page for name, command in USED.items())
    assert "gives first" not in page.split("## What loads need")[1]


def test_what_a_load_needs_follows_from_the_figures() -> None:
    figures = {name: Figure(name, 2.0, "", None, "") for name in USED}
    figures["full path a core, 5 windows, uniform"] = Figure("", 100_000, "events/s", None, "")
    of_one_machine = need(LOADS[1], figures)
    assert of_one_machine.job_cores == pytest.approx(20_000 / 100_000 * 2)
    assert of_one_machine.rows_per_second == 40_000
    assert of_one_machine.redis_cores == pytest.approx(0.08)
    assert of_one_machine.redis_bytes == 2_000_000
    assert of_one_machine.parquet_bytes_per_day == 40_000 * 2 * 86_400


def test_the_part_that_gives_first_is_the_nearest_to_a_whole_core() -> None:
    figures = {name: Figure(name, 2.0, "", None, "") for name in USED}
    figures["CPU of archive"] = Figure("", 9.0, "us per row", None, "")
    assert need(LOADS[0], figures).gives_first.startswith("the archive")
    page = capacity_page([Report("a.json", "c", "t", {}, tuple(Figure(n, 2.0, "", None, "") for n in USED))])
    assert "| gives first |" in page
