"""Which ACLs a rollout takes away with a view: those that no other view's users need."""

from __future__ import annotations

from typing import Any

from confluent_kafka.admin import AclBinding

from headwater.pipelines.rollout.acl_planning import acls_to_grant, acls_to_revoke
from headwater.pipelines.security.grants import users_of
from headwater.pipelines.security.kafka_acls import bindings, kafka_grants
from headwater.pipelines.security.names import NAMES
from tests.feature_log_rows import make_plan

GONE, KEPT = make_plan(view="gone"), make_plan(view="kept")
SHARED = "headwater-{component}"


class World:
    """A cluster that has all ACLs that these views need."""

    def __init__(self, names: str) -> None:
        self._users = users_of([GONE, KEPT], names)

    def acls(self, user: str) -> set[AclBinding]:
        return set(bindings(user, kafka_grants(self._users[user])))


def test_a_user_that_serves_another_view_keeps_what_that_needs() -> None:
    world: Any = World(SHARED)
    revoked = {each.user: each.grants for each in acls_to_revoke(world, GONE, SHARED, [KEPT])}
    (source,) = (source.topic for source in KEPT.sources)
    assert source in {source.topic for source in GONE.sources}
    names = {grant.name for grants in revoked.values() for grant in grants}
    assert GONE.log.topic not in {KEPT.log.topic}
    assert GONE.log.topic in names
    assert not names & {source, "headwater_plans", KEPT.log.topic}


def test_a_user_of_its_own_loses_all() -> None:
    world: Any = World(NAMES)
    revoked = {each.user: each.grants for each in acls_to_revoke(world, GONE, NAMES, [KEPT])}
    needed = {user: kafka_grants(grants) for user, grants in users_of([GONE], NAMES).items()}
    assert revoked == {user: grants for user, grants in needed.items() if grants}
    assert list(acls_to_grant(world, GONE, NAMES)) == []
