"""What the tests of Flink's application mode share: a JobManager that builds and runs one job, and its TaskManager."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import httpx

from headwater.pipelines.application import ARGUMENTS, DRIVER
from headwater.pipelines.checkpoints import checkpoint_store
from headwater.pipelines.flink_rest import FlinkRest
from headwater.pipelines.stack.flink import JOB_MANAGER_CLASS, FlinkCluster, FlinkPorts, flink_home
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import ProcessSpec, RunningProcess
from headwater.pipelines.stack.zookeeper import ZooKeeper
from tests.integration.compute_lab import ComputeLab, key_of
from tests.waiting import wait_until

APPLICATION_CLASS = "org.apache.flink.container.entrypoint.StandaloneApplicationClusterEntryPoint"
SAVEPOINT_SECONDS = 120
RUNNING_SECONDS = 300
"""A JobManager that builds its job starts a Python of its own; on a busy machine that takes minutes."""


@dataclass
class Application:
    """A job, and the two processes that run it."""

    lab: ComputeLab
    spec: ProcessSpec
    job_manager: RunningProcess
    task_manager: RunningProcess

    def replace_job_manager(self) -> None:
        """SIGKILL, and a new one, as Kubernetes would; returns once every task runs again."""
        self.job_manager.kill()
        self.job_manager = RunningProcess.start(self.spec)
        wait_until(self.is_running, RUNNING_SECONDS, "the job to run again")

    def stop_with_savepoint(self, directory: str = "") -> str:
        """What the operator does first for an upgrade: the savepoint's URL. The JobManager ends by itself then."""
        (job_id,) = self.lab.job_ids("RUNNING")
        store = checkpoint_store((self.lab.directory / "checkpoints").as_uri(), self.lab.plan)
        with closing(FlinkRest(self.lab.flink.rest_url)) as rest:
            savepoint = rest.stop(job_id, directory or store.savepoints, SAVEPOINT_SECONDS)
        wait_until(lambda: self.job_manager.exit_code is not None, 90, "the JobManager to end")
        return savepoint

    def went_on_from(self) -> str:
        """The URL of the checkpoint or savepoint that the running job took its state from last."""
        (job_id,) = self.lab.job_ids("RUNNING")
        with closing(FlinkRest(self.lab.flink.rest_url)) as rest:
            return rest.checkpoints(job_id).restored_from or ""

    def parallelism(self) -> set[int]:
        """How many subtasks each task of the running job has."""
        (job_id,) = self.lab.job_ids("RUNNING")
        tasks = httpx.get(f"{self.lab.flink.rest_url}/jobs/{job_id}").raise_for_status().json()["vertices"]
        return {int(task["parallelism"]) for task in tasks}

    def is_running(self) -> bool:
        """Whether every task runs; a JobManager that does not answer in time is only busy."""
        try:
            return self.lab.flink.job_manager_is_ready() and self.lab.running()
        except httpx.TransportError:
            return False


@contextmanager
def application(lab: ComputeLab, *arguments: str, parallelism: int = 2) -> Iterator[Application]:
    """A JobManager that runs the lab's plan, and a TaskManager, with every task running."""
    spec = job_manager_spec(lab, lab.directory, *arguments, parallelism=parallelism)
    made = Application(lab, spec, RunningProcess.start(spec), RunningProcess.start(lab.flink.task_manager_spec()))
    try:
        made.job_manager.wait_ready()
        wait_until(made.is_running, RUNNING_SECONDS, "the job to run")
        yield made
    finally:
        made.job_manager.stop()
        made.task_manager.kill()


def new_cluster(directory: Path, zookeeper: ZooKeeper | None = None) -> FlinkCluster:
    """A cluster of one job on ports of its own."""
    ports = FlinkPorts(*free_ports(7))
    return FlinkCluster(
        directory=directory / "flink", log_directory=directory, ports=ports, slots=2, zookeeper=zookeeper
    )


def job_manager_spec(lab: ComputeLab, directory: Path, *arguments: str, parallelism: int = 2) -> ProcessSpec:
    """How the JobManager is run that builds the lab's job from its plan, as the chart has it run."""
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
        "parallelism": str(parallelism),
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
