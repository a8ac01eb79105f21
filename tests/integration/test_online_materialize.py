"""The materializer brings the greatest row of every key into Redis, whatever is killed, lost or emptied meanwhile."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from headwater.operators.heartbeats import FoldedHeartbeat
from headwater.pipelines.online_store import schema_key, view_key
from headwater.pipelines.reader import OnlineReader, Status
from headwater.pipelines.stack.broker import Broker
from headwater.schemas.plan import Plan
from tests.feature_log_rows import make_plan
from tests.integration.online_stack import FakeRegistry, LogWriter, MaterializerProcess, OwnRedis, keys_of, online_rows
from tests.waiting import wait_until

SESSION_SECONDS = 120


@dataclass
class Online:
    """A view's way from its log into a Redis of its own, all of it real."""

    plan: Plan
    log: LogWriter
    redis: OwnRedis
    registry: FakeRegistry
    materializer: MaterializerProcess

    def converged(self) -> bool:
        return online_rows(self.redis.client, self.plan) == self.log.expected()

    def offset(self, partition: int) -> int | None:
        found = self.redis.client.get(keys_of(self.plan, partition).offset)
        return int(found) if isinstance(found, bytes) else None


@pytest.fixture
def online(broker: Broker, tmp_path: Path, unique_name: Callable[[str], str]) -> Iterator[Online]:
    plan = make_plan(view=unique_name("online"))
    with ExitStack() as stack:
        own_redis = OwnRedis(tmp_path)
        stack.callback(own_redis.close)
        registry = FakeRegistry(plan.log.schema_)
        stack.callback(registry.close)
        log = LogWriter(broker.bootstrap_servers, plan)
        materializer = MaterializerProcess(
            tmp_path,
            plan,
            kafka_bootstrap_servers=broker.bootstrap_servers,
            redis_url=own_redis.url,
            registry_url=registry.url,
            kafka_properties=json.dumps({"session.timeout.ms": str(SESSION_SECONDS * 1000)}),
        )
        stack.callback(materializer.stop)
        yield Online(plan, log, own_redis, registry, materializer)


def write_random_rows(log: LogWriter, count: int, chance: random.Random, *, commit: bool = True) -> None:
    """Rows of 200 entities whose versions jump back and forth, as an aborted attempt and its successor give them."""
    now_us = time.time_ns() // 1000
    with log.transaction(commit=commit):
        for _ in range(count):
            log.row(chance.randrange(200), now_us + chance.randrange(-5, 6) * 1_000_000, chance.randrange(1, 4))
        log.heartbeat()


def test_rows_are_online_before_their_transaction_is_committed_and_stay_if_it_is_aborted(online: Online) -> None:
    with online.log.transaction(commit=False):
        online.log.row(1)
        online.log._producer.flush(30)
        wait_until(online.converged)
    with online.log.transaction():
        online.log.row(2)
    wait_until(online.converged)
    assert len(online_rows(online.redis.client, online.plan)) == 2


def test_a_reader_finds_schema_plan_values_and_heartbeat(online: Online) -> None:
    with online.log.transaction():
        online.log.row(7)
        as_of_ms = online.log.heartbeat()
    wait_until(online.converged)
    wait_until(lambda: online.redis.client.exists(view_key(online.plan.view)))
    with OnlineReader(online.redis.url, online.plan.view) as reader:
        wait_until(lambda: reader.get(customer_id="absent", as_of=as_of_ms / 1000).age == 0.0)
        found = reader.get(customer_id="c7", as_of=as_of_ms / 1000)
        assert dict(found.values) == {"amount_sum_5m": 0.0, "purchases_1h": 7}
        assert (found.status, found.pending) == (Status.FRESH, frozenset())
        assert reader.get(customer_id="c7", as_of=as_of_ms / 1000 + 1.5).status == Status.STALE


def test_offsets_reach_the_end_of_the_log_behind_the_marks_of_transactions(online: Online) -> None:
    for number in range(3):
        with online.log.transaction():
            online.log.row(number)
            online.log.heartbeat()

    def ends() -> bool:
        return all(online.materializer.metric(f'headwater_log_lag_rows{{partition="{p}"') == 0 for p in range(2))

    wait_until(lambda: online.converged() and all(online.offset(p) for p in range(2)))
    wait_until(ends)
    # per transaction: two heartbeats and a mark in each partition, besides the rows
    wait_until(lambda: sum(online.offset(p) or 0 for p in range(2)) == 3 + 3 * 2 * 3)
    assert online.materializer.logged("rewound") == []


