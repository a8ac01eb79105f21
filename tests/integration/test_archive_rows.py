"""The archive takes every committed row exactly once into the offline log, and no other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from deltalake import DeltaTable
from prometheus_client import CollectorRegistry

from headwater.pipelines.archive import Archive
from headwater.pipelines.offline_store import OfflineStore
from headwater.pipelines.offline_table import table_location
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.registry import Registry
from headwater.schemas.plan import Plan
from tests.feature_log_rows import FEATURES, make_plan
from tests.integration.archive_lab import LogWriter, archived, archiving, numbers_in
from tests.waiting import wait_until


@pytest.fixture
def settings(broker: Broker, registry: Registry, tmp_path: Path) -> Settings:
    return Settings(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        registry_url=registry.url,
        offline_root=str(tmp_path / "offline"),
        archive_flush_seconds=0.5,
    )


@pytest.fixture
def plan(unique_name: Callable[[str], str]) -> Plan:
    return make_plan(view=unique_name("archived"))


def has(settings: Settings, plan: Plan, rows: int) -> Callable[[], bool]:
    return lambda: archived(settings, plan).num_rows >= rows


def test_committed_rows_are_archived_once_and_aborted_rows_never(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    log = LogWriter(settings, plan)
    with archiving(settings, plan, tmp_path) as archive:
        log.commit(range(200))
        log.abort(range(1000, 1200))
        log.commit(range(200, 300))
        log.abort(range(2000, 2100))
        wait_until(has(settings, plan, 300))
        wait_until(lambda: archive.metric("archive_lag_rows") == 0)
        assert archive.metric("archive_rows_total") == 300
        assert archive.metric("archive_files_total") == len(
            DeltaTable(OfflineStore(settings, plan).location).file_uris()
        )
        assert time.time() - archive.metric("archive_last_flush_timestamp_seconds") < 60
        assert archive.terminate() == 0

    table = archived(settings, plan)
    assert numbers_in(table) == list(range(300))
    places = set(zip(table["log_partition"].to_pylist(), table["log_offset"].to_pylist(), strict=True))
    assert len(places) == 300
    assert all(n % 2 == p for n, p in zip(numbers_in_order(table), table["log_partition"].to_pylist(), strict=True))


def numbers_in_order(table: object) -> list[int]:
    return [n - 1 for n in table["n"].to_pylist()]  # type: ignore[index]


def test_sigterm_commits_the_rows_in_hand(settings: Settings, plan: Plan, tmp_path: Path) -> None:
    log = LogWriter(settings, plan)
    patient = settings.model_copy(update={"archive_flush_seconds": 3600.0})
    with archiving(patient, plan, tmp_path) as archive:
        wait_until(lambda: archive.events("archiving"))
        log.commit(range(100))
        wait_until(lambda: archive.metric("archive_rows_in_hand") == 100)
        assert archived(settings, plan).num_rows == 0
        wait_until(lambda: archive.metric("archive_lag_rows") >= 100)
        assert archive.terminate() == 0
    assert numbers_in(archived(settings, plan)) == list(range(100))


def test_rows_behind_an_open_transaction_wait_and_a_metric_says_so(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    log = LogWriter(settings, plan)
    log.commit(range(10))
    log.write(range(1000, 1010), producer=log.new_producer("dead"))  # and never ends: the job died
    log.commit(range(10, 20))
    with archiving(settings, plan, tmp_path) as archive:
        wait_until(has(settings, plan, 10))
        wait_until(lambda: archive.metric("archive_open_transaction_rows") > 0)
        time.sleep(1)
        assert numbers_in(archived(settings, plan)) == list(range(10))
        assert archive.metric("archive_lag_rows") == 0

        log.new_producer("dead")  # the job is back, and aborts what it had left open

        wait_until(has(settings, plan, 20))
        wait_until(lambda: archive.metric("archive_open_transaction_rows") == 0)
    assert numbers_in(archived(settings, plan)) == list(range(20))


def test_heartbeats_alone_commit_nothing(settings: Settings, plan: Plan, tmp_path: Path) -> None:
    log = LogWriter(settings, plan)
    with archiving(settings, plan, tmp_path) as archive:
        log.commit(range(4))
        wait_until(has(settings, plan, 4))
        version = DeltaTable(OfflineStore(settings, plan).location).version()
        log.heartbeats(20)
        wait_until(lambda: archive.metric("archive_lag_rows") == 0)
        time.sleep(1)
        assert DeltaTable(OfflineStore(settings, plan).location).version() == version


def test_a_position_that_heartbeats_moved_is_committed_now_and_then(
    settings: Settings, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise their deletion would look like a loss of rows at the next start."""
    LogWriter(settings, plan).heartbeats(20)
    monkeypatch.setattr("headwater.pipelines.archive.POSITION_COMMIT_SECONDS", 1.0)
    stop = threading.Event()
    thread = threading.Thread(target=Archive(settings, plan, stop, CollectorRegistry()).run)
    thread.start()
    try:
        wait_until(lambda: OfflineStore(settings, plan).end_offsets() == {0: 21, 1: 21})  # with the control record
    finally:
        stop.set()
        thread.join()
    assert archived(settings, plan).num_rows == 0


