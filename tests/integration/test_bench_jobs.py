"""What `headwater bench` measures on servers of its own, at sizes at which only the shape of the figures counts."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.pipelines.bench import drain
from headwater.pipelines.bench.drain import JobChoices, compare_all
from headwater.pipelines.bench.events import EventShape
from headwater.pipelines.bench.graphs import STAGES
from headwater.pipelines.bench.servers import Servers, servers
from headwater.pipelines.commands.console import WIDTH_OF_FILES
from headwater.schemas.errors import VerificationError

SHAPE = EventShape(4000, 60, 500, "Zipf 1.1")
CHOICES = JobChoices(parallelism=1, checkpoint_ms=1000, state_backend="hashmap")


@pytest.fixture(scope="module")
def bench_servers() -> Iterator[Servers]:
    with servers(lambda _: None, heap_mb=512) as found:
        yield found


@pytest.mark.slow
def test_a_drain_whose_rows_are_the_references_has_a_figure_for_each_stage(
    bench_servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    (compared,) = compare_all(bench_servers, [SHAPE], [1], CHOICES, 1, lambda *_: None)
    assert compared.stages.keys() == set(STAGES)
    assert all(found.events_per_second > 0 and found.cpu_us_per_event > 0 for found in compared.stages.values())
    assert compared.stages["full"].rows_per_event > 0
    assert {"broker", "registry", "jobmanager", "taskmanager"} <= bench_servers.cpu_seconds().keys()


@pytest.mark.slow
def test_a_drain_with_a_wrong_row_has_no_figure(bench_servers: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    right = drain.newest_rows

    def with_a_planted_mistake(*arguments: Any) -> Any:
        rows, watermark_ms = right(*arguments)
        key = next(iter(rows))
        rows[key] = (rows[key][0], next(value for _, value in rows.values() if value != rows[key][1]))
        return rows, watermark_ms

    monkeypatch.setattr(drain, "newest_rows", with_a_planted_mistake)
    shape = EventShape(2000, 30, 500, "uniform")
    with pytest.raises(VerificationError, match="instead of"):
        next(compare_all(bench_servers, [shape], [1], CHOICES, 1, lambda *_: None))


SMALL = {
    "drain": ("--events", "4000", "--keys", "60", "--rate", "500", "--windows", "1", "--drawn", "zipf"),
    "online": ("--rows", "20000", "--keys", "300", "--calls", "20"),
    "archive": ("--rows", "3000", "--keys", "300"),
    "scale": ("--cores", "1", "--keys", "2000", "--events", "4000", "--checkpoint", "1s", "--heap", "512"),
    "peers": ("--only", "flink sql", "--windows", "1", "--events", "4000", "--keys", "60", "--rate", "5"),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "command", [pytest.param(each, marks=[] if each in {"drain", "online"} else pytest.mark.nightly) for each in SMALL]
)
def test_the_commands_print_tables_and_write_figures(tmp_path: Path, command: str) -> None:
    file = tmp_path / "figures.json"
    arguments = [sys.executable, "-m", "headwater.pipelines.cli", "bench", command, "--json", str(file)]
    run = subprocess.run(
        [*arguments, *SMALL[command], "--repeats", "1"], capture_output=True, text=True, timeout=280, check=True
    )
    assert max(map(len, run.stdout.splitlines())) <= WIDTH_OF_FILES
    report = json.loads(file.read_text())
    assert all(each["value"] > 0 for each in report["figures"])
    assert any(each["goal"] for each in report["figures"]) or command == "drain"
    assert report["machine"]["cpu_seconds"]["broker"] > 0
