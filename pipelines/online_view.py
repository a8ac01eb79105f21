"""Which generation of a view readers see: one key per view that holds its generation and plan."""

from __future__ import annotations

import json
from collections.abc import Iterable
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

    An older generation is replaced once the new one has caught up with it.

    Returns:
        Whether readers see this plan now.
    """
    key = view_key(plan.view)
    wanted = OnlineView(plan.generation, plan).dump()
    if client.get(key) == wanted:
        return True

    def replace(pipeline: Pipeline) -> None:
        standing = pipeline.get(key)
        shown = OnlineView.load(standing) if isinstance(standing, bytes) else None
        pipeline.multi()
        if shown is None or shown.generation == plan.generation or caught_up(client, plan, shown.plan, now_ms):
            pipeline.set(key, wanted)

    client.transaction(replace, key)
    return client.get(key) == wanted


def caught_up(client: Redis, plan: Plan, shown: Plan, now_ms: float) -> bool:
    """Whether the plan is of a newer generation than the one that readers see, and as complete.

    Every partition must have a heartbeat that is current: heartbeats carry the time up to which the sources were read,
    and follow the rows in the log. A source that was not read yet looks like a silent one for a moment, so heartbeats
    count only from the first watermark on, unless the older generation has seen no event either.
    """
    if plan.generation < shown.generation:
        return False
    heartbeats = _heartbeats(client, plan)
    least_ms = now_ms - patience_ms(plan.freshness_objective_ms)
    if not all(heartbeat is not None and heartbeat.as_of_ms >= least_ms for heartbeat in heartbeats):
        return False
    return _has_seen_events(heartbeats) or not _has_seen_events(_heartbeats(client, shown))


def _heartbeats(client: Redis, plan: Plan) -> list[FoldedHeartbeat | None]:
    keys = [partition_keys(plan.view, plan.generation, partition) for partition in range(plan.log.partitions)]
    return [FoldedHeartbeat.unpack(data) if data else None for data in read_keys(client, [k.heartbeat for k in keys])]


def _has_seen_events(heartbeats: Iterable[FoldedHeartbeat | None]) -> bool:
    return any(heartbeat is not None and heartbeat.watermark_ms > 0 for heartbeat in heartbeats)
