"""A view's job in Flink's application mode: a JobManager that runs one job, and this program to build it.

Flink's PythonDriver starts it inside the JobManager with ARGUMENTS and a plan. It puts the graph together in the
JobManager's JVM and ends; the job goes on. A JobManager that is started anew starts it again. The state that the job
goes on from is, in this order: what high availability knows, what the cluster's options name (as the Kubernetes
operator does for an upgrade), the newest checkpoint or savepoint that is kept and can be gone on from.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

import structlog

from headwater.pipelines.compute import build
from headwater.pipelines.deployment import job_name
from headwater.pipelines.groundwork import lay_groundwork
from headwater.pipelines.logs import configure_logging
from headwater.pipelines.settings import Settings, load_settings
from headwater.pipelines.submission import job_options
from headwater.schemas.errors import HeadwaterError, SettingsError
from headwater.schemas.plan import Plan

DRIVER = "org.apache.flink.client.python.PythonDriver"
"""The class that the JobManager runs; it is in Flink's `opt/flink-python-<version>.jar`."""

ARGUMENTS = ("-pym", "headwater.pipelines.application", "--plan")
"""What it is given, before the plan's path."""

GATEWAY = "PYFLINK_GATEWAY_PORT"

_log = structlog.get_logger(__name__)


def start(settings: Settings, plan: Plan) -> str:
    """Starts the view's job on the JobManager that runs this program, and returns the job's id.

    Raises:
        SettingsError: no JobManager runs this program.
        HeadwaterError: as `lay_groundwork`.
    """
    from headwater.operators import bridge

    if GATEWAY not in os.environ:
        raise SettingsError(f"a JobManager runs this program, through {DRIVER}; use `headwater compute` elsewhere")
    env = bridge.application_cluster()
    deployment, _, restore_from = lay_groundwork(settings, plan, bridge.state_to_restore(env))
    bridge.configure(env, job_options(plan, settings, restore_from))
    build(env, plan, deployment)
    job_id = str(env.execute_async(job_name(plan)).get_job_id())
    _log.info("job_started", job_id=job_id, name=job_name(plan), restore_from=restore_from)
    return job_id


def main(arguments: list[str] | None = None) -> None:
    """Exits with 0 once the job has been started, with 1 and a message if it cannot be."""
    parser = argparse.ArgumentParser(prog="headwater.pipelines.application", description="Run a view's Flink job.")
    parser.add_argument("--plan", type=Path, required=True, help="a compiled plan, as `headwater compile` writes it")
    given = parser.parse_args(arguments)
    try:
        settings = load_settings()
        configure_logging(settings)
        start(settings, _read(given.plan))
    except HeadwaterError as error:
        sys.exit(f"{type(error).__name__}: {error}")


def _read(file: Path) -> Plan:
    try:
        return Plan.from_json(file.read_bytes())
    except OSError as error:
        raise SettingsError(f"{file}: {error.strerror}; `headwater compile` writes plans") from error


if __name__ == "__main__":
    main()