def test_heartbeats_alone_move_offset_and_heartbeat(online: Online) -> None:
    with online.log.transaction():
        as_of_ms = online.log.heartbeat()
    expected = FoldedHeartbeat(as_of_ms, as_of_ms).pack()
    keys = [keys_of(online.plan, partition).heartbeat for partition in range(2)]
    wait_until(lambda: online.redis.client.mget(keys) == [expected, expected])


def test_a_row_whose_time_is_over_is_skipped(online: Online) -> None:
    two_days_us = 2 * 86_400_000_000
    with online.log.transaction():
        online.log.row(1)
        online.log.row(2, computed_ago_us=two_days_us, lives_ms=-2 * 86_400_000)
        online.log.row(3, computed_ago_us=two_days_us)  # its windows are not empty yet
    (skipped,) = [key for key in online.log.expected() if key.endswith(b"c2")]
    kept = {key: value for key, value in online.log.expected().items() if key != skipped}
    wait_until(lambda: online_rows(online.redis.client, online.plan) == kept)
    wait_until(lambda: online.materializer.metric("headwater_online_rows_expired_total") == 1)


@pytest.mark.parametrize("seed", range(2))
def test_a_materializer_that_is_killed_again_and_again_loses_and_reverts_nothing(online: Online, seed: int) -> None:
    chance = random.Random(seed)
    for round_ in range(5):
        write_random_rows(online.log, 3_000, chance, commit=round_ % 2 == 0)
        time.sleep(chance.uniform(0, 0.4))
        online.materializer.kill()
        write_random_rows(online.log, 300, chance)
        online.materializer.start()
        wait_until(online.materializer.is_reading, SESSION_SECONDS / 2, "it waits for its own old session to end")
    wait_until(online.converged)


@pytest.mark.parametrize("seed", range(2))
def test_a_redis_that_lost_its_newest_writes_is_given_them_again(online: Online, seed: int) -> None:
    chance = random.Random(seed)
    write_random_rows(online.log, 2_000, chance)
    wait_until(online.converged)
    before = online.offset(0)
    time.sleep(1.1)  # appendfsync everysec
    (file,) = online.redis.server.directory.glob("appendonlydir/*.incr.aof")
    safe_bytes = file.stat().st_size
    write_random_rows(online.log, 2_000, chance)
    wait_until(online.converged)
    time.sleep(1.1)
    online.redis.kill()
    assert online.redis.cut_tail(safe_bytes, chance) > 0
    online.redis.start()
    assert before is not None
    wait_until(online.converged)
    wait_until(lambda: online.materializer.logged("rewound") or online.materializer.logged("online_store_unavailable"))


def test_a_redis_that_was_emptied_is_filled_again_with_rows_schema_and_view(online: Online) -> None:
    write_random_rows(online.log, 1_000, random.Random(3))
    wait_until(online.converged)
    online.redis.client.flushall()
    wait_until(online.converged, 20)
    wait_until(lambda: online.redis.client.exists(schema_key(7), view_key(online.plan.view)) == 2)
    assert {line["stored"] for line in online.materializer.logged("rewound")} == {None}


def test_what_is_lost_of_schemas_and_views_alone_is_written_again(online: Online) -> None:
    with online.log.transaction():
        online.log.row(1)
    wait_until(
        lambda: online.converged() and online.redis.client.exists(schema_key(7), view_key(online.plan.view)) == 2
    )
    online.redis.client.delete(schema_key(7), view_key(online.plan.view))
    wait_until(lambda: online.redis.client.exists(schema_key(7), view_key(online.plan.view)) == 2, 15)


def test_a_registry_that_is_away_is_waited_for_and_said_so(online: Online) -> None:
    online.registry.healthy.clear()
    with online.log.transaction():
        online.log.row(1)
    wait_until(lambda: online.materializer.logged("registry_unavailable"))
    assert online_rows(online.redis.client, online.plan) == {}, "no row before its schema"
    online.registry.healthy.set()
    wait_until(online.converged)
    assert len(online.materializer.logged("registry_unavailable")) == 1


def test_a_materializer_that_is_asked_to_stop_ends_well(online: Online) -> None:
    write_random_rows(online.log, 500, random.Random(5))
    wait_until(online.converged)
    online.materializer.process.ask_to_stop()
    assert online.materializer.exit_code() == 0
