"""The fault suite as a person runs it, and that it sees what goes wrong: it must be able to fail."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer

from headwater.pipelines.chaos import ChaosOptions, ChaosVerdict, Told, run
from headwater.pipelines.chaos.fault import Fault
from headwater.pipelines.offline_table import open_table
from headwater.pipelines.online_store import connect, partition_keys, schema_key
from headwater.schemas.avro import without_logical_types
from headwater.schemas.feature_log import VERSION_BYTES

QUICK = ("taskmanager-kill", "materializer-kill", "archive-kill", "broker-kill", "redis-cut", "redis-emptied")
THOROUGH = (
    "jobmanager-kill",
    "zombie-taskmanager",
    "open-transaction",
    "redis-cut",
    "disk-full",
    "registry-away",
    "registry-babbling",
    "two-materializers",
    "partitions-added",
    "schema-changed",
    "redis-full",
    "all-terminated",
)
FAR_AHEAD_US = 10**12
FRAME_BYTES = 5


def chaos(directory: Path, names: tuple[str, ...], seed: int) -> dict[str, Any]:
    """The figures of a run of the command, which says that all is right."""
    figures = directory / "chaos.json"
    command = [sys.executable, "-m", "headwater.pipelines.cli", "chaos", "--seed", str(seed)]
    size = ["--rate", "100", "--drivers", "400", "--duration", "30"]
    wanted = [word for name in names for word in ("--only", name)]
    paths = ["--state", str(directory / "state"), "--json", str(figures)]
    ended = subprocess.run([*command, *size, *wanted, *paths], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found: dict[str, Any] = json.loads(figures.read_text())
    return found


def assert_nothing_is_wrong(figures: dict[str, Any], names: tuple[str, ...]) -> None:
    must_be_zero = ("mismatches", "offline_double", "offline_missing", "regressions", "broken")
    assert {name: figures[name] for name in must_be_zero} == dict.fromkeys(must_be_zero, 0)
    assert figures["faults"] == len(figures["recoveries_s"]) == len(names)
    assert figures["compared_keys"] > 1_000
    assert figures["dead_letters"] > 0


@pytest.mark.timeout(900)
def test_nothing_is_lost_or_double_after_six_faults(tmp_path: Path) -> None:
    figures = chaos(tmp_path, QUICK, seed=7)
    assert_nothing_is_wrong(figures, QUICK)
    assert figures["kills"] >= len(QUICK)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_nothing_is_lost_double_or_silent_after_the_subtler_faults(tmp_path: Path) -> None:
    assert_nothing_is_wrong(chaos(tmp_path, THOROUGH, seed=11), THOROUGH)


class WrongValue(Fault):
    """Redis has a value that nobody computed, in a row that no other can replace."""

    name = "wrong-value"
    summary = "one row in Redis is replaced"
    row = 1

    def inject(self) -> None:
        plan = self.lab.plan
        prefix = partition_keys(plan.view, plan.generation, 0).row_prefix
        with connect(self.lab.settings.redis_url) as redis:
            key = next(iter(redis.scan_iter(match=prefix + b"*", count=1000)))
            stored: Any = redis.get(key)
            frame = stored[VERSION_BYTES : VERSION_BYTES + FRAME_BYTES]
            text: Any = redis.get(schema_key(int.from_bytes(frame[1:], "big")))
            schema = parse_schema(without_logical_types(json.loads(text)))
            row: Any = schemaless_reader(io.BytesIO(stored[VERSION_BYTES + FRAME_BYTES :]), schema, None)
            row |= {"clock": row["clock"] + FAR_AHEAD_US, "count_10m": 99}
            wrong = io.BytesIO(struct.pack(">3Q", row["generation"], row["clock"], row["n"]) + frame)
            wrong.seek(0, io.SEEK_END)
            schemaless_writer(wrong, schema, row)
            redis.set(key, wrong.getvalue())


class LostRow(Fault):
    """The offline log has lost a row."""

    name = "lost-row"
    summary = "one row is deleted from the offline log, while the archive is away"
    row = 1

    def inject(self) -> None:
        plan = self.lab.plan
        self.lab.hold(self.lab.worker("archive"))
        table = open_table(self.lab.settings, plan.view, plan.generation)
        rows = table.to_pyarrow_table(columns=["log_partition", "log_offset"]).slice(0, 1).to_pylist()
        table.delete(f"log_partition = {rows[0]['log_partition']} AND log_offset = {rows[0]['log_offset']}")

    def heal(self) -> None:
        self.lab.release(self.lab.worker("archive"))


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_the_suite_sees_a_wrong_value_in_redis_and_a_row_that_is_missing_offline(tmp_path: Path) -> None:
    options = ChaosOptions(
        tmp_path / "state", [WrongValue, LostRow], seed=3, rate=100, duration=5, drivers=200, settle_seconds=30
    )
    verdict: ChaosVerdict = run(options, Told(stage=lambda _: None, survived=lambda _: None))
    assert not verdict.right
    assert verdict.stores is not None
    assert verdict.stores.offline_missing == 1
    assert any("is missing" in problem for problem in verdict.problems)
    assert len(verdict.stores.online) == 1
