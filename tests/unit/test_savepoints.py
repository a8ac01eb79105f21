"""What people do with savepoints: see what is kept, take one, go back to one; and what they are refused."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.pipelines import cli
from headwater.pipelines.checkpoints import METADATA, CheckpointStore, checkpoint_store
from headwater.pipelines.deployment import job_name
from headwater.pipelines.flink_rest import Job
from headwater.pipelines.savepoints import listed, restore, take
from headwater.schemas import Plan, count_events, sum_of
from headwater.schemas.errors import ClusterError
from tests.unit.test_declaring import plan_of
from tests.unit.test_unusable_checkpoints import FIRST, PLAN, SECOND, THIRD, Lab


class Cluster:
    """A cluster with this job of the view, or with none, which writes a savepoint when it is asked."""

    def __init__(self, lab: Lab, running: str = "", *, application: bool = False) -> None:
        self._lab, self._running, self._application = lab, running, application
        self.cancelled: list[str] = []

    def jobs(self, name: str) -> list[Job]:
        states: Iterator[tuple[str, str]] = iter(
            [(THIRD, "FINISHED"), *([(self._running, "RUNNING")] * bool(self._running))]
        )
        return [Job(job, name, state, number) for number, (job, state) in enumerate(states)]

    def savepoint(self, job_id: str, directory: str, timeout_seconds: float) -> str:
        return self._write(job_id, directory)

    def stop(self, job_id: str, directory: str, timeout_seconds: float) -> str:
        return self._write(job_id, directory)

    def cancel(self, job_id: str) -> None:
        self.cancelled.append(job_id)

    def state(self, job_id: str) -> str:
        return "CANCELED" if job_id in self.cancelled else "RUNNING"

    def is_application(self) -> bool:
        return self._application

    def _write(self, job_id: str, directory: str) -> str:
        written = self._lab.savepoint(directory.rpartition("/")[2], job_id)
        return f"{self._lab.store.url}/{written}".replace("file:///", "file:/")


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def go_back(lab: Lab, chosen: str, running: str = "", plan: Plan = PLAN) -> list[str]:
    """Goes back, and returns the jobs that were cancelled for it."""
    cluster: Any = Cluster(lab, running)
    restore(cluster, lab.store, plan, chosen)
    cancelled: list[str] = cluster.cancelled
    return cancelled


def uses(store: CheckpointStore) -> dict[str, str]:
    return {each.name: each.use for each in listed(store)}


def test_all_that_is_kept_is_listed_the_newest_first_with_what_a_job_goes_on_from(lab: Lab) -> None:
    assert listed(lab.store) == []
    lab.checkpoints(FIRST, 6, 7)
    asked_for = lab.savepoint("savepoints", FIRST)
    lab.checkpoints(FIRST, 8)
    stop = lab.savepoint("stops", FIRST)
    lab.refused(FIRST, None)
    found = listed(lab.store)
    assert [(each.name, each.kind, each.use) for each in found] == [
        (stop, "stop", "commit_refused"),
        (f"{FIRST}/chk-8", "checkpoint", "next"),
        (asked_for, "savepoint", "usable"),
        (f"{FIRST}/chk-7", "checkpoint", "usable"),
        (f"{FIRST}/chk-6", "checkpoint", "usable"),
    ]
    assert lab.origin()[0] == found[1].name
    assert [each.written_ms for each in found] == [1_005_000, 1_004_000, 1_003_000, 1_002_000, 1_001_000]


@pytest.mark.parametrize("stop", [False, True])
def test_a_savepoint_is_taken_where_it_is_kept_and_found_again_and_says_which_plan_it_is_of(
    lab: Lab, stop: bool
) -> None:
    lab.store.remember(PLAN)
    cluster: Any = Cluster(lab, FIRST)
    taken = take(cluster, lab.store, PLAN, stop=stop)
    name = f"savepoints/{taken.rpartition('/')[2]}"
    assert uses(lab.store) == {name: "next"}
    assert lab.store.plan(name) == PLAN


def test_of_a_job_that_does_not_run_no_savepoint_can_be_taken(lab: Lab) -> None:
    cluster: Any = Cluster(lab)
    with pytest.raises(ClusterError, match=f"no job {job_name(PLAN)} runs; `headwater savepoint list` shows"):
        take(cluster, lab.store, PLAN)


def test_the_next_job_goes_on_from_the_savepoint_and_later_from_what_it_has_written_itself(lab: Lab) -> None:
    lab.checkpoints(FIRST, 4)
    older = lab.savepoint("savepoints", FIRST)
    lab.checkpoints(SECOND, 5, 6)
    assert go_back(lab, older, running=SECOND) == [SECOND]
    lab.checkpoints(SECOND, 7)
    assert lab.origin() == (older, []), "the job went on writing until it was cancelled"
    assert uses(lab.store)[f"{SECOND}/chk-7"] == "left_behind"
    lab.checkpoints(THIRD, 5)
    assert lab.origin() == (f"{THIRD}/chk-5", [])


def test_if_it_turns_out_to_be_damaged_the_job_goes_on_from_the_one_before_it_and_from_nothing_newer(lab: Lab) -> None:
    lab.checkpoints(FIRST, 4)
    older = lab.savepoint("savepoints", SECOND)
    lab.checkpoints(SECOND, 5)
    go_back(lab, older)
    lab.refused(THIRD, older)
    assert lab.origin() == (f"{FIRST}/chk-4", [older])


def test_one_can_think_better_of_it_and_go_forward_again(lab: Lab) -> None:
    older = lab.savepoint("savepoints", FIRST)
    lab.checkpoints(SECOND, 5)
    go_back(lab, older)
    assert lab.origin()[0] == older
    go_back(lab, f"{SECOND}/chk-5")
    assert lab.origin()[0] == f"{SECOND}/chk-5"
    assert uses(lab.store) == {f"{SECOND}/chk-5": "next", older: "usable"}


def test_what_was_left_behind_does_not_come_back_when_the_savepoint_is_deleted(lab: Lab) -> None:
    older = lab.savepoint("savepoints", FIRST)
    lab.checkpoints(SECOND, 5)
    go_back(lab, older)
    (lab.root / older / METADATA).unlink()
    with pytest.raises(ClusterError, match=r"a job can go on from none.*\n.*chk-5: left behind"):
        lab.store.origin()


@pytest.mark.parametrize("written", ["{name}", "{store}/{name}", "file:{path}/{name}/"])
def test_a_savepoint_is_named_as_it_is_listed_or_by_its_url(lab: Lab, written: str) -> None:
    name = lab.savepoint("savepoints", FIRST)
    go_back(lab, written.format(name=name, store=lab.store.url, path=lab.root))
    assert lab.origin()[0] == name


@pytest.mark.parametrize(
    ("chosen", "said"),
    [
        ("savepoints/savepoint-none", r"v-g1 has no complete savepoints/savepoint-none; `headwater savepoint list`"),
        ("s3://b/v-g2/savepoints/savepoint-aaaaaa-0", r"is not in .*v-g1: it is another view's, or another generation"),
        (f"{FIRST}/chk-7", r"chk-7 is unusable: commit_refused, as the job a+01"),
        (f"{SECOND}/chk-8", r"the job that runs will delete .*chk-8: take a savepoint, or choose one"),
        (f"{FIRST}/chk-6", r"chk-6 is damaged: its _metadata is not what Flink writes"),
    ],
)
def test_what_one_cannot_go_back_to_is_refused_and_the_job_runs_on(lab: Lab, chosen: str, said: str) -> None:
    lab.checkpoints(FIRST, 6, 7)
    lab.refused(FIRST, None)
    lab.checkpoints(SECOND, 8)
    lab.damage(f"{FIRST}/chk-6")
    cluster: Any = Cluster(lab, SECOND)
    with pytest.raises(ClusterError, match=said):
        restore(cluster, lab.store, PLAN, chosen)
    assert cluster.cancelled == []
    assert lab.origin() == (f"{SECOND}/chk-8", [])


class Deaf(Cluster):
    """A cluster whose job cannot be cancelled."""

    def cancel(self, job_id: str) -> None:
        raise ClusterError("Flink cannot be reached")


def test_where_the_job_cannot_be_cancelled_nothing_is_decided(lab: Lab) -> None:
    lab.checkpoints(FIRST, 4)
    older = lab.savepoint("savepoints", FIRST)
    cluster: Any = Deaf(lab, SECOND)
    lab.checkpoints(SECOND, 5)
    with pytest.raises(ClusterError, match="cannot be reached"):
        restore(cluster, lab.store, PLAN, older)
    assert lab.origin() == (f"{SECOND}/chk-5", [])
    go_back(lab, older)
    lab.checkpoints(THIRD, 6)
    cluster = Deaf(lab, THIRD)
    with pytest.raises(ClusterError, match="cannot be reached"):
        restore(cluster, lab.store, PLAN, f"{FIRST}/chk-4")
    assert uses(lab.store) == {
        f"{THIRD}/chk-6": "next",
        f"{SECOND}/chk-5": "left_behind",
        older: "usable",
        f"{FIRST}/chk-4": "usable",
    }, "what was decided before holds"


def test_a_job_manager_that_was_started_with_its_job_is_told_by_whoever_starts_it(lab: Lab) -> None:
    name = lab.savepoint("savepoints", FIRST)
    cluster: Any = Cluster(lab, SECOND, application=True)
    with pytest.raises(ClusterError, match=r"compute\.restoreFrom in the chart's values, elsewhere"):
        restore(cluster, lab.store, PLAN, name)
    assert cluster.cancelled == []


def test_a_view_that_was_changed_since_is_refused_and_the_definition_of_then_is_not(tmp_path: Path) -> None:
    then = plan_of(count_events(over="1h"), sum_of("fare", over="1h"))
    now = plan_of(count_events(over="1h"))
    new = plan_of(count_events(over="1h"), sum_of("tips", over="1h"))
    lab = Lab(tmp_path)
    lab.store = checkpoint_store(str(tmp_path), then)
    lab.root = tmp_path / f"{then.view}-g{then.generation}"
    lab.store.remember(then)
    cluster: Any = Cluster(lab, FIRST)
    name = "/".join(take(cluster, lab.store, then).split("/")[-2:])
    lab.store.remember(now)
    with pytest.raises(
        ClusterError, match=r"(?s)since its state in .*savepoint-.*set generation=2.*tips_sum_1h is new"
    ):
        go_back(lab, name, plan=new)
    with pytest.raises(ClusterError, match="fare_sum_1h is new"):
        lab.store.check_unchanged(then)
    go_back(lab, name, plan=then)
    lab.store.check_unchanged(then, lab.store.origin().url)


def test_the_command_says_what_it_would_do_before_it_asks_and_does_nothing_without_a_yes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "v.plan.json"
    file.write_text(PLAN.canonical_json())
    lab = Lab(tmp_path)
    lab.checkpoints(FIRST, 7)
    monkeypatch.setenv("HEADWATER_CHECKPOINT_DIR", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.StringIO("n\n"))
    assert run(monkeypatch, "list", "v", "--plan", str(file)) == 0
    assert "next: a job goes on from it" in capsys.readouterr().out
    assert run(monkeypatch, "restore", "v", "x", "--plan", str(file)) == 1
    assert "Cancel the job of v and go back to x?" in capsys.readouterr().err
    assert run(monkeypatch, "take", "another", "--plan", str(file)) == 1
    assert "is of the view v, not of another" in " ".join(capsys.readouterr().err.split())


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr(sys, "argv", ["headwater", "savepoint", *arguments])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return int(ended.value.code or 0)
