"""The job as the Helm chart runs it: a JobManager of its own, in application mode, which builds the job itself."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from headwater.pipelines.application import ARGUMENTS, DRIVER
from headwater.pipelines.flink_rest import FlinkRest
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import JOB_MANAGER_CLASS, FlinkCluster, FlinkPorts, flink_home
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import ProcessSpec, RunningProcess, running
from headwater.pipelines.stack.registry import Registry
from headwater.schemas.plan import Plan
from tests.integration.compute_lab import ComputeLab, key_of, make_lab, wait_until

UniqueName = Callable[[str], str]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

APPLICATION_CLASS = "org.apache.flink.container.entrypoint.StandaloneApplicationClusterEntryPoint"


def test_a_job_goes_on_from_its_savepoint_and_then_from_its_newest_checkpoint(
    broker: Broker, registry: Registry, tmp_path: Path, unique_name: UniqueName
) -> None:
    lab = make_lab(broker, registry, new_cluster(tmp_path), tmp_path, unique_name("purchases"))
    with application(lab):
        lab.produce([lab.frame(purchase_id="1")])
        wait_until(lambda: count(lab) == 1, 60, "the first purchase in the committed log")
        (job_id,) = lab.job_ids("RUNNING")
        rest = FlinkRest(lab.flink.rest_url)
        with closing(rest._client):
            savepoint = rest.stop(job_id, f"{tmp_path.as_uri()}/elsewhere", 60)
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


def new_cluster(directory: Path) -> FlinkCluster:
    ports = FlinkPorts(*free_ports(7))
    return FlinkCluster(directory=directory / "flink", log_directory=directory, ports=ports, slots=2)


@contextmanager
def application(lab: ComputeLab, *arguments: str) -> Iterator[None]:
    """A JobManager that runs the lab's plan, and a TaskManager, with every task running."""
    with running(job_manager_spec(lab, lab.directory, *arguments)):
        task_manager = RunningProcess.start(lab.flink.task_manager_spec())
        try:
            wait_until(lab.running, 120, "the job to run")
            yield
        finally:
            task_manager.kill()


def job_manager_spec(lab: ComputeLab, directory: Path, *arguments: str) -> ProcessSpec:
    lab.flink.prepare()
    plan_file = directory / "view.plan.json"
    plan_file.write_text(lab.plan.canonical_json())
    (driver_jar,) = (flink_home() / "opt").glob("flink-python-*.jar")
    spec = lab.flink.job_manager_spec()
    command = tuple(APPLICATION_CLASS if word == JOB_MANAGER_CLASS else word for word in spec.command)
    settings = {
        "kafka_bootstrap_servers": lab.broker.bootstrap_servers,
        "registry_url": lab.registry.url,
        "checkpoint_dir": (directory / "checkpoints").as_uri(),
        "checkpoint_interval_ms": "1000",
    }
    return replace(
        spec,
        command=(
            *(*command, "-D", f"python.client.executable={sys.executable}", *arguments),
            *("--jars", driver_jar.as_uri(), "--job-classname", DRIVER, *ARGUMENTS, str(plan_file)),
        ),
        environment={
            **spec.environment,
            **{f"FLINK_{name.upper()}_DIR": str(flink_home() / name) for name in ("lib", "opt")},
            **{f"HEADWATER_{name.upper()}": value for name, value in settings.items()},
            "PYTHONPATH": os.pathsep.join(sys.path),
        },
    )


def kept(lab: ComputeLab) -> Path:
    """Where the view's checkpoints stand."""
    return lab.directory / "checkpoints" / f"{lab.plan.view}-g1"


def count(lab: ComputeLab) -> int:
    """How many purchases the newest committed row of the one customer counts."""
    log, key = lab.log(), key_of("anna", lab)
    return int(log.newest(key)["count_24h"]) if key in log.rows else 0
