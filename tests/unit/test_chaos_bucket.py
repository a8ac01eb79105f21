"""The bucket of the fault suite keeps Delta tables as an S3 server does, until it is told to break requests off."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import httpx
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from headwater.pipelines.chaos.bucket import NAME, Bucket
from headwater.pipelines.offline_table import storage_options
from headwater.pipelines.settings import load_settings


@pytest.fixture
def bucket(tmp_path: Path) -> Iterator[Bucket]:
    server = Bucket(tmp_path, random.Random(1))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(bucket: Bucket) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"{bucket.environment['HEADWATER_STORE_ENDPOINT_URL']}/{NAME}") as client:
        yield client


def test_a_table_that_is_written_compacted_and_vacuumed_through_it_is_the_one_in_the_directory(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in bucket.environment.items():
        monkeypatch.setenv(name, value)
    options = storage_options(load_settings())
    rows = pa.table({"day": ["a", "b"], "x": [1, 2]})
    for _ in range(3):
        write_deltalake(f"s3://{NAME}/v/g1", rows, mode="append", partition_by=["day"], storage_options=options)
    table = DeltaTable(f"s3://{NAME}/v/g1", storage_options=options)
    table.optimize.compact()
    table.vacuum(0, enforce_retention_duration=False, dry_run=False)
    table.create_checkpoint()
    there = DeltaTable(tmp_path / "v" / "g1")
    assert sorted(there.to_pyarrow_table()["x"].to_pylist()) == [1, 1, 1, 2, 2, 2]
    assert len(list(tmp_path.rglob("*.parquet"))) == 2 + len(list(tmp_path.rglob("*.checkpoint.parquet")))


def test_an_object_that_is_there_is_not_created_again(client: httpx.Client, tmp_path: Path) -> None:
    answers = [client.put("/commit", content=text, headers={"If-None-Match": "*"}) for text in (b"mine", b"yours")]
    assert [answer.status_code for answer in answers] == [200, 412]
    assert (tmp_path / "commit").read_bytes() == b"mine"


def test_an_upload_in_parts_is_there_as_a_whole_once_it_is_complete(client: httpx.Client, tmp_path: Path) -> None:
    upload = ET.fromstring(client.post("/file", params={"uploads": ""}).content).findtext("UploadId")
    for number, part in ((2, b"world"), (1, b"hello ")):
        client.put("/file", params={"uploadId": upload, "partNumber": number}, content=part)
    assert b"<Key>" not in client.get("", params={"list-type": 2}).content
    client.post("/file", params={"uploadId": upload}, content=b"<CompleteMultipartUpload/>")
    assert client.get("/file", headers={"Range": "bytes=6-"}).content == b"world"
    assert [file.name for file in tmp_path.iterdir()] == ["file"]


def test_a_request_that_is_broken_off_was_done_or_not(bucket: Bucket, client: httpx.Client, tmp_path: Path) -> None:
    bucket.mood = "cut"
    broken_off = set()
    for number in range(40):
        try:
            client.put(f"/{number}", content=b"")
        except httpx.TransportError:
            broken_off.add(str(number))
    done = {file.name for file in tmp_path.iterdir()}
    assert broken_off & done
    assert broken_off - done
    assert done - broken_off


def test_a_bucket_that_is_away_does_nothing(bucket: Bucket, client: httpx.Client, tmp_path: Path) -> None:
    bucket.mood = "away"
    with pytest.raises(httpx.TransportError):
        client.put("/file", content=b"")
    assert list(tmp_path.iterdir()) == []
