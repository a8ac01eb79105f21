"""Which ACLs the users of a view lack, and which nobody needs once it is removed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from headwater.pipelines.rollout.acl_actions import GrantAcls, RevokeAcls
from headwater.pipelines.rollout.world import World
from headwater.pipelines.security.grants import users_of
from headwater.pipelines.security.kafka_acls import among, bindings, kafka_grants, lacking
from headwater.schemas.plan import Plan


def acls_to_grant(world: World, plan: Plan, names: str) -> Iterator[GrantAcls]:
    """What each user of the view lacks.

    Args:
        names: how users are named, as `users_of` takes it.
    """
    for user, grants in users_of([plan], names).items():
        if missing := lacking(user, kafka_grants(grants), world.acls(user)):
            yield GrantAcls(user=user, grants=missing)


def acls_to_revoke(world: World, plan: Plan, names: str, others: Iterable[Plan]) -> Iterator[RevokeAcls]:
    """What each user of the view has for it, and for none of the other views.

    Args:
        names: how users are named, as `users_of` takes it.
        others: the plans of the views that stay.
    """
    kept = users_of(others, names)
    for user, grants in users_of([plan], names).items():
        needed = set(bindings(user, kafka_grants(kept.get(user, ()))))
        mine = lacking(user, kafka_grants(grants), needed)
        if held := among(user, mine, world.acls(user)):
            yield RevokeAcls(user=user, grants=held)
