"""The page of metrics and the code agree: names, types, units, labels and what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, get_args

import numpy as np
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from redis import Redis

from headwater.operators.conditions import Conditions
from headwater.operators.log_batch import ROW_HEADERS
from headwater.operators.online_metrics import OnlineLimits, OnlineMetrics, PartitionStatus
from headwater.operators.value_statistics import LEAST_ROWS
from headwater.pipelines.archive_metrics import ArchiveMetrics
from headwater.pipelines.job import JobMetrics
from headwater.pipelines.settings import Settings
from headwater.pipelines.upkeep_watch import UpkeepMetrics
from headwater.pipelines.watch.probe_watch import ProbeMetrics
from headwater.pipelines.watch.process import Together
from headwater.pipelines.watch.value_watch import ValueWatch
from headwater.pipelines.watch.watch_metrics import ParityMetrics
from headwater.schemas.conditions import Process
from headwater.schemas.feature_log import CAUSES
from tests.dockerfile import ROOT
from tests.feature_log_rows import make_plan
from tests.metrics_page import SECTIONS, Row

PLAN = make_plan()
REGISTERED = {
    "archive_metrics.py",
    "conditions.py",
    "freshness.py",
    "job.py",
    "online_metrics.py",
    "probe_watch.py",
    "process.py",
    "upkeep_watch.py",
    "value_watch.py",
    "watch_metrics.py",
}
"""The files whose collectors are registered below."""


def test_what_the_processes_export_is_what_the_page_says() -> None:
    assert rows_of(conditions()) == SECTIONS["Every process"]
    assert rows_of(materialize()) == SECTIONS["headwater materialize"]
    assert rows_of(archive()) == SECTIONS["headwater archive"]
    assert rows_of(compute()) == SECTIONS["headwater compute"]
    assert rows_of(watch()) == SECTIONS["headwater watch"]


def test_every_file_that_makes_metrics_is_looked_at_here() -> None:
    makes = re.compile(r"\b(?:Counter|Gauge|Histogram|Summary|Enum|Info|\w+MetricFamily)\(\s*f?\"headwater_")
    files = [file for room in ("operators", "pipelines") for file in (ROOT / room).rglob("*.py")]
    found = {file.name for file in files if makes.search(file.read_text()) or "(Collector)" in file.read_text()}
    assert found == REGISTERED


def test_the_jobs_own_metrics_are_those_that_the_kernel_makes() -> None:
    sources = [file.read_text() for file in (ROOT / "operators/kernel/src/main").rglob("*.java")]
    made = {name for text in sources for name in re.findall(r"\.(?:counter|gauge)\(\"(\w+)\"", text)}
    listed = [row.name for row in SECTIONS["The job, by Flink's reporter"]]
    ends = {re.sub(r".*_headwater_(?:view_)?(?:reason_|expectation_)?", "", name) for name in listed}
    assert ends == made
    assert len(listed) == len(made)


def test_names_follow_the_conventions_of_prometheus() -> None:
    for section, rows in SECTIONS.items():
        for row in rows:
            if section.startswith(("Every", "headwater")):
                assert re.fullmatch(r"headwater_[a-z]+(_[a-z]+)*", row.name)
                assert row.name.endswith("_total") == (row.type == "counter")
                assert row.unit in (*row.name.split("_"), "1")
                assert row.meaning.endswith(".")
                assert not re.search(r"_(ms|millis|kb|mb|percent)(_|$)", row.name)


def conditions() -> CollectorRegistry:
    registry = CollectorRegistry()
    for process in get_args(Process):
        Conditions("v", process, registry)
    return registry


def materialize() -> CollectorRegistry:
    registry = CollectorRegistry()
    metrics = OnlineMetrics(PLAN, registry, OnlineLimits(1, 1.0, 1))
    metrics.report({0: PartitionStatus(as_of_ms=1, lag_rows=0, waiting_since_ms=None)})
    metrics.clock.observe(received_ms=1, written_ms=1)
    row = np.zeros(1, ROW_HEADERS)
    row["cause"] = CAUSES.index("EVENT")
    metrics.freshness.observe(row, received_ms=1, visible_ms=1)
    return registry


def archive() -> CollectorRegistry:
    registry = CollectorRegistry()
    ArchiveMetrics(PLAN, registry).store_failures.labels(PLAN.view, "away").inc()
    UpkeepMetrics(PLAN, registry).failures.labels(PLAN.view, "compact", "away").inc()
    return registry


def compute() -> CollectorRegistry:
    registry = CollectorRegistry()
    JobMetrics(PLAN.view, registry)
    return registry


def watch() -> CollectorRegistry:
    views = Together()
    together = CollectorRegistry()
    together.register(views)
    registry = views.registry()
    ParityMetrics(PLAN, registry)
    ProbeMetrics(PLAN, registry)
    settings = Settings(watch_values_seconds=1e-9, watch_reference_period_seconds=1e-9)
    values = ValueWatch(settings, PLAN, KeyValueStore(), registry)
    for _ in range(2):
        for number in range(LEAST_ROWS):
            values.add({"amount_sum_5m": number / 7, "purchases_1h": number})
        values.close_periods()
    return together


class KeyValueStore(Redis):
    """What is asked of Redis to keep a reference."""

    def __init__(self) -> None:
        self._values: dict[str, object] = {}

    def get(self, name: Any) -> Any:
        return self._values.get(name)

    def set(self, name: Any, value: Any, **_: Any) -> Any:
        self._values[name] = value


def rows_of(registry: CollectorRegistry) -> list[Row]:
    """What the page should say, by name, each once; conditions stand in a section of their own."""
    families = {family.name: family for family in registry.collect()}
    is_conditions = set(families) == {"headwater_condition"}
    return sorted(_row(each) for name, each in families.items() if is_conditions or name != "headwater_condition")


def _row(family: Metric) -> Row:
    name = family.name + ("_total" if family.type == "counter" else "")
    units = ("seconds", "bytes", "rows", "files", "batches", "records")
    unit = next((unit for unit in units if unit in name.split("_")), "1")
    return Row(name, _type(family), unit, tuple(_labels(family)), family.documentation)


def _type(family: Metric) -> str:
    # To Prometheus a set of states is a gauge for each.
    return "gauge" if family.type == "stateset" else family.type


def _labels(family: Metric) -> Iterator[str]:
    seen = {label for sample in family.samples for label in sample.labels} - {"le"}
    yield from sorted(seen, key=lambda label: (label != "view", label))
