"""Freshness counts from when an event was to be sent to when it was seen, and is shown over time."""

from __future__ import annotations

import io
import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from fastavro import parse_schema, schemaless_writer
from PIL import Image
from redis import Redis

from headwater.pipelines.bench.events import EventShape
from headwater.pipelines.bench.freshness import Freshness, Load
from headwater.pipelines.bench.freshness_figures import figures_of
from headwater.pipelines.bench.freshness_plot import save_plot
from headwater.pipelines.bench.log_rows import row_fields
from headwater.pipelines.bench.open_loop import steady_events
from headwater.pipelines.bench.views import WINDOWS, windows_view
from headwater.pipelines.bench.watcher import Seen, Watcher, percentiles
from headwater.pipelines.commands.bench_plot import HEIGHT, columns
from headwater.schemas.avro import without_logical_types
from headwater.schemas.errors import SettingsError

PLAN = windows_view("bench.purchases", WINDOWS[1])
SHAPE = EventShape(10, 1, 10, "uniform")


class FakeRedis:
    """Holds one row, whatever it is asked for."""

    def __init__(self) -> None:
        self.value: bytes | None = None

    def mget(self, keys: list[bytes]) -> list[bytes | None]:
        return [self.value] * len(keys)

    def hold(self, clock_us: int) -> None:
        schema = parse_schema(without_logical_types(PLAN.log.schema_), named_schemas={})
        row = io.BytesIO(b"".join(number.to_bytes(8, "big") for number in (1, clock_us, 1)) + b"\0\0\0\0\1")
        row.seek(0, io.SEEK_END)
        schemaless_writer(row, schema, row_fields(PLAN, {"user": "0000000000"}, clock_us, 1, 2.0))
        self.value = row.getvalue()


def test_an_event_is_seen_when_the_clock_of_its_key_has_reached_it() -> None:
    start_us = time.time_ns() // 1000 - 2_000_000
    events, redis = steady_events(SHAPE, start_us), FakeRedis()
    watcher = Watcher(cast("Redis", redis), PLAN, events, range(0, 10, 2))
    watcher.poll()
    assert (watcher.waiting, watcher.seen) == (5, [])
    redis.hold(start_us + 400_000)
    watcher.poll()
    assert [seen.at_us - start_us for seen in watcher.seen] == [0, 200_000, 400_000]
    assert watcher.waiting == 2
    assert all(seen.total_ms >= 1500 for seen in watcher.seen)


def test_events_of_an_open_loop_are_evenly_spread() -> None:
    assert np.diff(steady_events(SHAPE, 5_000_000).times_us).tolist() == [100_000] * 9


def test_percentiles_reach_from_the_median_to_the_greatest() -> None:
    found = percentiles(range(1001))
    assert found == pytest.approx({"p50": 500.0, "p90": 900.0, "p99": 990.0, "p99.9": 999.0, "max": 1000.0})


def run(checkpoint_ms: int, p99_ms: float, **load: Any) -> Freshness:
    seen = [Seen(0, total_ms, 1.0, 2.0, 3.0) for total_ms in (10.0, p99_ms, p99_ms)]
    return Freshness(
        Load(SHAPE, 1, **{"emission_interval": "200ms", "kill": False, **load}), checkpoint_ms, 0, seen, 4.0, None
    )


def goals(*runs: Freshness) -> dict[str, str]:
    return {figure.name: figure.goal for figure in figures_of(runs) if figure.goal is not None}


def test_goals_follow_the_emission_interval_and_p99_must_not_follow_the_checkpoint_interval() -> None:
    assert goals(run(1000, 100.0), run(60_000, 110.0)) == {
        "event to reader, p50, checkpoint 1 s": "<= 160",
        "event to reader, p99, checkpoint 1 s": "<= 350",
        "event to reader, p50, checkpoint 60 s": "<= 160",
        "event to reader, p99, checkpoint 60 s": "<= 350",
        "p99 at checkpoint 60 s / 1 s": "<= 1.2",
    }


def test_a_run_across_a_kill_has_no_goals() -> None:
    assert not goals(run(1000, 100.0, kill=True), run(60_000, 110.0, kill=True))


def test_a_chart_has_a_column_for_each_value_and_a_gap_where_there_is_none() -> None:
    lines = columns([1.0, None, 100.0], "ms").splitlines()
    assert len(lines) == HEIGHT
    assert lines[0].startswith("100 ms │")
    bars = [line.partition("│")[2] for line in lines]
    assert [bar[1] for bar in bars] == [" "] * HEIGHT
    assert bars[0][2] == "█"
    assert bars[-1][0] != " "


def test_a_chart_of_nothing_says_so() -> None:
    assert columns([None], "ms") == "nothing to show"


def test_the_image_has_a_panel_for_each_run(tmp_path: Path) -> None:
    save_plot([run(1000, 100.0)], tmp_path / "one.png")
    save_plot([run(1000, 100.0), run(60_000, 110.0)], tmp_path / "two.png")
    with Image.open(tmp_path / "one.png") as one, Image.open(tmp_path / "two.png") as two:
        assert (one.width, 2 * one.height) == (two.width, two.height)


def test_an_image_that_cannot_be_written_says_where(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        save_plot([run(1000, 100.0)], tmp_path / "missing" / "x.png")
