"""Which job of its view the compute process takes over, replaces or waits for."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from headwater.pipelines import job as job_module
from headwater.pipelines.deployment import job_name
from headwater.pipelines.flink_rest import Job
from headwater.pipelines.job import ComputeJob
from headwater.pipelines.settings import Settings
from headwater.pipelines.submission import PLAN_PARAMETER
from headwater.pipelines.unusable import Origin, Restoration
from headwater.schemas.errors import ClusterError
from tests.feature_log_rows import make_plan

PLAN = make_plan(view="rides")


class Cluster:
    """A cluster with one job, whose parameters are these, one answer after the other."""

    def __init__(self, *answers: dict[str, str]) -> None:
        self._answers: Iterator[dict[str, str]] = iter(answers)
        self.stopped: list[str] = []

    def jobs(self, name: str) -> list[Job]:
        return [Job("id", name, "FINISHED" if self.stopped else "RUNNING", 1)]

    def parameters(self, job_id: str) -> dict[str, str]:
        return next(self._answers)

    def stop(self, job_id: str, directory: str, timeout_seconds: float) -> str:
        self.stopped.append(job_id)
        return "savepoint"


def adopted(cluster: Cluster, directory: Path, monkeypatch: pytest.MonkeyPatch) -> str | None:
    monkeypatch.setattr(job_module, "WATCH_SECONDS", 0.0)
    compute = ComputeJob(Settings(checkpoint_dir=str(directory)), PLAN, threading.Event(), CollectorRegistry())
    fake: Any = cluster
    monkeypatch.setattr(compute, "_flink", fake)
    return compute._adopt()


class Submitting:
    """A cluster to which jobs are submitted."""

    def __init__(self) -> None:
        self.cancelled: list[str] = []

    def jobs(self, name: str) -> list[Job]:
        return []

    def cancel(self, job_id: str) -> None:
        self.cancelled.append(job_id)

    def state(self, job_id: str) -> str:
        return "CANCELED" if job_id in self.cancelled else "RUNNING"


def test_a_job_gives_way_if_somebody_went_back_to_a_savepoint_while_it_was_submitted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compute = ComputeJob(Settings(checkpoint_dir=str(tmp_path)), PLAN, threading.Event(), CollectorRegistry())
    cluster: Any = Submitting()
    monkeypatch.setattr(compute, "_flink", cluster)
    monkeypatch.setattr(job_module, "lay_groundwork", lambda *_: (None, Origin(None), None))
    monkeypatch.setattr(job_module, "prepare", lambda *_, **__: None)
    monkeypatch.setattr(job_module, "job_jars", list)
    submitted = iter(["first", "second"])

    def submit(_: object) -> str:
        job = next(submitted)
        if job == "first":
            compute._store.decide(Restoration(to="savepoints/savepoint-0", before=(), jobs=("earlier",)))
        return job

    monkeypatch.setattr(job_module, "submit_in_child", submit)
    assert compute._submit() == "second"
    assert cluster.cancelled == ["first"]
    decided = compute._store.decision()
    assert decided is not None
    assert decided.jobs == ("earlier", "first"), "what the first may have written is left behind too"


def test_a_job_that_runs_the_plan_is_taken_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert adopted(Cluster({PLAN_PARAMETER: PLAN.digest()}), tmp_path, monkeypatch) == "id"


def test_a_job_that_a_new_job_manager_is_about_to_resume_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = Cluster({}, {}, {PLAN_PARAMETER: PLAN.digest()})
    assert adopted(cluster, tmp_path, monkeypatch) == "id"
    assert cluster.stopped == []


def test_a_job_of_another_plan_is_stopped_with_a_savepoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Cluster({PLAN_PARAMETER: "another"})
    assert adopted(cluster, tmp_path, monkeypatch) is None
    assert cluster.stopped == ["id"]


def test_a_job_that_never_says_which_plan_it_runs_is_neither_stopped_nor_doubled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job_module, "PATIENCE_SECONDS", -1.0)
    with pytest.raises(ClusterError, match=f"{job_name(PLAN)} is RUNNING and does not say which plan it runs"):
        adopted(Cluster({}), tmp_path, monkeypatch)
