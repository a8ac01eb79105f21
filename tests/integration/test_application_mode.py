"""The job as the Helm chart runs it: a JobManager of its own, in application mode, which builds the job itself."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from headwater.pipelines.flink_rest import FlinkRest
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.process import RunningProcess
from headwater.pipelines.stack.registry import Registry
from headwater.schemas.plan import Plan
from tests.integration.application_lab import application, count, job_manager_spec, kept, new_cluster
from tests.integration.compute_lab import make_lab
from tests.waiting import wait_until

UniqueName = Callable[[str], str]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_job_goes_on_from_its_savepoint_and_then_from_its_newest_checkpoint(
    broker: Broker, registry: Registry, tmp_path: Path, unique_name: UniqueName
) -> None:
    lab = make_lab(broker, registry, new_cluster(tmp_path), tmp_path, unique_name("purchases"))
    with application(lab) as job:
        lab.produce([lab.frame(purchase_id="1")])
        wait_until(lambda: count(lab) == 1, 60, "the first purchase in the committed log")
        with closing(FlinkRest(lab.flink.rest_url)) as rest:
            assert rest.is_application(), "`headwater savepoint restore` asks for it"
        savepoint = job.stop_with_savepoint(f"{tmp_path.as_uri()}/elsewhere")
        lab.produce([lab.frame(purchase_id="2")])

    lab = replace(lab, flink=new_cluster(tmp_path))
    with application(lab, "-D", f"execution.state-recovery.path={savepoint}"):
        wait_until(lambda: count(lab) == 2, 60, "the purchase that came in between")
        (job_id,) = lab.job_ids("RUNNING")
        wait_until(lambda: list(kept(lab).glob(f"{job_id}/chk-*/_metadata")), 60, "a checkpoint")

    lab.produce([lab.frame(purchase_id="3")])
    lab = replace(lab, flink=new_cluster(tmp_path))
    with application(lab):
        wait_until(lambda: count(lab) == 3, 60, "the purchase that came while nothing ran")


def test_a_changed_view_of_the_same_generation_is_refused_and_the_log_says_what_to_do(
    broker: Broker, registry: Registry, tmp_path: Path, unique_name: UniqueName
) -> None:
    lab = make_lab(broker, registry, new_cluster(tmp_path), tmp_path, unique_name("purchases"))
    with application(lab):
        wait_until(lambda: list(kept(lab).glob("*/chk-*/_metadata")), 60, "a checkpoint")
    windows = (*lab.plan.windows, lab.plan.windows[0].model_copy(update={"name": "more", "length_ms": 7_000}))
    content = lab.plan.model_copy(update={"windows": windows}).canonical_json()
    changed = replace(lab, flink=new_cluster(tmp_path), plan=Plan.from_json(content))
    job_manager = RunningProcess.start(job_manager_spec(changed, tmp_path))
    try:
        wait_until(lambda: job_manager.exit_code is not None, 60, "the JobManager to give up")
    finally:
        job_manager.kill()
    assert "set generation=2 in the view" in (tmp_path / "jobmanager.log").read_text()
