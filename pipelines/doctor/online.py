"""The online store: reached, keeping what it is given, and allowing this user what the materializer does."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any, cast

from redis import Redis
from redis.exceptions import NoPermissionError, RedisError

from headwater.operators.fence import Fence, OnlineRow, Written
from headwater.pipelines.doctor.finding import Finding, clock, fault, ok, warning
from headwater.pipelines.online_store import address, check_store, connect, partition_keys, trouble
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import OnlineStoreError
from headwater.schemas.feature_log import VERSION_BYTES

TRIAL_MS = 60_000
"""After so long Redis forgets by itself what the doctor wrote, should it not be allowed to delete it."""

FULL = 0.8


def online_findings(settings: Settings) -> Iterator[Finding]:
    """What the store is like."""
    client = connect(settings.redis_url)
    place = address(settings.redis_url)
    try:
        before = time.time()
        info = cast("dict[str, Any]", client.info())
        after = time.time()
        yield ok("reached", f"{place}, {info.get('server_name', 'redis')} {info.get('redis_version', '?')}")
        yield from _safety(client)
        yield from state_findings(info)
        yield from _rights(client)
        if "server_time_usec" in info:
            yield clock("Redis", info["server_time_usec"] / 1e6 - (before + after) / 2, (after - before) / 2)
    except RedisError as error:
        yield fault("reached", f"{place}: {trouble(error)}", "see HEADWATER_REDIS_URL")
    finally:
        client.close()


def state_findings(info: dict[str, Any]) -> Iterator[Finding]:
    """What its own account of itself says: its role, its disk, its memory."""
    if info.get("role") != "master":
        yield fault("role", f"{info.get('role')}: it takes no writes", "point HEADWATER_REDIS_URL at the primary")
    if int(info.get("cluster_enabled", 0)):
        yield fault(
            "cluster mode",
            "on: a view's keys are in many places, but Headwater's clients speak to one server",
            "use a Redis without cluster mode, with replicas if it must survive a machine",
        )
    if info.get("aof_last_write_status", "ok") != "ok" or info.get("rdb_last_bgsave_status", "ok") != "ok":
        yield fault("persistence", "its last write to the disk failed", "make room on Redis's disk; see its log")
    most, used = int(info.get("maxmemory", 0)), int(info.get("used_memory", 0))
    if most and used > FULL * most:
        yield warning(
            "memory",
            f"{used / 2**20:.0f} of {most / 2**20:.0f} MiB are in use",
            "raise maxmemory: full, it refuses writes",
        )


def _safety(client: Redis) -> Iterator[Finding]:
    try:
        warnings = check_store(client)
    except OnlineStoreError as error:
        what, _, remedy = str(error).partition(". ")
        yield fault("settings", what, remedy or "use a newer one")
        return
    for each in warnings:
        yield warning("persistence", each, "redis-cli CONFIG SET appendonly yes, and in its configuration file")
    yield ok("settings", "new enough, and evicts nothing")


def _rights(client: Redis) -> Iterator[Finding]:
    """Writes a row of its own as the materializer does, reads it as a reader does, and deletes it."""
    keys = partition_keys("headwater_doctor", 0, 0)
    name = uuid.uuid4().hex.encode()
    offset, heartbeat, row = keys.offset + name, keys.heartbeat + name, keys.row_prefix + name
    expires_at_ms = int(time.time() * 1000) + TRIAL_MS
    value = bytes(VERSION_BYTES) + b"written by `headwater doctor`"
    try:
        written = Fence(client, offset, heartbeat).write(
            [OnlineRow(row, value, expires_at_ms)], expected=None, next_offset=0, heartbeat=b"-"
        )
        for key in (offset, heartbeat):
            client.pexpireat(key, expires_at_ms)
        pipeline = client.pipeline(transaction=True)
        pipeline.mget([row, offset])
        pipeline.exists(row)
        (kept, _), _ = pipeline.execute()
        client.delete(row, offset, heartbeat)
    except NoPermissionError as error:
        yield fault(
            "rights",
            f"this user may not do what the materializer does: {error}",
            "allow it ~hw:* +@read +@write +@scripting +@transaction +info",
        )
        return
    if written != Written(1, ()) or kept != value:
        yield fault(
            "fence", f"a row was not written as it should be: {written}", "is this Redis, or something like it?"
        )
        return
    yield ok("rights", "a row was written, read and deleted, as the materializer and readers do")
