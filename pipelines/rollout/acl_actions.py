"""The actions of a rollout that give Kafka's users what a view needs of them, and take it back."""

from __future__ import annotations

from typing import Literal

from headwater.pipelines.rollout.action import OneAction, Status
from headwater.pipelines.rollout.world import World
from headwater.pipelines.security import kafka_acls
from headwater.pipelines.security.grants import KafkaGrant


class _OfUser(OneAction):
    user: str
    grants: tuple[KafkaGrant, ...]

    def _told(self, verb: str) -> str:
        return f"{verb} {self.user}: {kafka_acls.described_grants(self.grants)}"


class GrantAcls(_OfUser):
    """Give a user what it lacks."""

    kind: Literal["grant acls"] = "grant acls"

    def __str__(self) -> str:
        return self._told("grant")

    def status(self, world: World) -> Status:
        return "open" if kafka_acls.lacking(self.user, self.grants, world.acls(self.user)) else "done"

    def carry_out(self, world: World) -> None:
        kafka_acls.create(world.admin, kafka_acls.bindings(self.user, self.grants))


class RevokeAcls(_OfUser):
    """Take from a user what no view needs of it any more."""

    kind: Literal["revoke acls"] = "revoke acls"

    def __str__(self) -> str:
        return self._told("revoke")

    def status(self, world: World) -> Status:
        return "open" if kafka_acls.among(self.user, self.grants, world.acls(self.user)) else "done"

    def carry_out(self, world: World) -> None:
        kafka_acls.delete(world.admin, kafka_acls.bindings(self.user, self.grants))
