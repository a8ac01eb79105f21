"""Figures have goals and conditions; every aggregate is measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from headwater.pipelines.bench.aggregates import Comparison, Effort, figures_of
from headwater.pipelines.bench.figures import Figure, Machine, write_figures
from headwater.pipelines.bench.kernel import Run
from headwater.pipelines.bench.stream import SCHEMA, BenchStream, StreamShape
from headwater.pipelines.bench.views import FEATURES, WINDOW, plan_of
from headwater.schemas.aggregation import AGGREGATES

MACHINE = Machine("a cpu", 2, 2**30, "java", "flink", "kafka", "redis", "python", "headwater", 0.5)


def test_every_aggregate_is_measured() -> None:
    assert FEATURES.keys() == AGGREGATES.keys()


@pytest.mark.parametrize("name", FEATURES)
def test_a_measured_view_computes_its_aggregate_over_fields_of_the_stream(name: str) -> None:
    plan = plan_of(name, FEATURES[name](WINDOW))  # type: ignore[index]
    assert name in {feature.aggregate for feature in plan.features}
    assert {column.name for column in plan.columns} <= {field["name"] for field in SCHEMA["fields"]}


@pytest.mark.parametrize("distribution", ["uniform", "Zipf 1.1"])
def test_a_stream_is_the_same_each_time_and_in_order(distribution: str) -> None:
    shape = StreamShape(500, 20, 100, distribution)  # type: ignore[arg-type]
    plan = plan_of("sum", FEATURES["sum"](WINDOW))
    first, second = (BenchStream(shape).events_by_key(plan) for _ in range(2))
    assert first == second
    times = sorted(event.time_us for events in first.values() for event in events)
    assert len(times) == 500
    assert times[-1] - times[0] == 4_990_000


@pytest.mark.parametrize(
    ("value", "goal", "met"), [(1.2, "<= 1.25", True), (1.3, "<= 1.25", False), (7, ">= 5", True), (9, None, True)]
)
def test_a_goal_is_met_or_not(value: float, goal: str | None, met: bool) -> None:
    assert Figure("x", value, "ratio", goal, "").meets_goal() is met


def test_figures_are_written_with_goal_conditions_and_machine(tmp_path: Path) -> None:
    effort = Effort(events=1000, keys=10, per_second=100, repeats=3)
    one, other = Run(1.0, 1.1, 100.0), Run(1.5, 1.1, 300.0)
    comparisons = [
        Comparison("sum", "uniform", one, other, of_windows=False),
        Comparison("count", "uniform", one, other, of_windows=True),
    ]
    write_figures(tmp_path / "figures.json", figures_of(comparisons, effort), MACHINE)
    report = json.loads((tmp_path / "figures.json").read_text())
    assert [(each["name"], each["value"], each["unit"], each["goal"]) for each in report["figures"]] == [
        ("state of sum, uniform", 300.0, "bytes per key", None),
        ("CPU of sum, uniform", 1.5, "us per event", None),
        ("CPU of sum, uniform, less that of count", 0.5, "us per event", None),
        ("CPU of 20 windows of count / 1 window, uniform", 1.5, "ratio", "<= 1.25"),
    ]
    assert all("1000 events of 10 keys, uniform, 100 a second" in each["conditions"] for each in report["figures"])
    assert report["machine"]["cores"] == 2
