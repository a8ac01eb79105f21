"""What a job goes on from when its newest checkpoint is unusable, and which checkpoints nobody needs any more."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, get_args

import pytest
from prometheus_client import CollectorRegistry

from headwater.pipelines import job as job_module
from headwater.pipelines.broken_restores import REFUSED, cannot_restore, is_damaged
from headwater.pipelines.checkpoints import MAGIC, CheckpointStore, checkpoint_store
from headwater.pipelines.flink_rest import CheckpointCounts, Failure, Job
from headwater.pipelines.job import ComputeJob
from headwater.pipelines.settings import Settings
from headwater.pipelines.submission import PLAN_PARAMETER
from headwater.pipelines.unusable import Note, Origin, PassedOver, Reason
from headwater.schemas.errors import ClusterError, SettingsError
from tests.feature_log_rows import make_plan

PLAN = make_plan(view="v")
FIRST, SECOND, THIRD = "aaaaaa01" * 4, "bbbbbb02" * 4, "cccccc03" * 4
"""Ids of jobs, in the order in which they ran."""

MISSING = """\
java.lang.Exception: Exception while creating StreamOperatorStateContext.
Caused by: org.apache.flink.util.FlinkException: Could not restore keyed state backend for FeatureOperator
Caused by: java.io.FileNotFoundException: /c/v-g1/aa/chk-7/0d7f (No such file or directory)"""
AWAY = """\
java.lang.Exception: Exception while creating StreamOperatorStateContext.
Caused by: java.net.ConnectException: Connection refused"""


class Lab:
    """The checkpoint directory of a view; time passes with everything that is written."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "v-g1"
        self.store: CheckpointStore = checkpoint_store(str(directory), PLAN)
        self._now = 1_000

    def checkpoints(self, job: str, *numbers: int) -> None:
        for number in numbers:
            self._complete(f"{job}/chk-{number}")

    def savepoint(self, directory: str, job: str) -> str:
        return self._complete(f"{directory}/savepoint-{job[:6]}-0123456789ab")

    def refused(self, job: str, restored_from: str | None) -> None:
        self.store.note(job, Note(reason="commit_refused", restored_from=self.url(restored_from)))

    def damage(self, place: str) -> None:
        """Its metadata are cut short; that takes no time."""
        metadata = self.root / place / "_metadata"
        written_ns = metadata.stat().st_mtime_ns
        metadata.write_bytes(MAGIC[:2])
        os.utime(metadata, ns=(written_ns, written_ns))

    def url(self, place: str | None) -> str | None:
        return None if place is None else f"{self.store.url}/{place}"

    def origin(self) -> tuple[str | None, list[str]]:
        """What the next job goes on from, and what it passes over."""
        found = self.store.origin()
        below = f"{self.store.url}/"
        return found.url and found.url.removeprefix(below), [each.url.removeprefix(below) for each in found.passed_over]

    def left(self) -> set[str]:
        """The directories of jobs and of savepoints, and the notes."""
        found = (*self.root.glob("*"), *self.root.glob("s*/*"), *self.root.glob("unusable/*"))
        return {str(each.relative_to(self.root)) for each in found} - {"savepoints", "stops", "unusable"}

    def _complete(self, place: str) -> str:
        directory = self.root / place
        directory.mkdir(parents=True)
        metadata = directory / "_metadata"
        metadata.write_bytes(MAGIC + b"state")
        self._now += 1
        os.utime(metadata, (self._now, self._now))
        return place


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_the_checkpoint_whose_commit_was_refused_is_passed_over_and_then_the_one_before_it(lab: Lab) -> None:
    lab.checkpoints(FIRST, 4, 6, 7)
    lab.refused(FIRST, None)
    assert lab.origin() == (f"{FIRST}/chk-6", [f"{FIRST}/chk-7"])
    lab.refused(SECOND, f"{FIRST}/chk-6")
    assert lab.origin() == (f"{FIRST}/chk-4", [f"{FIRST}/chk-7", f"{FIRST}/chk-6"])
    lab.checkpoints(THIRD, 5)
    assert lab.origin() == (f"{THIRD}/chk-5", []), "what is older matters no more"


def test_a_savepoint_whose_commit_was_refused_is_passed_over(lab: Lab) -> None:
    lab.checkpoints(FIRST, 7)
    stop = lab.savepoint("stops", FIRST)
    lab.refused(FIRST, None)
    assert lab.origin() == (f"{FIRST}/chk-7", [stop])


