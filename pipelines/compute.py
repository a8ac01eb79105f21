"""The compute job: its graph, and the process that runs and watches it.

The job is a Flink job that PyFlink builds but no Python runs in: everything that happens once per
event happens in the kernel's Java operators.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import structlog

from headwater.pipelines.deployment import Deployment
from headwater.pipelines.service import service
from headwater.pipelines.settings import Settings
from headwater.schemas.dead_letter import DEAD_LETTER_SCHEMA
from headwater.schemas.plan import Plan

if TYPE_CHECKING:
    from pyflink.datastream import StreamExecutionEnvironment

    from headwater.operators.bridge import Connection

MAX_PARALLELISM = 128
"""Into so many parts a view's keys are cut: part of every savepoint, and the most subtasks that a job can have."""

_log = structlog.get_logger(__name__)


def build(env: StreamExecutionEnvironment, plan: Plan, deployment: Deployment) -> None:
    """Puts the view's whole graph into the environment, whose parallelism it takes.

    ::

        source ─ router ══ by entity ══▶ kernel ─▶ feature log
                   │                       └─────▶ late events
                   └─▶ dead letters
    """
    from headwater.operators import bridge

    connection = connection_of(deployment)
    parallelism = env.get_parallelism()
    env.set_max_parallelism(MAX_PARALLELISM)
    sources = [
        bridge.router(
            bridge.source(env, plan, index, connection, deployment.model_dump_json()),
            plan,
            index,
            parallelism=parallelism,
            max_parallelism=MAX_PARALLELISM,
        )
        for index in range(len(plan.sources))
    ]
    first, *others = sources
    events = first.events.union(*(each.events for each in others)) if others else first.events
    rejected = first.rejected.union(*(each.rejected for each in others)) if others else first.rejected
    kernel = bridge.kernel(events, plan, deployment.log_schema_id, parallelism=parallelism)
    letter = json.dumps(DEAD_LETTER_SCHEMA)
    bridge.log_sink(kernel.log, plan, connection)
    for letters, topic, schema_id, uid in (
        (rejected, plan.dead_letters, deployment.dead_letter_schema_id, "dead-letters"),
        (kernel.late, plan.late, deployment.late_schema_id, "late-events"),
    ):
        bridge.dead_letter_sink(letters, topic, schema_id, letter, connection, generation=plan.generation, uid=uid)


def connection_of(deployment: Deployment) -> Connection:
    """How the deployment's job reaches Kafka."""
    from headwater.operators.bridge import Connection

    return Connection(
        bootstrap_servers=deployment.bootstrap_servers,
        properties=deployment.kafka_properties,
        group_id=deployment.group_id,
        transactional_id_prefix=deployment.transactional_id_prefix,
        transaction_timeout_ms=deployment.transaction_timeout_ms,
    )


def run(settings: Settings, plan: Plan) -> None:
    """Run the view's job until SIGTERM or SIGINT; then stop it with a savepoint and return.

    A job of the view that runs already is taken over and watched; else one is submitted, which goes on from the newest
    retained checkpoint or savepoint.

    Raises:
        TopicError: a topic is missing or set up wrongly.
        ContractError, RegistryError, BrokerError, SettingsError: what the job needs cannot be had.
        ClusterError: the cluster cannot be reached, refused the job, or lost it; or the job failed for good.
        PrerequisiteError: a jar is missing, or the metrics address is taken.
    """
    from headwater.pipelines.job import ComputeJob

    with service(settings) as (stop, registry):
        ComputeJob(settings, plan, stop, registry).run()
