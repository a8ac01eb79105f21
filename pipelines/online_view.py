"""Which generation of a view readers see: one key per view that holds its generation and plan."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from redis import Redis
from redis.client import Pipeline

from headwater.operators.heartbeats import FoldedHeartbeat
from headwater.operators.view_state import patience_ms
from headwater.pipelines.online_store import partition_keys, read_keys, view_key
from headwater.schemas.errors import FormatError
from headwater.schemas.plan import Plan


class OnlineView(NamedTuple):
    """What stands at a view's key."""

    generation: int
    plan: Plan

    def dump(self) -> bytes:
        """The JSON that is stored."""
        return f'{{"generation":{self.generation},"plan":{self.plan.canonical_json()}}}'.encode()

    @classmethod
    def load(cls, text: bytes) -> OnlineView:
        """The view that this JSON describes.

        Raises:
            FormatError: it is not one.
        """
        try:
            content: dict[str, Any] = json.loads(text)
            generation, plan = int(content["generation"]), json.dumps(content["plan"])
        except (ValueError, KeyError, TypeError) as error:
            raise FormatError(f"not an online view: {error}") from error
        return cls(generation, Plan.from_json(plan))


def publish(client: Redis, plan: Plan, now_ms: float) -> bool:
    """Let readers see this plan, unless they see a newer generation, or an older one that is still ahead of it.

    An older generation is replaced once every partition of the new one has a heartbeat that is current:
    heartbeats carry the time up to which the sources were read, and follow the rows in the log.

    Returns:
        Whether readers see this plan now.
    """
    key = view_key(plan.view)
    wanted = OnlineView(plan.generation, plan).dump()
    if client.get(key) == wanted:
        return True

    def replace(pipeline: Pipeline) -> None:
        standing = pipeline.get(key)
        shown = OnlineView.load(standing).generation if isinstance(standing, bytes) else None
        pipeline.multi()
        if shown is None or shown == plan.generation or (shown < plan.generation and caught_up(client, plan, now_ms)):
            pipeline.set(key, wanted)

    client.transaction(replace, key)
    return client.get(key) == wanted


def caught_up(client: Redis, plan: Plan, now_ms: float) -> bool:
    """Whether every partition of the plan's log is known to be complete up to a short while ago."""
    partitions = range(plan.log.partitions)
    keys = [partition_keys(plan.view, plan.generation, partition).heartbeat for partition in partitions]
    least_ms = now_ms - patience_ms(plan.freshness_objective_ms)
    return all(
        data is not None and FoldedHeartbeat.unpack(data).as_of_ms >= least_ms for data in read_keys(client, keys)
    )
