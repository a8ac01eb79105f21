"""Carries out a rollout: exactly what it says, or nothing where the world is not what it was planned for any more.

Each action says what was seen before it. So one that is done already is passed over, and a run that was cut short at
any point is completed by the next.
"""

from __future__ import annotations

from collections.abc import Callable

from headwater.pipelines.rollout.actions import Action
from headwater.pipelines.rollout.rollout import Rollout
from headwater.pipelines.rollout.world import World
from headwater.schemas.errors import FencedError


def apply_rollout(world: World, rollout: Rollout, done: Callable[[Action, bool], None]) -> None:
    """Does what is still to be done, in order, and says of each action that it is done, and if it was before.

    Raises:
        FencedError: the rollout is refused in itself, or something that it is about was changed since; nothing was
            done. Or somebody else deploys the same view at this moment; what was done before stays.
        BrokerError, TopicError, RegistryError, ContractError: the broker or the registry cannot be reached or refuses;
            what was done before stays, and the next run goes on from there.
    """
    if rollout.refusals:
        raise FencedError("it cannot be carried out:\n" + "\n".join(rollout.refusals))
    if rollout.cluster != world.cluster_id() or rollout.registry != world.registry.url:
        raise FencedError(
            f"it was planned for the Kafka cluster {rollout.cluster} and the registry {rollout.registry},"
            " which these are not: plan again"
        )
    statuses = [(action, action.status(world)) for action in rollout.actions]
    changed = [str(action) for action, status in statuses if status == "changed"]
    if changed:
        raise FencedError(
            "the world changed since it was planned, so nothing was done: plan again\n" + "\n".join(changed)
        )
    for action, status in statuses:
        if status == "open":
            action.carry_out(world)
        done(action, status == "done")
