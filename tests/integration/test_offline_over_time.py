"""Archives that merge and clean up their files as they go: killed and raced, each committed row stands there once."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from deltalake import DeltaTable

from headwater.pipelines.offline_table import table_location
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.registry import Registry
from headwater.schemas.plan import Plan
from tests.feature_log_rows import make_plan
from tests.integration.archive_lab import SEED, LogWriter, archived, archiving, caught_up, numbers_in, steady_writes
from tests.waiting import wait_until

KILLS = 6


@pytest.fixture
def settings(broker: Broker, registry: Registry, tmp_path: Path) -> Settings:
    """Files are merged from two on, as often as the archive can, with a vacuum and a checkpoint each time."""
    return Settings(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        registry_url=registry.url,
        offline_root=str(tmp_path / "offline"),
        archive_flush_seconds=0.1,
        offline_upkeep_seconds=0.05,
        offline_small_files=2,
        offline_vacuum_seconds=0.1,
    )


@pytest.fixture
def plan(unique_name: Callable[[str], str]) -> Plan:
    return make_plan(view=unique_name("kept"))


def test_an_archive_killed_while_it_appends_and_compacts_loses_and_doubles_nothing(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    log = LogWriter(settings, plan)
    choice = random.Random(SEED)
    rounds = 0

    def has_compacted() -> bool:
        return len(archive.events("compacted")) > rounds

    with steady_writes(log) as committed:
        for _ in range(KILLS):
            with archiving(settings, plan, tmp_path) as archive:
                wait_until(has_compacted)
                time.sleep(choice.uniform(0, 0.3))
            rounds = len(archive.events("compacted"))
    with archiving(settings, plan, tmp_path) as archive:
        caught_up(archive, settings, plan, len(committed))
    assert numbers_in(archived(settings, plan)) == committed


def test_two_archives_append_and_compact_one_table_and_each_row_stands_there_once(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    log = LogWriter(settings, plan)
    with archiving(settings, plan, tmp_path, "a") as one, archiving(settings, plan, tmp_path, "b") as other:
        with steady_writes(log) as committed:
            wait_until(lambda: one.events("compacted") and other.events("compacted"), 60)
            time.sleep(3)
        wait_until(lambda: archived(settings, plan).num_rows >= len(committed), 60)
        assert one.terminate() == 0
        assert other.terminate() == 0
        causes = {line["cause"] for archive in (one, other) for line in archive.events("upkeep_failed")}
        assert causes <= {"conflict"}
    assert numbers_in(archived(settings, plan)) == committed


def test_metrics_tell_what_the_files_are_like_and_what_was_done_for_them(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    log = LogWriter(settings, plan)
    with archiving(settings, plan, tmp_path) as archive:
        for first in range(0, 40, 10):
            log.commit(range(first, first + 10))
            wait_until(lambda rows=first + 10: archived(settings, plan).num_rows == rows)  # type: ignore[misc]
        # The metrics are those of the last round of upkeep, which may have seen the first file only.
        location = table_location(settings, plan.view, plan.generation)
        wait_until(lambda: len(DeltaTable(location).file_uris()) == 1)
        (file,) = DeltaTable(location).file_uris()
        wait_until(lambda: archive.metric("offline_live_bytes") == Path(file).stat().st_size)
        assert archive.metric("offline_live_files") == 1
        steps = ("compaction", "vacuum", "checkpoint")
        wait_until(lambda: all(archive.metric(f"offline_last_{step}_timestamp_seconds") for step in steps))
        assert archive.metric("offline_compacted_files_total") >= 2
        for step in steps:
            assert time.time() - archive.metric(f"offline_last_{step}_timestamp_seconds") < 60
        assert archive.metric("offline_store_failures_total") == 0
        assert archive.terminate() == 0
