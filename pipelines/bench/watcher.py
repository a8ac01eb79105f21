"""Polls the online store, as a reader would, for the moment at which events are in it."""

from __future__ import annotations

import io
import time
from collections import defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import numpy as np
from fastavro import parse_schema, schemaless_reader
from redis import Redis
from redis.exceptions import RedisError

from headwater.pipelines.bench.events import BenchEvents
from headwater.pipelines.bench.stream import ENTITY
from headwater.pipelines.online_store import partition_keys
from headwater.schemas.avro import without_logical_types
from headwater.schemas.feature_log import VERSION_BYTES
from headwater.schemas.keys import encode_key, partition_of
from headwater.schemas.plan import Plan

POLL_SECONDS = 0.002
MOST_KEYS_AT_ONCE = 500

_ROW_START = VERSION_BYTES + 5


class Seen(NamedTuple):
    """An event that a reader saw: when it was to be sent, and ms from then until it was seen.

    The stages are those of the row in which it was seen, whose newest event may be a later one: until that was in
    Kafka, until the row was computed, and until it was seen.
    """

    at_us: int
    total_ms: float
    broker_ms: float
    compute_ms: float
    store_ms: float


class Watcher:
    """Follows some of the events, each from the moment at which it is to be sent."""

    def __init__(self, client: Redis, plan: Plan, events: BenchEvents, chosen: Sequence[int]) -> None:
        self._client = client
        self._schema = parse_schema(without_logical_types(plan.log.schema_), named_schemas={})
        self._to_come = [
            (int(events.times_us[place]), _online_key(plan, int(events.keys[place]))) for place in reversed(chosen)
        ]
        self._awaited: defaultdict[bytes, list[int]] = defaultdict(list)
        self.seen: list[Seen] = []

    @property
    def waiting(self) -> int:
        """How many events are not seen yet."""
        return len(self._to_come) + sum(map(len, self._awaited.values()))

    def poll(self) -> None:
        """Looks once for what has been sent and was not seen yet; a store that does not answer is asked again later."""
        now_us = time.time_ns() // 1000
        while self._to_come and self._to_come[-1][0] <= now_us:
            time_us, key = self._to_come.pop()
            self._awaited[key].append(time_us)
        keys = list(self._awaited)
        for start in range(0, len(keys), MOST_KEYS_AT_ONCE):
            some = keys[start : start + MOST_KEYS_AT_ONCE]
            try:
                values = cast("list[bytes | None]", self._client.mget(some))
            except RedisError:
                return
            seen_at_us = time.time_ns() // 1000
            for key, value in zip(some, values, strict=True):
                if value is not None:
                    self._take(key, value, seen_at_us)
        time.sleep(POLL_SECONDS)

    def _take(self, key: bytes, value: bytes, seen_at_us: int) -> None:
        clock_us = int.from_bytes(value[8:16], "big")
        here = [time_us for time_us in self._awaited[key] if time_us <= clock_us]
        if not here:
            return
        row: Any = schemaless_reader(io.BytesIO(value[_ROW_START:]), self._schema, None)
        broker_ms = row["ingested_at"] - row["event_time"] / 1000
        compute_ms = float(row["computed_at"] - row["ingested_at"])
        store_ms = seen_at_us / 1000 - row["computed_at"]
        self.seen += [Seen(time_us, (seen_at_us - time_us) / 1000, broker_ms, compute_ms, store_ms) for time_us in here]
        if len(here) == len(self._awaited[key]):
            del self._awaited[key]
        else:
            self._awaited[key] = [time_us for time_us in self._awaited[key] if time_us > clock_us]


def percentiles(values: Sequence[float]) -> dict[str, float]:
    """p50, p90, p99, p99.9 and the greatest."""
    shares = {"p50": 50, "p90": 90, "p99": 99, "p99.9": 99.9, "max": 100}
    return {name: float(np.percentile(np.array(values), share)) for name, share in shares.items()}


def _online_key(plan: Plan, number: int) -> bytes:
    key = encode_key(ENTITY, {"user": f"{number:010d}"})
    return partition_keys(plan.view, plan.generation, partition_of(key, plan.log.partitions)).row_prefix + key
