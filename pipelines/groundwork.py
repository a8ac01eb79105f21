"""What must be in place before a view's job starts: its topics, its subjects, and the state that it goes on from."""

from __future__ import annotations

from typing import NamedTuple

import structlog
from confluent_kafka.admin import AdminClient

from headwater.pipelines.checkpoints import checkpoint_store
from headwater.pipelines.deployment import Deployment
from headwater.pipelines.registration import register_outputs
from headwater.pipelines.rollout.deployed import note_deployed
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.topics import check_topics, check_transaction_timeout, create_output_topics, durability_of
from headwater.pipelines.unusable import Origin
from headwater.schemas.plan import Plan

_log = structlog.get_logger(__name__)


class Groundwork(NamedTuple):
    """What a job needs to know.

    Attributes:
        origin: the newest retained checkpoint or savepoint of the view's generation, of those that can be restored.
        restore_from: URL of what the job goes on from, or None.
    """

    deployment: Deployment
    origin: Origin
    restore_from: str | None


def lay_groundwork(settings: Settings, plan: Plan, asked_for: str | None = None) -> Groundwork:
    """Makes and checks the topics, registers the schemas, and notes the plan beside its state and as the deployed one.

    Args:
        asked_for: URL of what somebody wants the job to go on from, which counts unless it is known to be unusable.

    Raises:
        TopicError: a topic is missing or set up wrongly.
        ClusterError: the view's definition is not the one whose state is kept, or none of it can be restored.
        ContractError, RegistryError, BrokerError, SettingsError: what the job needs cannot be had.
    """
    admin = AdminClient(dict(client_properties(settings)))
    create_output_topics(admin, plan, durability_of(settings))
    check_topics(admin, plan)
    check_transaction_timeout(admin, settings.transaction_timeout_ms)
    deployment = register_outputs(plan, settings)
    store = checkpoint_store(settings.checkpoint_dir, plan)
    origin = store.origin()
    restore_from = origin.url if asked_for is None or origin.passes_over(asked_for) else asked_for
    if restore_from is not None:
        store.check_unchanged(plan, restore_from)
    for each in origin.passed_over:
        _log.warning("checkpoint_passed_over", checkpoint=each.url, reason=each.reason, goes_on_from=restore_from)
    store.remember(plan)
    note_deployed(settings, plan)
    return Groundwork(deployment, origin, restore_from)
