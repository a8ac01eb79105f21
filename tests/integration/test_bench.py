"""`headwater bench` measures the kernel itself, and shows nothing that the reference does not confirm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headwater.pipelines.bench.kernel import BenchKernel
from headwater.pipelines.bench.stream import BenchStream, StreamShape
from headwater.pipelines.bench.views import FEATURES, WINDOW, plan_of
from headwater.pipelines.commands.console import WIDTH_OF_FILES
from headwater.schemas.errors import VerificationError

SHAPE = StreamShape(events=2000, keys=40, per_second=10, distribution="uniform")


@pytest.fixture(scope="module")
def stream() -> BenchStream:
    return BenchStream(SHAPE)


@pytest.fixture(scope="module")
def kernel(stream: BenchStream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BenchKernel]:
    with BenchKernel(stream, tmp_path_factory.mktemp("bench")) as kernel:
        yield kernel


@pytest.mark.parametrize("name", FEATURES)
def test_what_the_kernel_computes_in_the_bench_is_what_the_reference_says(kernel: BenchKernel, name: str) -> None:
    run = kernel.run_checked(plan_of(name, FEATURES[name](WINDOW)))  # type: ignore[index]
    assert run.state_bytes_per_key > 0
    assert run.rows_per_event > 0


def test_a_result_that_is_not_the_references_is_no_figure(
    kernel: BenchKernel, stream: BenchStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "events_by_key", BenchStream(replace(SHAPE, per_second=20)).events_by_key)
    with pytest.raises(VerificationError, match="measured_sum"):
        kernel.run_checked(plan_of("measured_sum", FEATURES["sum"](WINDOW)))


def test_the_command_prints_tables_and_writes_figures(tmp_path: Path) -> None:
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "headwater.pipelines.cli", "bench", "aggregates", "sum", "--json", str(file)]
    sizes = ["--events", "2000", "--keys", "50", "--repeats", "1"]
    run = subprocess.run([*command, *sizes], capture_output=True, text=True, timeout=280, check=True)
    assert "20 windows beside 1" in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= WIDTH_OF_FILES
    figures = json.loads(file.read_text())["figures"]
    assert {each["goal"] for each in figures} == {None, "<= 1.25"}
