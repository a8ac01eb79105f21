"""Conditions: what is told to be wrong, while it is."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from prometheus_client import CollectorRegistry

from headwater.operators.conditions import METRIC, Backlog, Conditions, MinuteRate
from headwater.operators.online_metrics import OnlineLimits, OnlineMetrics, PartitionStatus
from headwater.pipelines.archive_conditions import ArchiveConditions
from headwater.pipelines.flink_rest import STARTING, CheckpointCounts, FlinkRest, MetricRange
from headwater.pipelines.job_conditions import (
    REGISTRY_UNAVAILABLE,
    REJECTS,
    WATERMARK,
    JobConditions,
)
from headwater.pipelines.settings import Settings
from headwater.schemas.conditions import CONDITIONS, Process, conditions_of
from tests.feature_log_rows import make_plan

PAGE = Path(__file__).parents[2] / "pipelines" / "operating.md"


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("time.time", clock)
    monkeypatch.setattr("time.monotonic", clock)
    return clock


def holding(registry: CollectorRegistry) -> set[str]:
    samples = [sample for family in registry.collect() for sample in family.samples if sample.name == METRIC]
    return {sample.labels["condition"] for sample in samples if sample.value == 1}


def test_every_condition_is_told_by_one_process_and_none_holds_until_it_is_found() -> None:
    assert len({condition.name for condition in CONDITIONS}) == len(CONDITIONS)
    for process in get_args(Process):
        registry = CollectorRegistry()
        Conditions("v", process, registry)
        for condition in conditions_of(process):
            labels = {"view": "v", "condition": condition.name, "severity": condition.severity}
            assert registry.get_sample_value(METRIC, labels) == 0


def test_the_documentation_lists_every_condition_as_it_is() -> None:
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| <a id=")]
    assert rows == [
        f'| <a id="{name}"></a>`{name}` | {process} | {severity} | {summary} | {remedy} |'
        for name, process, severity, summary, remedy in CONDITIONS
    ]


def test_a_rate_is_the_growth_of_the_last_minute(clock: Clock) -> None:
    rate = MinuteRate()
    assert rate.grown() == 0
    for second in range(0, 121, 10):
        clock.now = second
        rate.observe(10 * second)
    assert rate.grown() == 600
    clock.now = 200
    assert rate.grown() == 0


def test_a_count_that_begins_anew_has_grown_from_nothing() -> None:
    rate = MinuteRate()
    rate.observe(500)
    rate.observe(30)
    assert rate.grown() == 30


def test_a_backlog_lasts_from_when_its_end_was_first_awaited_until_that_is_reached(clock: Clock) -> None:
    backlog = Backlog(60)
    backlog.observe(done=10, end=20)
    clock.now += 50
    backlog.observe(done=19, end=500)
    assert not backlog.lasts()
    clock.now += 11
    backlog.observe(done=19, end=600)
    assert backlog.lasts()
    backlog.observe(done=20, end=600)  # what was awaited is there; a newer end is awaited now
    assert not backlog.lasts()
    clock.now += 61
    assert backlog.lasts()
    backlog.observe(done=600, end=600)
    assert not backlog.lasts()


def test_the_online_store_is_behind_by_rows_or_by_seconds(clock: Clock) -> None:
    registry = CollectorRegistry()
    metrics = OnlineMetrics(make_plan(view="v"), registry, OnlineLimits(1000, 30.0, 100))
    now_ms = int(clock.now * 1000)
    metrics.report({0: PartitionStatus(now_ms, lag_rows=1000, waiting_since_ms=None)})
    assert "online_store_behind" not in holding(registry)
    metrics.report({0: PartitionStatus(now_ms, lag_rows=1001, waiting_since_ms=None)})
    assert "online_store_behind" in holding(registry)
    metrics.report({0: PartitionStatus(now_ms - 31_000, lag_rows=1, waiting_since_ms=None)})
    assert "online_store_behind" in holding(registry)
    metrics.report({0: PartitionStatus(now_ms - 31_000, lag_rows=0, waiting_since_ms=None)})
    assert holding(registry) == set()  # it has just begun to look
    clock.now += 11
    assert holding(registry) == {"stuck"}


def test_fenced_rows_count_by_the_minute_and_a_lost_store_is_told(clock: Clock) -> None:
    registry = CollectorRegistry()
    metrics = OnlineMetrics(make_plan(view="v"), registry, OnlineLimits(1000, 30.0, 100))
    metrics.report({})
    metrics.counts.rows_fenced += 101
    metrics.store_available = False
    metrics.report({})
    assert {"rows_fenced", "online_store_unavailable", "stuck"} == holding(registry)
    clock.now += 61
    metrics.store_available = True
    metrics.report({})
    assert "rows_fenced" not in holding(registry)


def test_the_archive_tells_a_held_transaction_from_rows_that_it_has_not_written(clock: Clock) -> None:
    registry = CollectorRegistry()
    settings = Settings(archive_flush_seconds=10, behind_seconds=5, checkpoint_interval_ms=10_000)
    archive = ArchiveConditions(settings, make_plan(view="v"), registry)
    archive.ends(0, archived=10, stable=10, end=30)
    clock.now += 41
    archive.ends(0, archived=10, stable=10, end=30)
    assert holding(registry) == {"open_transaction"}
    archive.ends(0, archived=10, stable=30, end=30)
    assert holding(registry) == set()
    clock.now += 36
    archive.ends(0, archived=10, stable=30, end=30)
    assert holding(registry) == {"offline_store_behind"}
    archive.ends(0, archived=30, stable=30, end=30)
    archive.fenced()
    archive.lost_rows()
    archive.store_available = False
    assert holding(registry) == {"archive_fenced", "rows_lost", "offline_store_unavailable"}
    clock.now += 61
    assert holding(registry) == {"rows_lost", "offline_store_unavailable"}


def test_the_archive_tells_when_its_upkeep_has_failed_three_times_in_a_row() -> None:
    registry = CollectorRegistry()
    archive = ArchiveConditions(Settings(), make_plan(view="v"), registry)
    for done in (False, False, True, False, False):
        archive.upkeep(done)
    assert holding(registry) == set()
    archive.upkeep(False)
    assert holding(registry) == {"offline_upkeep_failing"}
    archive.upkeep(True)
    assert holding(registry) == set()


def counts(last_completed_s: float | None) -> CheckpointCounts:
    if last_completed_s is None:
        return CheckpointCounts(0, 0, 0, None, None, None, None, None)
    return CheckpointCounts(1, 0, 0, int(last_completed_s * 1000), 5, 5, None, None)


def found(*, away: float = 0, rejects: float = 0, watermark_ms: float = 0) -> dict[str, list[MetricRange]]:
    return {
        REGISTRY_UNAVAILABLE: [MetricRange(0, away, away)],
        REJECTS: [MetricRange(0, rejects, rejects), MetricRange(0, 0, 0)],
        WATERMARK: [MetricRange(watermark_ms, watermark_ms, watermark_ms)],
    }


def test_a_job_is_down_until_it_runs_and_its_checkpoints_fail_once_none_was_completed_for_three_intervals(
    clock: Clock,
) -> None:
    registry = CollectorRegistry()
    job = JobConditions(Settings(checkpoint_interval_ms=10_000), make_plan(view="v"), registry)
    assert holding(registry) == {"job_down"}
    job.state("RUNNING")
    clock.now += 59
    assert holding(registry) == set()
    clock.now += 2
    assert holding(registry) == {"checkpoints_failing"}
    job.checkpoints(counts(clock.now - 1))
    assert holding(registry) == set()
    for state in ("RESTARTING", STARTING):
        job.state(state)
        clock.now += 100
        assert holding(registry) == {"job_down"}


@pytest.mark.parametrize(
    ("tasks", "state"),
    [
        ({"RUNNING": 3, "SCHEDULED": 0, "INITIALIZING": 0}, "RUNNING"),
        ({"RUNNING": 0, "SCHEDULED": 3, "INITIALIZING": 0}, STARTING),
        ({"RUNNING": 2, "SCHEDULED": 0, "INITIALIZING": 1}, STARTING),
    ],
)
def test_a_job_whose_tasks_wait_for_slots_or_state_is_not_running(
    tasks: dict[str, int], state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    flink = FlinkRest("http://flink")
    monkeypatch.setattr(flink, "_get", lambda *_, **__: {"state": "RUNNING", "status-counts": tasks})
    assert flink.state("job") == state


def test_what_the_job_says_of_its_registry_its_rejects_and_its_watermark_is_told(clock: Clock) -> None:
    registry = CollectorRegistry()
    plan = make_plan(view="v")
    job = JobConditions(Settings(dead_letters_per_minute=60), plan, registry)
    job.state("RUNNING")
    job.metrics(found(watermark_ms=clock.now * 1000))
    job.metrics(found(away=1, rejects=61, watermark_ms=clock.now * 1000))
    assert holding(registry) == {"registry_unavailable", "dead_letters"}
    lateness_ms = max(source.watermark_delay_ms + source.idle_timeout_ms for source in plan.sources)
    job.metrics(found(rejects=61, watermark_ms=clock.now * 1000 - lateness_ms - 60_001))
    assert holding(registry) == {"dead_letters", "expiry_late"}


def test_going_back_behind_a_checkpoint_is_told_until_another_is_complete(clock: Clock) -> None:
    registry = CollectorRegistry()
    job = JobConditions(Settings(), make_plan(view="v"), registry)
    job.state("RUNNING")
    job.goes_back("commit_refused")
    job.checkpoints(counts(None))
    assert holding(registry) == {"commit_refused"}
    job.goes_back("damaged")
    assert holding(registry) == {"commit_refused", "checkpoint_damaged"}
    job.checkpoints(counts(clock.now))
    assert holding(registry) == set()
