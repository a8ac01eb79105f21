"""Every key of the event topic against its row in Redis."""

from __future__ import annotations

import io
import json
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, cast

from fastavro import parse_schema, schemaless_reader
from redis import Redis

from headwater.operators.reference import ReferenceEvent, ReferenceRow, clock_of, row_at
from headwater.operators.reference_copies import PossibleEvents
from headwater.pipelines.online_store import partition_keys, schema_key
from headwater.pipelines.verification.rows import definition_of, row_difference
from headwater.schemas.avro import without_logical_types
from headwater.schemas.errors import FormatError, OnlineStoreError, VerificationError
from headwater.schemas.feature_log import VERSION_BYTES
from headwater.schemas.keys import decode_key, partition_of
from headwater.schemas.plan import Plan

_HEARTBEAT = struct.Struct(">qq")
_FRAME = struct.Struct(">bI")
_CHUNK = 1000
POLL_SECONDS = 0.5


class OnlineRows:
    """The rows that stand in Redis, decoded."""

    def __init__(self, redis: Redis, plan: Plan) -> None:
        self._redis = redis
        self._plan = plan
        self._schemas: dict[int, Any] = {}

    def heartbeats(self) -> list[tuple[int, int]]:
        """As-of time and watermark, both in ms, of each partition that has a heartbeat."""
        keys = [self._keys(partition).heartbeat for partition in range(self._plan.log.partitions)]
        values = cast("list[bytes | None]", self._redis.mget(keys))
        return [_HEARTBEAT.unpack(value) for value in values if value is not None]

    def stored_keys(self) -> set[bytes]:
        """The canonical keys of all rows that stand there."""
        found = set()
        for partition in range(self._plan.log.partitions):
            prefix = self._keys(partition).row_prefix
            pattern = prefix.replace(b"[", b"\\[") + b"*"
            found |= {key[len(prefix) :] for key in self._redis.scan_iter(match=pattern, count=_CHUNK)}
        return found

    def rows(self, keys: Iterator[bytes]) -> Iterator[tuple[bytes, dict[str, Any] | None]]:
        """Each key with its row's fields, timestamps as whole numbers, or None where there is no row.

        Raises:
            FormatError: a row cannot be decoded.
            OnlineStoreError: the schema of a row is not there.
        """
        while chunk := list(islice(keys, _CHUNK)):
            names = [self._keys(partition_of(key, self._plan.log.partitions)).row_prefix + key for key in chunk]
            for key, value in zip(chunk, cast("list[bytes | None]", self._redis.mget(names)), strict=True):
                yield key, None if value is None else self._decode(value)

    def _decode(self, value: bytes) -> dict[str, Any]:
        version, (magic, schema_id) = value[:VERSION_BYTES], _FRAME.unpack_from(value, VERSION_BYTES)
        row = schemaless_reader(io.BytesIO(value[VERSION_BYTES + _FRAME.size :]), self._schema(schema_id), None)
        if magic != 0 or not isinstance(row, dict):
            raise FormatError(f"not a framed row: {value[:40]!r}")
        if struct.unpack(">3Q", version) != (row["generation"], row["clock"], row["n"]):
            raise FormatError(f"the version before a row is not the row's own: {value[:40]!r}")
        return row

    def _schema(self, schema_id: int) -> Any:
        if schema_id not in self._schemas:
            text = cast("bytes | None", self._redis.get(schema_key(schema_id)))
            if text is None:
                raise OnlineStoreError(f"Redis holds rows of schema {schema_id}, but not the schema")
            self._schemas[schema_id] = parse_schema(without_logical_types(json.loads(text)))
        return self._schemas[schema_id]

    def _keys(self, partition: int) -> Any:
        return partition_keys(self._plan.view, self._plan.generation, partition)


def await_arrival(redis: Redis, plan: Plan, newest_ms: float, deadline: float) -> None:
    """Returns once every partition says that all of the source up to a wall time, and more, has arrived online.

    Args:
        redis: the online store.
        plan: the view's plan.
        newest_ms: the wall time.
        deadline: until when to wait, on the monotonic clock.

    Raises:
        VerificationError: it did not arrive by the deadline.
    """
    online = OnlineRows(redis, plan)
    while (arrived := sum(as_of > newest_ms for as_of, _ in online.heartbeats())) < plan.log.partitions:
        if time.monotonic() > deadline:
            raise VerificationError(
                f"{plan.view}: {arrived} of {plan.log.partitions} partitions say that all events have arrived;"
                " look at `headwater status` for what is stuck"
            )
        time.sleep(POLL_SECONDS)


def online_mismatches(
    redis: Redis, plan: Plan, by_key: Mapping[bytes, list[ReferenceEvent]], definitions: Sequence[Plan] = ()
) -> list[str]:
    """What of the online store differs from the reference, a sentence for each key that does.

    The clock that a row must have follows from the events and the watermark in the heartbeats. A key whose
    row has expired by the wall clock may be absent. A row may have been written under one of the other `definitions`.
    """
    online = OnlineRows(redis, plan)
    watermarks = [watermark for _, watermark in online.heartbeats()]
    watermark_us = min(watermarks) * 1000 if watermarks and min(watermarks) > 0 else None
    wrong = [f"{_named(plan, key)}: stands in Redis, but has no event" for key in online.stored_keys() - set(by_key)]
    for key, row in online.rows(iter(by_key)):
        events = by_key[key]
        clock_us = clock_of(plan, events, watermark_us)
        if row is None:
            if not may_have_expired(plan, row_at(plan, events, clock_us)):
                wrong.append(f"{_named(plan, key)}: is not in Redis")
        elif difference := row_difference(PossibleEvents(definition_of(row, plan, definitions), clock_us, events), row):
            wrong.append(f"{_named(plan, key)}: {difference}")
    return wrong


def may_have_expired(plan: Plan, expected: ReferenceRow) -> bool:
    """Whether the online store may have forgotten this row by now."""
    empty_at_us = max((at for at in expected.empty_at_us.values() if at is not None), default=expected.clock_us)
    kept_until_ms = max(empty_at_us // 1000 + (plan.reach_ms or 0), expected.ingested_at_ms + plan.time_to_live_ms)
    return kept_until_ms <= time.time() * 1000


def _named(plan: Plan, key: bytes) -> str:
    return str(decode_key(plan.entity, key))
