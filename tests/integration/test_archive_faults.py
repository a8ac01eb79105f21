"""Whatever is killed or goes away, each committed row stands in the offline log exactly once."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from headwater.pipelines.settings import Settings
from headwater.pipelines.stack import artifacts
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import RunningProcess
from headwater.pipelines.stack.registry import Registry
from headwater.schemas.plan import Plan
from tests.feature_log_rows import make_plan
from tests.integration.archive_lab import (
    SEED,
    ArchiveProcess,
    LogWriter,
    archived,
    archiving,
    caught_up,
    numbers_in,
    steady_writes,
)
from tests.waiting import wait_until

KILLS = 10
UNLIMITED = resource.RLIM_INFINITY


@pytest.fixture
def settings(broker: Broker, registry: Registry, tmp_path: Path) -> Settings:
    return Settings(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        registry_url=registry.url,
        offline_root=str(tmp_path / "offline"),
        archive_flush_seconds=0.1,
    )


@pytest.fixture
def plan(unique_name: Callable[[str], str]) -> Plan:
    return make_plan(view=unique_name("faulty"))


def test_an_archive_that_is_killed_again_and_again_loses_and_doubles_nothing(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    log = LogWriter(settings, plan)
    choice = random.Random(SEED)
    flushes = 0

    def has_flushed() -> bool:
        return len(archive.events("flushed")) > flushes

    with steady_writes(log) as committed:
        for i in range(KILLS):
            with archiving(settings, plan, tmp_path) as archive:
                if i % 2:
                    wait_until(has_flushed)
                    time.sleep(choice.uniform(0, 0.5))
                else:
                    time.sleep(choice.uniform(0, 3))
            flushes = len(archive.events("flushed"))
    with archiving(settings, plan, tmp_path) as archive:
        caught_up(archive, settings, plan, len(committed))
    assert numbers_in(archived(settings, plan)) == committed


def test_two_archives_at_once_archive_each_row_once(settings: Settings, plan: Plan, tmp_path: Path) -> None:
    log = LogWriter(settings, plan)
    with archiving(settings, plan, tmp_path, "a") as one, archiving(settings, plan, tmp_path, "b") as other:
        with steady_writes(log) as committed:
            wait_until(lambda: one.events("archiving") and other.events("archiving"))
            wait_until(lambda: one.events("fenced") or other.events("fenced"))
            time.sleep(5)
        wait_until(lambda: archived(settings, plan).num_rows >= len(committed), 60)
        assert one.terminate() == 0
        assert other.terminate() == 0
    assert numbers_in(archived(settings, plan)) == committed


def limit_file_size(archive: ArchiveProcess, limit: int) -> None:
    resource.prlimit(archive.process.pid, resource.RLIMIT_FSIZE, (limit, UNLIMITED))


@pytest.mark.parametrize("limit", [0, 200, 4_000, 30_000])
def test_a_full_disk_is_waited_for_and_nothing_is_lost(
    settings: Settings, plan: Plan, tmp_path: Path, limit: int
) -> None:
    """No file may grow beyond the limit: each of them makes another write fail, of rows or of the commit itself."""
    log = LogWriter(settings, plan)
    log.commit(range(10))
    with archiving(settings, plan, tmp_path) as archive:
        wait_until(lambda: archived(settings, plan).num_rows == 10)
        limit_file_size(archive, limit)
        log.commit(range(10, 1200))
        wait_until(lambda: archive.metric("offline_store_unavailable") == 1)
        time.sleep(1)
        log.commit(range(1200, 1300))
        assert numbers_in(archived(settings, plan)) == list(range(10))
        wait_until(lambda: archive.metric("archive_lag_rows") >= 1290)

        limit_file_size(archive, UNLIMITED)
        wait_until(lambda: archived(settings, plan).num_rows >= 1300)
        assert archive.metric("offline_store_unavailable") == 0
        assert archive.terminate() == 0
    assert numbers_in(archived(settings, plan)) == list(range(1300))


def test_an_archive_whose_store_is_away_waits_and_can_be_stopped(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    log = LogWriter(settings, plan)
    log.commit(range(10))
    in_the_way = Path(settings.offline_root)
    in_the_way.write_text("a file where the directory should be")
    with archiving(settings, plan, tmp_path) as archive:
        wait_until(lambda: archive.events("offline_store_unavailable"))
        assert archive.metric("offline_store_unavailable") == 1
        assert archive.terminate() == 0

    with archiving(settings, plan, tmp_path) as archive:
        wait_until(lambda: len(archive.events("offline_store_unavailable")) == 2)
        time.sleep(2)
        in_the_way.unlink()
        caught_up(archive, settings, plan, 10)
        assert len(archive.events("offline_store_unavailable")) == 2, "one line per change, not per attempt"
        assert len(archive.events("offline_store_available")) == 1
    assert numbers_in(archived(settings, plan)) == list(range(10))


def test_a_broker_that_is_killed_comes_back_to_an_archive_that_goes_on(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    port, controller_port = free_ports(2)
    own = Broker(
        directory=tmp_path / "broker",
        log=tmp_path / "broker.log",
        port=port,
        controller_port=controller_port,
        classpath=artifacts.broker_classpath(),
    )
    own.prepare()
    settings = settings.model_copy(update={"kafka_bootstrap_servers": own.bootstrap_servers})
    process = RunningProcess.start(own.spec())
    try:
        process.wait_ready()
        log = LogWriter(settings, plan)
        log.commit(range(100))
        with archiving(settings, plan, tmp_path) as archive:
            wait_until(lambda: archived(settings, plan).num_rows == 100)
            process.kill()
            wait_until(lambda: archive.metric("archive_log_unavailable") == 1)
            process = RunningProcess.start(own.spec())
            process.wait_ready()
            log.commit(range(100, 200))
            caught_up(archive, settings, plan, 200)
    finally:
        process.stop()
    assert numbers_in(archived(settings, plan)) == list(range(200))


def test_a_registry_that_is_away_is_waited_for(
    settings: Settings, plan: Plan, tmp_path: Path, registry: Registry
) -> None:
    log = LogWriter(settings, plan)
    log.commit(range(10))
    (port,) = free_ports(1)
    away = settings.model_copy(update={"registry_url": f"http://127.0.0.1:{port}"})
    with archiving(away, plan, tmp_path) as archive:
        wait_until(lambda: archive.events("registry_unavailable"))
        assert archive.terminate() == 0
    with archiving(settings, plan, tmp_path) as archive:
        caught_up(archive, settings, plan, 10)
    assert numbers_in(archived(settings, plan)) == list(range(10))
