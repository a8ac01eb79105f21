"""The offline log in a bucket: as on a disk, with writers that race, a store that hangs, and a key that is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from headwater.pipelines.offline_store import OfflineStore
from headwater.pipelines.offline_table import open_table
from headwater.pipelines.offline_upkeep import OfflineUpkeep
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.registry import Registry
from headwater.pipelines.verification.offline import offline_rows
from headwater.schemas.errors import OfflineStoreError
from tests.feature_log_rows import make_plan
from tests.integration.archive_lab import LogWriter, archived, archiving, caught_up, numbers_in, steady_writes
from tests.integration.object_store import BUCKET, ObjectStore, object_store
from tests.integration.test_offline_store import PLAN, RACER, rows
from tests.waiting import wait_until

RACERS = 3
ROUNDS = 12

RACER_IN_A_BUCKET = (
    RACER.replace("offline_root=sys.argv[1]", "**json.loads(sys.argv[1])")
    .replace("import sys\n", "import json, sys\n", 1)
    .replace("< ROUNDS", f"< {ROUNDS}")
    .replace("PLAN, ROUNDS, rows", "PLAN, rows")
)


@pytest.fixture(scope="module")
def bucket() -> Iterator[ObjectStore]:
    with object_store() as store:
        yield store


def given(settings: Settings) -> str:
    """The settings as a racer takes them."""
    shown = {name: getattr(settings, name) for name in settings.model_fields_set}
    return json.dumps({n: v.get_secret_value() if hasattr(v, "get_secret_value") else v for n, v in shown.items()})


def test_of_racing_conditional_writes_the_server_lets_one_through(bucket: ObjectStore) -> None:
    """What the other tests rest on."""
    with httpx.Client(base_url=f"{bucket.url}/{BUCKET}") as client, ThreadPoolExecutor(5) as racers:

        def put(name: str) -> int:
            return client.put(name, content=b"x", headers={"If-None-Match": "*"}).status_code

        for i in range(40):
            codes = list(racers.map(put, [f"race/{i}"] * 5))
            assert codes.count(200) == 1, codes


def test_of_racing_processes_one_wins_each_round_and_no_row_is_lost_or_doubled(bucket: ObjectStore) -> None:
    settings = bucket.settings(offline_root=f"s3://{BUCKET}/raced")
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER_IN_A_BUCKET, given(settings), str(i)], stdout=subprocess.PIPE, text=True
        )
        for i in range(RACERS)
    ]
    printed = [racer.communicate(timeout=200)[0] for racer in racers]

    assert [racer.returncode for racer in racers] == [0] * RACERS
    won = [json.loads(offsets) for offsets in printed]
    table = open_table(settings, PLAN.view, PLAN.generation).to_pyarrow_table()
    assert sorted(table["log_offset"].to_pylist()) == list(range(ROUNDS))
    assert Counter(table["purchases_1h"].to_pylist()) == Counter(
        {i: len(rounds) for i, rounds in enumerate(won) if rounds}
    )


def test_compaction_vacuum_and_clean_up_work_in_a_bucket(bucket: ObjectStore) -> None:
    settings = bucket.settings(offline_root=f"s3://{BUCKET}/kept")
    store, upkeep = OfflineStore(settings, PLAN), OfflineUpkeep(settings, PLAN)
    for i in range(5):
        store.append(rows(i, i + 1), {0: i, 1: 0}, {0: i + 1, 1: 0})
    upkeep.compact({file.day for file in upkeep.live_files()})
    assert len(upkeep.live_files()) == 1
    assert upkeep.vacuum() == 0
    upkeep.clean_log()
    assert store.end_offsets() == {0: 5, 1: 0}
    assert open_table(settings, PLAN.view, PLAN.generation, version=3).to_pyarrow_table().num_rows == 3
    assert sorted(offline_rows(settings, PLAN)["log_offset"].to_pylist()) == list(range(5))


def test_an_archive_whose_bucket_hangs_says_so_and_loses_nothing(
    broker: Broker, registry: Registry, unique_name: Callable[[str], str], tmp_path: Path, bucket: ObjectStore
) -> None:
    plan = make_plan(view=unique_name("bucket"))
    settings = bucket.settings(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        registry_url=registry.url,
        archive_flush_seconds=0.2,
        offline_upkeep_seconds=0.5,
        offline_small_files=2,
        store_properties={"timeout": "2s", "retry_timeout": "2s"},
    )
    log = LogWriter(settings, plan)
    with archiving(settings, plan, tmp_path) as archive:
        with steady_writes(log) as committed:
            wait_until(lambda: archive.events("flushed"))
            with bucket.hanging():
                wait_until(lambda: archive.metric("offline_store_unavailable") == 1)
                assert archive.metric("offline_store_failures_total") >= 1
            wait_until(lambda: archive.metric("offline_store_unavailable") == 0, 60)
            wait_until(lambda: archive.events("compacted"), 60)
        caught_up(archive, settings, plan, len(committed))
        assert len(archive.events("offline_store_available")) >= 1
    assert numbers_in(archived(settings, plan)) == committed


def test_a_key_that_the_store_does_not_know_is_said_to_be_the_trouble() -> None:
    with object_store(free_requests=1) as guarded:
        settings = guarded.settings()
        with pytest.raises(OfflineStoreError, match="HEADWATER_STORE_ACCESS_KEY_ID") as refused:
            OfflineStore(settings, PLAN).end_offsets()
        assert refused.value.failure == "refused"
        assert "test-secret" not in str(refused.value)


def test_a_bucket_that_is_not_there_is_named(bucket: ObjectStore) -> None:
    settings = bucket.settings(offline_root="s3://nowhere/offline")
    with pytest.raises(OfflineStoreError, match="NoSuchBucket"):
        OfflineStore(settings, PLAN).end_offsets()
