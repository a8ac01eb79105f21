"""Headwater's own processes, four for each view: compute, materialize, archive and watch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx

from headwater.pipelines.deployment import job_name
from headwater.pipelines.security.names import NAMES
from headwater.pipelines.security.settings import SecuritySettings
from headwater.pipelines.stack.ports import LOOPBACK, PortBook, accepts
from headwater.pipelines.stack.process import ProcessSpec
from headwater.pipelines.stack.services import Services
from headwater.pipelines.stack.state import StateDirectory, ViewRecord
from headwater.schemas.plan import Plan

# Of the JVM through which compute submits its job; the job itself runs in the TaskManager.
SUBMITTING_JVM = "-Xmx160m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:MaxMetaspaceSize=128m"
SAVEPOINT_GRACE_SECONDS = 60.0
COMPUTE_START_SECONDS = 180.0

Worker = Literal["compute", "materialize", "archive", "watch"]
WORKERS: tuple[Worker, ...] = ("compute", "materialize", "archive", "watch")


@dataclass(frozen=True, slots=True)
class ViewWorkers:
    """The four processes of one view; `environment` is of settings that they take instead of the stack's."""

    plan: Plan
    plan_file: Path
    services: Services
    directory: StateDirectory
    ports: PortBook
    parallelism: int
    environment: Mapping[str, str] = field(default_factory=dict)

    def record(self) -> ViewRecord:
        """What others are told about the view."""
        plan = self.plan
        return ViewRecord(
            view=plan.view,
            generation=plan.generation,
            plan=self.plan_file,
            job_name=job_name(plan),
            sources=tuple(source.topic for source in plan.sources),
            log_topic=plan.log.topic,
            offline_table=str(self.directory.offline / plan.view / f"g{plan.generation}"),
            metrics={
                **{worker: _metrics_url(self._port(worker)) for worker in WORKERS},
                "taskmanager": _metrics_url(self.services.flink.ports.task_manager_metrics),
            },
        )

    def specs(self) -> tuple[ProcessSpec, ...]:
        """How the processes are run. On the way down compute goes first and leaves a savepoint."""
        log, registry, redis = "broker", "registry", "redis"
        return (
            self._spec(
                "compute",
                needs=(log, registry, "jobmanager", "taskmanager"),
                stops_before=tuple(self._name(each) for each in WORKERS[1:]),
                ready=self._job_runs,
                environment={**self.services.flink.environment, "JVM_ARGS": SUBMITTING_JVM},
                grace_seconds=SAVEPOINT_GRACE_SECONDS,
                start_timeout_seconds=COMPUTE_START_SECONDS,
            ),
            self._spec("materialize", needs=(log, registry, redis)),
            self._spec("archive", needs=(log, registry)),
            self._spec("watch", needs=(log, registry, redis)),
        )

    def _spec(
        self,
        worker: Worker,
        *,
        needs: tuple[str, ...],
        stops_before: tuple[str, ...] = (),
        ready: Callable[[], bool] | None = None,
        environment: dict[str, str] | None = None,
        grace_seconds: float = 30.0,
        start_timeout_seconds: float = 120.0,
    ) -> ProcessSpec:
        port = self._port(worker)
        return ProcessSpec(
            name=self._name(worker),
            command=(sys.executable, "-m", "headwater.pipelines.cli", worker, "--plan", str(self.plan_file)),
            log=self.directory.logs / f"{self._name(worker)}.log",
            ready=ready or (lambda: accepts(port)),
            environment={
                **connection_environment(self.services.environment(self.user(worker))),
                "HEADWATER_PARALLELISM": str(self.parallelism),
                "HEADWATER_METRICS_HOST": LOOPBACK,
                "HEADWATER_METRICS_PORT": str(port),
                **(environment or {}),
                **self.environment,
            },
            needs=needs,
            stops_before=stops_before,
            grace_seconds=grace_seconds,
            start_timeout_seconds=start_timeout_seconds,
            addresses={"metrics": _metrics_url(port)},
        )

    def user(self, worker: Worker) -> str:
        """Who the worker is for Kafka, Redis and the registry, where these want to know."""
        return NAMES.format(component=worker, view=self.plan.view)

    def _name(self, worker: str) -> str:
        return f"{worker}.{self.plan.view}"

    def _port(self, worker: str) -> int:
        return self.ports.port(f"{self._name(worker)}-metrics")

    def _job_runs(self) -> bool:
        return job_state(self.services.endpoints.flink_rest_url, job_name(self.plan)) == "RUNNING"


def connection_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """The environment that makes a Headwater process use this stack by these settings, and nothing else."""
    unset = {f"HEADWATER_{name.upper()}": "" for name in SecuritySettings.model_fields}
    given = {f"HEADWATER_{name.upper()}": value for name, value in settings.items()}
    return {**unset, **given, "HEADWATER_KAFKA_PROPERTIES": "{}", "HEADWATER_REGISTRY_PROPERTIES": "{}"}


def job_state(flink_rest_url: str, name: str) -> str | None:
    """The state of the newest Flink job of this name, or None if there is none or no answer.

    RUNNING means that every task runs; while some are still being deployed it is STARTING, which Flink has no word for.
    """
    try:
        jobs = httpx.get(f"{flink_rest_url}/jobs/overview", timeout=2).raise_for_status().json()["jobs"]
    except httpx.HTTPError:
        return None
    newest = max((job for job in jobs if job["name"] == name), key=lambda job: job["start-time"], default=None)
    if newest is None:
        return None
    deploying = newest["state"] == "RUNNING" and newest["tasks"]["running"] < newest["tasks"]["total"]
    return "STARTING" if deploying else str(newest["state"])


def _metrics_url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}/metrics"
