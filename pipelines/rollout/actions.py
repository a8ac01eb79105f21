"""What can be done to bring what is deployed to what is declared, each action with what was seen before it.

From that follows, at any later time, whether it is still to be done, done already, or whether somebody did otherwise.
"""

from __future__ import annotations

from typing import Annotated, Literal

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from pydantic import Field, JsonValue

from headwater.pipelines.rollout.acl_actions import GrantAcls, RevokeAcls
from headwater.pipelines.rollout.action import OneAction, Status
from headwater.pipelines.rollout.world import World
from headwater.pipelines.security.kafka_trouble import told
from headwater.pipelines.topics import TopicSpec, create_topics, same_config
from headwater.schemas.contracts.levels import Level
from headwater.schemas.contracts.output import Output, registered_id
from headwater.schemas.errors import TopicError
from headwater.schemas.plan import Plan

TIMEOUT_SECONDS = 30.0


class CreateTopic(OneAction):
    """Make a topic that does not exist; a replication of -1 is the brokers' default."""

    kind: Literal["create topic"] = "create topic"
    topic: str
    partitions: int
    replication: int
    config: dict[str, str]

    def __str__(self) -> str:
        config = " ".join(f"{name}={value}" for name, value in self.config.items())
        copies = "" if self.replication < 0 else f" replication={self.replication}"
        return f"create topic {self.topic} partitions={self.partitions}{copies} {config}"

    def status(self, world: World) -> Status:
        found = world.topics([self._spec()]).get(self.topic)
        if found is None:
            return "open"
        is_it = found.partitions == self.partitions and same_config(found.config, self.config)
        return "done" if is_it else "changed"

    def carry_out(self, world: World) -> None:
        create_topics(world.admin, [self._spec()])

    def _spec(self) -> TopicSpec:
        return TopicSpec(self.topic, self.partitions, self.config, self.replication)


class AlterTopic(OneAction):
    """Give a topic other values of its configuration than those `before`."""

    kind: Literal["alter topic"] = "alter topic"
    topic: str
    before: dict[str, str]
    config: dict[str, str]

    def __str__(self) -> str:
        changes = (f"{name}: {self.before[name]} → {value}" for name, value in self.config.items())
        return f"alter topic {self.topic} {', '.join(changes)}"

    def status(self, world: World) -> Status:
        found = world.topics([TopicSpec(self.topic, -1, self.config)]).get(self.topic)
        if found is not None and same_config(found.config, self.config):
            return "done"
        return "open" if found is not None and same_config(found.config, self.before) else "changed"

    def carry_out(self, world: World) -> None:
        entries = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in self.config.items()
        ]
        resource = ConfigResource(ResourceType.TOPIC, self.topic, incremental_configs=entries)
        try:
            for altered in world.admin.incremental_alter_configs([resource]).values():
                altered.result(TIMEOUT_SECONDS)
        except KafkaException as error:
            raise TopicError(f"cannot alter {self.topic}: {told(error.args[0])}") from error


class DeleteTopic(OneAction):
    """Delete a topic with all that is in it."""

    kind: Literal["delete topic"] = "delete topic"
    topic: str

    def __str__(self) -> str:
        return f"delete topic {self.topic} and all that is in it"

    def status(self, world: World) -> Status:
        return "open" if self.topic in world.topics([TopicSpec(self.topic, -1)]) else "done"

    def carry_out(self, world: World) -> None:
        try:
            for deleted in world.admin.delete_topics([self.topic]).values():
                deleted.result(TIMEOUT_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                raise TopicError(f"cannot delete {self.topic}: {told(error.args[0])}") from error


class HoldToLevel(OneAction):
    """Let the registry hold a subject to a compatibility level; `before` is the one that it told of."""

    kind: Literal["set level"] = "set level"
    subject: str
    before: str | None
    level: Level

    def __str__(self) -> str:
        return f"hold subject {self.subject} to {self.level}" + (f" in place of {self.before}" if self.before else "")

    def status(self, world: World) -> Status:
        found = world.registry.level(self.subject)
        if found == self.level:
            return "done"
        return "open" if found == self.before else "changed"

    def carry_out(self, world: World) -> None:
        world.registry.set_compatibility(self.subject, self.level)


class RegisterOutput(OneAction):
    """Register a schema that a view's job writes, in a subject that has the schemas with the ids `before`."""

    kind: Literal["register schema"] = "register schema"
    view: str
    subject: str
    before: tuple[int, ...]
    schema_: dict[str, JsonValue] = Field(alias="schema")

    def __str__(self) -> str:
        return f"register schema of {self.subject} as version {len(self.before) + 1}"

    def status(self, world: World) -> Status:
        found = world.registry.subject(self.subject)
        if registered_id(Output(self.view, self.subject, self.schema_), found) is not None:
            return "done"
        return "open" if tuple(version.schema_id for version in found.versions) == self.before else "changed"

    def carry_out(self, world: World) -> None:
        world.registry.register(self.subject, self.schema_)


class NotePlan(OneAction):
    """Record a plan as the deployed one of its view, in place of the one with the digest `before`."""

    kind: Literal["deploy plan"] = "deploy plan"
    before: str | None
    plan: Plan

    def __str__(self) -> str:
        was = "" if self.before is None else f" in place of {self.before[:12]}"
        return f"deploy plan {self.plan.digest()[:12]} of {self.plan.view}, generation {self.plan.generation}{was}"

    def status(self, world: World) -> Status:
        found = world.deployed().get(self.plan.view)
        digest = None if found is None else found.digest
        if digest == self.plan.digest():
            return "done"
        return "open" if digest == self.before else "changed"

    def carry_out(self, world: World) -> None:
        world.plans.note(self.plan, self.before)


class ForgetPlan(OneAction):
    """Delete the record of a view that is not declared any more."""

    kind: Literal["forget plan"] = "forget plan"
    view: str
    before: str

    def __str__(self) -> str:
        return f"forget plan {self.before[:12]} of {self.view}"

    def status(self, world: World) -> Status:
        found = world.deployed().get(self.view)
        if found is None:
            return "done"
        return "open" if found.digest == self.before else "changed"

    def carry_out(self, world: World) -> None:
        world.plans.forget(self.view, self.before)


Action = Annotated[
    CreateTopic
    | AlterTopic
    | DeleteTopic
    | HoldToLevel
    | RegisterOutput
    | NotePlan
    | ForgetPlan
    | GrantAcls
    | RevokeAcls,
    Field(discriminator="kind"),
]
