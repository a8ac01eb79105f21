"""What there is: topics, subjects and deployed plans, as one command sees them, each asked for once."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from types import TracebackType

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AclBinding, AdminClient

from headwater.pipelines.registry import Registry
from headwater.pipelines.rollout.deployed import DeployedPlan, DeployedPlans
from headwater.pipelines.security.kafka_acls import acls_of
from headwater.pipelines.security.kafka_trouble import told
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.topics import TopicSpec, durability_of, found_topics
from headwater.schemas.contracts.reconcile import RegisteredSubject
from headwater.schemas.errors import BrokerError

TIMEOUT_SECONDS = 10.0
RETRIES = 4
"""How often a call to a registry in trouble is made again."""


class World:
    """The brokers and the registry of the settings. Use it as a context; every look may raise their errors."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.durability = durability_of(settings)
        self.admin = AdminClient({"log_level": 0, **client_properties(settings)})
        self.registry = Registry(settings, retries=RETRIES)
        self.plans = DeployedPlans(settings)
        self._deployed: dict[str, DeployedPlan] | None = None
        self._subjects: dict[str, RegisteredSubject] = {}

    def __enter__(self) -> World:
        self.registry.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.registry.__exit__(kind, error, trace)

    def cluster_id(self) -> str:
        """By what the brokers tell their cluster from others.

        Raises:
            BrokerError: they cannot be reached.
        """
        try:
            return str(self.admin.list_topics(timeout=TIMEOUT_SECONDS).cluster_id)
        except KafkaException as error:
            raise BrokerError(
                f"the Kafka brokers {self.settings.kafka_bootstrap_servers} (HEADWATER_KAFKA_BOOTSTRAP_SERVERS) cannot"
                f" be reached: {told(error.args[0], self.admin)}"
            ) from error

    def deployed(self) -> dict[str, DeployedPlan]:
        """The deployed plans by view, as they were at the first look."""
        if self._deployed is None:
            self._deployed = self.plans.read()
        return self._deployed

    def topics(self, specs: Iterable[TopicSpec]) -> dict[str, TopicSpec]:
        """Those of the topics that exist, as they are now."""
        return found_topics(self.admin, specs)

    def acls(self, user: str) -> set[AclBinding]:
        """All ACLs of the user, as they are now."""
        return acls_of(self.admin, user)

    def subject(self, name: str) -> RegisteredSubject:
        """What is registered of the subject, as it was at the first look."""
        if name not in self._subjects:
            self._subjects[name] = self.registry.subject(name)
        return self._subjects[name]

    def records(self, topics: Iterable[str]) -> int:
        """About how many records the topics have; those of transactions that were aborted and the like count too.

        Raises:
            BrokerError: the brokers cannot be reached.
        """
        properties = {"log_level": 0, **client_properties(self.settings), "group.id": f"headwater-plan-{uuid.uuid4()}"}
        consumer = Consumer(properties)
        try:
            total = 0
            for topic in topics:
                for partition in consumer.list_topics(topic, TIMEOUT_SECONDS).topics[topic].partitions:
                    place = TopicPartition(topic, partition)
                    low, high = consumer.get_watermark_offsets(place, TIMEOUT_SECONDS, cached=False)
                    total += high - low
        except KafkaException as error:
            raise BrokerError(f"the offsets of {topic} cannot be read: {told(error.args[0], consumer)}") from error
        finally:
            consumer.close()
        return total
