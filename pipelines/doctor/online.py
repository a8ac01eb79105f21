"""The online store: reached, keeping what it is given, and allowing this user what the materializer does."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any, cast

from redis import Redis
from redis.exceptions import NoPermissionError, RedisError, ResponseError

from headwater.operators.fence import SCRIPT, ScriptRunner
from headwater.pipelines.doctor.finding import Finding, clock, fault, ok, warning
from headwater.pipelines.online_store import address, check_store, connect, partition_keys, trouble
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import OnlineStoreError
from headwater.schemas.feature_log import VERSION_BYTES
from headwater.schemas.plan import Plan

TRIAL_MS = 60_000
"""After so long Redis forgets by itself what the doctor wrote, should it be killed meanwhile."""

MARK = b"written by headwater doctor"
WRITTEN = [1, 1]
"""What the fence answers: written, one row."""

FULL = 0.8
NO_VIEW = "headwater_doctor"


def online_findings(settings: Settings, plans: Sequence[Plan]) -> Iterator[Finding]:
    """What the store is like."""
    client = connect(settings)
    place = address(settings.redis_url)
    try:
        before = time.time()
        info = cast("dict[str, Any]", client.info())
        after = time.time()
        yield ok("reached", f"{place}, {info.get('server_name', 'redis')} {info.get('redis_version', '?')}")
        yield from _safety(client)
        yield from state_findings(info)
        for view, generation in [(plan.view, plan.generation) for plan in plans] or [(NO_VIEW, 0)]:
            yield from _rights(client, view, generation)
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


def _rights(client: Redis, view: str, generation: int) -> Iterator[Finding]:
    """Writes a row as the materializer does, among the view's own keys, reads it as a reader does, and lets it expire.

    No more is asked of the user than these two need; so nothing is deleted.
    """
    scripts: ScriptRunner = client
    keys = partition_keys(view, generation, 0)
    row = keys.row_prefix + b"headwater-doctor-" + uuid.uuid4().hex.encode()
    first, second = (bytes(VERSION_BYTES - 1) + bytes([number]) + MARK for number in (1, 2))

    def write(value: bytes, lasts_ms: int) -> object:
        own_arguments = (b"", b"", b"")  # no offset is expected, and none is moved
        expires_at_ms = int(time.time() * 1000) + lasts_ms
        return scripts.eval(
            SCRIPT, 3, keys.offset + MARK, keys.heartbeat + MARK, row, *own_arguments, value, expires_at_ms
        )

    try:
        written = write(first, TRIAL_MS)
        pipeline = client.pipeline(transaction=True)
        pipeline.mget([row])
        pipeline.exists(row)
        (kept,), _ = pipeline.execute()
        write(second, 1)
    except (NoPermissionError, ResponseError) as error:
        yield fault(
            "rights",
            f"this user may not do what the materializer of {view} does: {trouble(error)}",
            "allow it ~hw:* +@read +@write +@scripting +@transaction +info",
        )
        return
    if written != WRITTEN or kept != first:
        yield fault(
            "fence", f"a row was not written as it should be: {written}", "is this Redis, or something like it?"
        )
        return
    yield ok("rights", f"a row of {view} was written and read, as the materializer and readers do")