def test_a_url_means_the_same_as_flink_writes_it(lab: Lab) -> None:
    lab.checkpoints(FIRST, 6, 7)
    written = str(lab.url(f"{FIRST}/chk-7")).replace("file:///", "file:/")
    lab.store.note(SECOND, Note(reason="damaged", restored_from=written))
    assert lab.store.origin() == Origin(
        lab.url(f"{FIRST}/chk-6"), (PassedOver(str(lab.url(f"{FIRST}/chk-7")), "damaged"),)
    )
    assert lab.store.origin().passes_over(f"{written}/")


@pytest.mark.parametrize("reason", get_args(Reason))
def test_a_job_that_can_go_on_from_nothing_says_what_to_do(lab: Lab, reason: Reason) -> None:
    lab.checkpoints(FIRST, 1, 2)
    for job, place in ((FIRST, None), (SECOND, f"{FIRST}/chk-1")):
        lab.store.note(job, Note(reason=reason, restored_from=lab.url(place)))
    with pytest.raises(ClusterError, match=rf"(?s)Set another generation=.*chk-2: {reason}\n.*chk-1: {reason}"):
        lab.store.origin()


def test_a_note_that_is_none_of_ours_is_told(lab: Lab) -> None:
    lab.refused(FIRST, None)
    (lab.root / "unusable" / f"{FIRST}.json").write_text("{")
    with pytest.raises(SettingsError, match=rf"unusable/{FIRST}\.json is no note"):
        lab.store.origin()


def test_once_a_job_has_all_its_checkpoints_those_before_it_are_deleted_but_no_savepoint_that_was_asked_for(
    lab: Lab,
) -> None:
    lab.checkpoints(FIRST, 5, 6, 7)
    asked_for, stop = lab.savepoint("savepoints", FIRST), lab.savepoint("stops", FIRST)
    lab.refused(FIRST, None)
    lab.checkpoints(SECOND, 8, 9)
    before = lab.left()
    assert lab.store.tidy() == [], "it may yet have to go back"
    assert lab.left() == before
    lab.checkpoints(SECOND, 10)
    last_stop = lab.savepoint("stops", SECOND)
    assert sorted(lab.store.tidy()) == [FIRST, stop]
    assert lab.left() == {SECOND, asked_for, last_stop}


def test_what_a_job_with_an_unusable_checkpoint_may_go_back_to_is_not_deleted(lab: Lab) -> None:
    lab.checkpoints(FIRST, 5, 6, 7)
    lab.checkpoints(SECOND, 8, 9, 10)
    lab.refused(SECOND, f"{FIRST}/chk-7")
    before = lab.left()
    assert lab.store.tidy() == []
    assert lab.left() == before


def test_a_store_that_does_not_answer_is_no_damage() -> None:
    assert is_damaged(MISSING)
    assert not is_damaged(AWAY)
    assert not is_damaged("java.io.FileNotFoundException: /etc/ssl/ca.pem"), "no state is being restored"


def test_only_a_job_that_has_failed_to_read_its_state_several_times_since_its_newest_checkpoint_gives_it_up() -> None:
    counts = CheckpointCounts(4, 0, 3, 1_000, 5, 5, None, "file:/c/v-g1/aa/chk-7")
    missing = [Failure(at_ms, MISSING) for at_ms in (4_000, 3_000, 2_000)]
    assert cannot_restore(missing, counts)
    assert not cannot_restore(missing[:2], counts)
    assert not cannot_restore([Failure(5_000, AWAY), *missing], counts)
    assert not cannot_restore([*missing[:2], Failure(900, MISSING)], counts)


class Cluster:
    """A cluster on which one job after the other fails for this cause, until there is none left that does."""

    def __init__(self, *causes: str) -> None:
        self._causes = list(causes)
        self.submitted: list[str | None] = []

    def jobs(self, name: str) -> list[Job]:
        return [Job(FIRST, name, "RUNNING", 1)]

    def parameters(self, job_id: str) -> dict[str, str]:
        return {PLAN_PARAMETER: PLAN.digest()}

    def state(self, job_id: str) -> str:
        return "FAILED"

    def root_cause(self, job_id: str) -> str:
        return self._causes.pop(0)


def test_another_job_takes_over_from_one_whose_commit_was_refused_and_not_from_one_that_failed_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster: Any = Cluster(f"Caused by: {REFUSED}: aborted", "Caused by: another")
    monkeypatch.setattr(job_module, "WATCH_SECONDS", 0.0)
    compute = ComputeJob(Settings(checkpoint_dir=str(tmp_path)), PLAN, threading.Event(), CollectorRegistry())
    monkeypatch.setattr(compute, "_flink", cluster)
    monkeypatch.setattr(compute, "_submit", lambda: cluster.submitted.append(None) or SECOND)
    with pytest.raises(ClusterError, match="another"):
        compute.run()
    assert cluster.submitted == [None], "one job was submitted"
