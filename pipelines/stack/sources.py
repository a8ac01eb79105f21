"""The event topics of the local stack and the contracts of what is in them, made ready before the first job starts."""

from __future__ import annotations

from collections.abc import Iterable

import structlog
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from confluent_kafka.cimpl import NewTopic

from headwater.pipelines.contracts import Contract
from headwater.pipelines.declarations import CompiledView
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings, client_properties
from headwater.schemas.errors import BrokerError

COMPATIBILITY = "FORWARD_TRANSITIVE"
"""A job that runs reads new events with the schema that it was compiled with."""

TIMEOUT_SECONDS = 30

_log = structlog.get_logger(__name__)


def prepare_sources(views: Iterable[CompiledView], settings: Settings, *, partitions: int) -> None:
    """Registers the views' event schemas and creates their event topics; what is there stays as it is.

    Raises:
        ContractError: the registry has an event schema that the views' one is incompatible with.
        RegistryError, BrokerError: the service cannot be reached or refused.
    """
    views = list(views)
    for contract in {contract.subject: contract for view in views for contract in view.contracts}.values():
        register_contract(settings, contract)
    topics = {source.topic for view in views for source in view.plan.sources}
    create_source_topics(settings, sorted(topics), partitions)


def register_contract(registry: str | Settings, contract: Contract) -> list[int]:
    """Registers every version of a subject's schema, oldest first, and returns their ids.

    A new subject is held to the level that is declared for it; else to refuse what a running job could not read.

    Args:
        registry: its URL, or all that the settings say of it.

    Raises:
        ContractError: the registry refuses a version as incompatible.
        RegistryError: the registry cannot be reached or refused otherwise.
    """
    subject = contract.subject
    settings = Settings(registry_url=registry) if isinstance(registry, str) else registry
    with Registry(settings) as client:
        is_new = not client.subject(subject).versions
        if is_new and contract.level is not None:
            client.set_compatibility(subject, contract.level)
        ids = [client.register(subject, schema) for schema in contract.schemas]
        if is_new and contract.level is None:
            # Not before: nobody has promised it of the versions that are there.
            client.set_compatibility(subject, COMPATIBILITY)
    return ids


def create_source_topics(brokers: str | Settings, topics: list[str], partitions: int) -> None:
    """Creates those of the topics that do not exist, with the broker's time of arrival as their timestamp.

    Args:
        brokers: their addresses, or all that the settings say of them.

    Raises:
        BrokerError: the broker cannot be reached or refused.
    """
    settings = Settings(kafka_bootstrap_servers=brokers) if isinstance(brokers, str) else brokers
    admin = AdminClient(client_properties(settings))
    wanted = [
        NewTopic(topic, num_partitions=partitions, config={"message.timestamp.type": "LogAppendTime"})
        for topic in topics
    ]
    for topic, created in admin.create_topics(wanted, operation_timeout=TIMEOUT_SECONDS).items():
        try:
            created.result(TIMEOUT_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise BrokerError(
                    f"{settings.kafka_bootstrap_servers}: cannot create topic {topic}: {error}"
                ) from error
            _warn_of_producer_time(admin, topic)


def _warn_of_producer_time(admin: AdminClient, topic: str) -> None:
    resource = ConfigResource(ResourceType.TOPIC, topic)
    (config,) = (future.result(TIMEOUT_SECONDS) for future in admin.describe_configs([resource]).values())
    if config["message.timestamp.type"].value != "LogAppendTime":
        _log.warning("topic_has_producer_timestamps", topic=topic, consequence="a producer's clock can expire windows")