def test_rows_that_retention_deleted_are_counted_and_the_rest_is_archived(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    log = LogWriter(settings, plan)
    log.commit(range(10))
    with archiving(settings, plan, tmp_path) as archive:
        wait_until(has(settings, plan, 10))
        assert archive.terminate() == 0
    log.commit(range(10, 30))
    end = OfflineStore(settings, plan).end_offsets()[0]
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    for deleted in admin.delete_records([TopicPartition(plan.log.topic, 0, end + 5)]).values():
        deleted.result(20)

    with archiving(settings, plan, tmp_path) as archive:
        wait_until(has(settings, plan, 24))
        assert archive.metric("archive_gap_rows_total") == 5
        assert archive.events("rows_lost_by_retention")[0]["partition"] == 0
        assert archive.terminate() == 0
    numbers = numbers_in(archived(settings, plan))
    assert [n for n in numbers if n % 2 == 1] == list(range(1, 30, 2))
    assert len(numbers) == len(set(numbers))


def test_a_log_that_was_created_anew_is_refused(settings: Settings, plan: Plan, tmp_path: Path) -> None:
    log = LogWriter(settings, plan)
    log.commit(range(50))
    with archiving(settings, plan, tmp_path) as archive:
        wait_until(has(settings, plan, 50))
        assert archive.terminate() == 0
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    for deleted in admin.delete_topics([plan.log.topic]).values():
        deleted.result(20)
    wait_until(lambda: plan.log.topic not in admin.list_topics(timeout=5).topics)
    LogWriter(settings, plan).commit(range(2))

    with archiving(settings, plan, tmp_path) as archive:
        assert archive.wait(30) != 0
        assert "raise the view's generation" in archive.log.read_text()


def test_a_missing_log_is_named_with_the_command_that_creates_it(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    with archiving(settings, plan, tmp_path) as archive:
        assert archive.wait(30) != 0
        assert f"--create --topic {plan.log.topic} --partitions 2" in archive.log.read_text()


@pytest.mark.parametrize("value", [b"not framed", b"\0\0\0\x0f\xff\0", b""])
def test_a_committed_row_that_cannot_be_decoded_stops_the_archive_at_its_place(
    settings: Settings, plan: Plan, tmp_path: Path, value: bytes
) -> None:
    log = LogWriter(settings, plan)
    log.raw(value, partition=1)
    with archiving(settings, plan, tmp_path) as archive:
        assert archive.wait(40) != 0
        assert f"FormatError: {plan.log.topic}, partition 1, offset 0: " in archive.log.read_text()
    assert archived(settings, plan).num_rows == 0


def test_a_newer_plan_adds_its_columns_and_finds_the_older_rows_empty_there(
    settings: Settings, plan: Plan, tmp_path: Path
) -> None:
    newer = make_plan(view=plan.view, features=[*FEATURES, ("note_last_1h", "string")])
    log = LogWriter(settings, plan)
    log.commit(range(10))
    with archiving(settings, plan, tmp_path):
        wait_until(has(settings, plan, 10))
    log.commit(range(10, 20))
    log.schema_id = log.register(newer)
    log.commit(range(20, 30), plan=newer)

    with archiving(settings, newer, tmp_path) as archive:
        wait_until(has(settings, plan, 30))
        assert archive.terminate() == 0

    table = archived(settings, plan).sort_by("n")
    assert table["note_last_1h"].to_pylist() == [None] * 20 + [f"note {n}" for n in range(20, 30)]
    assert OfflineStore(settings, plan).end_offsets() == OfflineStore(settings, newer).end_offsets()
    assert DeltaTable(table_location(settings, plan.view, 1)).metadata().partition_columns == ["day"]
