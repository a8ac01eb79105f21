"""What must be in place before a view's job starts: its topics, its subjects, and the state that it goes on from."""

from __future__ import annotations

from typing import NamedTuple

from confluent_kafka.admin import AdminClient

from headwater.pipelines.checkpoints import checkpoint_store
from headwater.pipelines.deployment import Deployment
from headwater.pipelines.registration import register_outputs
from headwater.pipelines.rollout.deployed import note_deployed
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.topics import check_topics, check_transaction_timeout, create_output_topics, durability_of
from headwater.schemas.plan import Plan


class Groundwork(NamedTuple):
    """What a job needs to know.

    Attributes:
        restore_from: URL of the newest retained checkpoint or savepoint of the view's generation, if there is any.
    """

    deployment: Deployment
    restore_from: str | None


def lay_groundwork(settings: Settings, plan: Plan) -> Groundwork:
    """Makes and checks the topics, registers the schemas, and notes the plan beside its state and as the deployed one.

    Raises:
        TopicError: a topic is missing or set up wrongly.
        ClusterError: the view's definition is not the one whose state is kept.
        ContractError, RegistryError, BrokerError, SettingsError: what the job needs cannot be had.
    """
    admin = AdminClient(dict(client_properties(settings)))
    create_output_topics(admin, plan, durability_of(settings))
    check_topics(admin, plan)
    check_transaction_timeout(admin, settings.transaction_timeout_ms)
    deployment = register_outputs(plan, settings)
    store = checkpoint_store(settings.checkpoint_dir, plan)
    restore_from = store.newest()
    if restore_from is not None:
        store.check_unchanged(plan)
    store.remember(plan)
    note_deployed(settings, plan)
    return Groundwork(deployment, restore_from)
