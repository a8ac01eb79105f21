"""The actions of a rollout that give Kafka's users what a view needs of them, and take it back."""

from __future__ import annotations

from typing import Literal

from headwater.pipelines.rollout.action import OneAction, Status
from headwater.pipelines.rollout.world import World
from headwater.pipelines.security import kafka_acls
from headwater.pipelines.security.grants import KafkaGrant


class GrantAcls(OneAction):
    """Give a user what it lacks."""

    kind: Literal["grant acls"] = "grant acls"
    user: str
    grants: tuple[KafkaGrant, ...]

    def __str__(self) -> str:
        return f"grant {self.user}: {kafka_acls.described_grants(self.grants)}"

    def status(self, world: World) -> Status:
        return "open" if kafka_acls.lacking(self.user, self.grants, world.acls(self.user)) else "done"

    def carry_out(self, world: World) -> None:
        kafka_acls.create(world.admin, kafka_acls.bindings(self.user, self.grants))


class RevokeAcls(OneAction):
    """Take from a user what no view needs of it any more."""

    kind: Literal["revoke acls"] = "revoke acls"
    user: str
    grants: tuple[KafkaGrant, ...]

    def __str__(self) -> str:
        return f"revoke {self.user}: {kafka_acls.described_grants(self.grants)}"

    def status(self, world: World) -> Status:
        return "open" if kafka_acls.among(self.user, self.grants, world.acls(self.user)) else "done"

    def carry_out(self, world: World) -> None:
        kafka_acls.delete(world.admin, kafka_acls.bindings(self.user, self.grants))
