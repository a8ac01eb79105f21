"""The directory of checkpoints in a bucket, found as on Compose and Kubernetes: by what AWS's own variables say."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx
import pytest

from headwater.pipelines.checkpoints import MAGIC, CheckpointStore, checkpoint_store
from headwater.pipelines.savepoints import listed
from headwater.pipelines.unusable import Note, Restoration
from headwater.schemas.errors import SettingsError
from tests.feature_log_rows import make_plan
from tests.integration.object_store import BUCKET, KEY, SECRET, ObjectStore, object_store

PLAN = make_plan(view="v")
FIRST, SECOND, THIRD = "aaaaaa01" * 4, "bbbbbb02" * 4, "cccccc03" * 4

pytestmark = pytest.mark.slow


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    with object_store() as made:
        told = {"ENDPOINT_URL": made.url, "ACCESS_KEY_ID": KEY, "SECRET_ACCESS_KEY": SECRET, "REGION": "us-east-1"}
        for name, value in told.items():
            monkeypatch.setenv(f"AWS_{name}", value)
        yield made


def test_what_flink_has_put_into_a_bucket_is_found_noted_about_and_tidied_up(bucket: ObjectStore) -> None:
    store = checkpoint_store(f"s3://{BUCKET}/checkpoints", PLAN)
    assert listed(store) == []
    for place in (f"{FIRST}/chk-7", "savepoints/savepoint-aaaaaa-0123456789ab", f"{SECOND}/chk-9", f"{SECOND}/chk-10"):
        put(bucket, f"{place}/_metadata", MAGIC)
        put(bucket, f"{place}/0d7f", b"state")
        time.sleep(1.0 if SECOND not in place else 0)  # what a store can tell apart, if not of one job
    put(bucket, f"{SECOND}/chk-11/0d7f", b"state of one that is not complete")
    store.remember(PLAN)
    store.note(SECOND, Note(reason="damaged", restored_from=None))
    assert uses(store) == {
        f"{SECOND}/chk-10": "damaged",
        f"{SECOND}/chk-9": "next",
        "savepoints/savepoint-aaaaaa-0123456789ab": "usable",
        f"{FIRST}/chk-7": "usable",
    }
    savepoint = next(each for each in store.kept() if not each.is_checkpoint)
    store.sign(savepoint.url)
    store.check_metadata(savepoint)
    store.check_unchanged(PLAN, savepoint.url)
    assert store.plan(savepoint.name) == PLAN
    store.decide(Restoration(to=savepoint.name, before=(f"{FIRST}/chk-7",), jobs=(FIRST, SECOND)))
    assert store.origin().url == savepoint.url
    time.sleep(1.0)
    for number in (10, 11, 12):
        put(bucket, f"{THIRD}/chk-{number}/_metadata", MAGIC)
    assert sorted(store.tidy()) == [FIRST, SECOND]
    assert list(uses(store).values()) == ["next", "usable", "usable", "usable"]


def test_a_bucket_that_is_not_there_is_told(bucket: ObjectStore) -> None:
    store = checkpoint_store("s3://nowhere/checkpoints", PLAN)
    with pytest.raises(SettingsError, match=r"HEADWATER_CHECKPOINT_DIR: cannot write plan\.json to s3://nowhere"):
        store.remember(PLAN)


def put(bucket: ObjectStore, key: str, content: bytes) -> None:
    """As Flink does: an object alone, and no directory above it."""
    url = f"{bucket.url}/{BUCKET}/checkpoints/v-g1/{key}"
    httpx.put(url, content=content).raise_for_status()


def uses(store: CheckpointStore) -> dict[str, str]:
    return {each.name: each.use for each in listed(store)}
