"""Processes that kill themselves between two steps that must not come apart, and what their successors make of it."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from headwater.pipelines.offline_store import OfflineStore
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.registry import Registry
from headwater.schemas.plan import Plan
from tests.feature_log_rows import make_plan
from tests.integration import archive_lab
from tests.integration.archive_lab import ArchiveProcess, archived, archiving, numbers_in
from tests.integration.online_stack import FakeRegistry, LogWriter, MaterializerProcess, OwnRedis, keys_of, online_rows
from tests.waiting import wait_until

ROWS = 2_000

DIE = """
import os, signal

def die():
    os.kill(os.getpid(), signal.SIGKILL)
"""

# A chunk that moves the offset is the last one of its batch.
DYING_MATERIALIZER = """
from headwater.operators import fence
from headwater.pipelines import partition_writer

class Dying(fence.Fence):
    def _run(self, rows, expected, next_offset, heartbeat):
        reply = super()._run(rows, expected, next_offset, heartbeat)
        if len(rows) > 100 and bool(next_offset) == {moves_the_offset}:
            die()
        return reply

partition_writer.Fence = Dying
"""

# The file is what delta-rs would have written by then: that it dies just there cannot be timed from outside.
DYING_BEFORE_THE_COMMIT = """
from pathlib import Path
import pyarrow.parquet
from headwater.pipelines import offline_store

write = offline_store.write_deltalake

def write_and_die(table, *arguments, **options):
    if arguments[0].num_rows:
        directory = Path(table.table_uri.removeprefix("file://"))
        pyarrow.parquet.write_table(arguments[0], directory / "part-00001.snappy.parquet")
        die()
    write(table, *arguments, **options)

offline_store.write_deltalake = write_and_die
"""

DYING_BEHIND_THE_COMMIT = """
from headwater.pipelines import offline_store

write = offline_store.write_deltalake

def write_and_die(table, rows, **options):
    write(table, rows, **options)
    if rows.num_rows:
        die()

offline_store.write_deltalake = write_and_die
"""


@pytest.fixture
def plan(unique_name: Callable[[str], str]) -> Plan:
    return make_plan(view=unique_name("dying"))


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    own = OwnRedis(tmp_path)
    yield own
    own.close()


@pytest.mark.parametrize("moves_the_offset", [False, True], ids=["between two chunks", "before the answer is heard"])
def test_a_materializer_that_dies_within_a_batch_is_followed_by_one_that_writes_it_again(
    moves_the_offset: bool, broker: Broker, own_redis: OwnRedis, plan: Plan, tmp_path: Path
) -> None:
    log = LogWriter(broker.bootstrap_servers, plan)
    with log.transaction():
        for number in range(ROWS):
            log.row(number)
    with ExitStack() as stack:
        registry = FakeRegistry(plan.log.schema_)
        stack.callback(registry.close)
        process = MaterializerProcess(
            tmp_path,
            plan,
            prelude=DIE + DYING_MATERIALIZER.format(moves_the_offset=moves_the_offset),
            kafka_bootstrap_servers=broker.bootstrap_servers,
            redis_url=own_redis.url,
            registry_url=registry.url,
            kafka_properties=json.dumps({"session.timeout.ms": "120000"}),
        )
        assert process.exit_code() == -signal.SIGKILL
        written = online_rows(own_redis.client, plan)
        offsets = own_redis.client.mget([keys_of(plan, partition).offset for partition in range(2)])
        assert written
        if not moves_the_offset:
            assert set(offsets) <= {None, b"0"}, "rows stand there, but no offset says so"
        process.prelude = ""
        process.start()
        stack.callback(process.stop)
        wait_until(lambda: online_rows(own_redis.client, plan) == log.expected())


@pytest.fixture
def settings(broker: Broker, registry: Registry, tmp_path: Path) -> Settings:
    return Settings(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        registry_url=registry.url,
        offline_root=str(tmp_path / "offline"),
        archive_flush_seconds=0.1,
    )


def test_an_archive_that_dies_between_a_file_and_its_commit_leaves_no_row_of_it(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    archive_lab.LogWriter(settings, plan).commit(range(ROWS))
    dying = ArchiveProcess(settings, plan, tmp_path, prelude=DIE + DYING_BEFORE_THE_COMMIT)
    assert dying.wait(60) == -signal.SIGKILL
    table = Path(OfflineStore(settings, plan).location)
    assert list(table.rglob("*.parquet")), "a file stands there"
    assert archived(settings, plan).num_rows == 0, "but nobody reads it"
    with archiving(settings, plan, tmp_path) as archive:
        wait_until(lambda: archived(settings, plan).num_rows >= ROWS)
        assert archive.terminate() == 0
    assert numbers_in(archived(settings, plan)) == list(range(ROWS))


def test_an_archive_that_dies_behind_its_commit_is_followed_by_one_that_goes_on_from_there(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    log = archive_lab.LogWriter(settings, plan)
    log.commit(range(ROWS))
    dying = ArchiveProcess(settings, plan, tmp_path, prelude=DIE + DYING_BEHIND_THE_COMMIT)
    assert dying.wait(60) == -signal.SIGKILL
    assert archived(settings, plan).num_rows > 0
    log.commit(range(ROWS, ROWS + 50))
    with archiving(settings, plan, tmp_path) as archive:
        wait_until(lambda: archived(settings, plan).num_rows >= ROWS + 50)
        assert archive.terminate() == 0
    assert numbers_in(archived(settings, plan)) == list(range(ROWS + 50))
