"""What measures jobs and stores: its events are Avro, its meter leaves the start out, its figures have goals."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader

from headwater.operators.reference import ReferenceEvent, reference_row
from headwater.pipelines.bench import drain_figures, online_figures
from headwater.pipelines.bench.drain import Comparison, JobChoices
from headwater.pipelines.bench.events import SCHEMA, BenchEvents, EventShape
from headwater.pipelines.bench.figures import Figure
from headwater.pipelines.bench.log_rows import LogShape
from headwater.pipelines.bench.meter import Drained, Sample, between
from headwater.pipelines.bench.online import Latency, Reads, Write, Writes
from headwater.pipelines.bench.rows_check import first_problem
from headwater.pipelines.bench.views import WINDOWS, windows_view
from headwater.schemas.avro import without_logical_types
from headwater.schemas.feature_log import RowHeader
from headwater.schemas.keys import decode_key

END_US = 1_800_000_000_000_000
SHAPE = EventShape(3000, 40, 100, "uniform")


def test_the_preloaded_events_are_the_ones_that_the_reference_is_given() -> None:
    events = BenchEvents(SHAPE, END_US)
    schema = parse_schema(without_logical_types(SCHEMA), named_schemas={})
    told = {
        (
            decode_key(windows_view("bench.purchases", WINDOWS[1]).entity, key)["user"],
            event.time_us,
            event.values,
            event.offset,
        )
        for key, of_key in events.events_by_key()
        for event in of_key
    }
    written = set()
    for offset, value in enumerate(events.values(7, 0, SHAPE.events)):
        assert value[:5] == b"\0\0\0\0\7"
        rest = io.BytesIO(value[5:])
        event: Any = schemaless_reader(rest, schema, None)
        assert rest.read() == b""
        written.add((event["user"], event["at"], (event["amount"],), offset))
    assert written == told
    assert 90 <= len(value) <= 110


def test_some_events_are_out_of_order_some_are_late_and_none_is_after_the_end() -> None:
    times = BenchEvents(SHAPE, END_US).times_us.tolist()
    newest = [max(times[: place + 1]) for place in range(len(times))]
    behind = [greatest - time_us for greatest, time_us in zip(newest, times, strict=True)]
    assert max(times) <= END_US
    assert 0.01 < sum(0 < each < 3_000_000 for each in behind) / len(times) < 0.2
    assert sum(each > 20_000_000 for each in behind) > 0


@pytest.mark.parametrize("windows", WINDOWS)
def test_a_measured_view_has_six_aggregates_over_each_window(windows: int) -> None:
    assert len(windows_view("bench.purchases", WINDOWS[windows]).features) == 6 * windows


def test_a_row_that_differs_from_the_reference_is_told() -> None:
    plan = windows_view("bench.purchases", WINDOWS[1])
    events = [ReferenceEvent(END_US, (2.5,))]
    expected = reference_row(plan, events, END_US)
    header = RowHeader(1, expected.clock_us, expected.n + 1, 0, 0, 0, 0, 0, 0)
    assert "clock and n" in first_problem(plan, [(b"\2a", events, header, b"")], END_US)


def test_a_drain_is_measured_between_its_start_and_its_end() -> None:
    samples = [Sample(at, events, events // 2, cpu) for at, events, cpu in STEADY]
    assert between(Sample(0, 0, 0, 0), samples, 1000) == Drained(250.0, 2000.0, 0.5, with_start=False)


STEADY = [(10.0, 0, 5.0), (11.0, 250, 6.0), (12.0, 500, 6.5), (13.0, 750, 7.0), (14.0, 1000, 9.0)]


def test_a_drain_that_was_over_too_soon_is_measured_with_its_start() -> None:
    samples = [Sample(10, 1003, 500, 4)]
    assert between(Sample(5, 0, 0, 2), samples, 1000) == Drained(200.0, 2000.0, 0.5, with_start=True)


def compared(windows: int, **choices: Any) -> Comparison:
    """A comparison in which a window costs a tenth of the first."""
    decode, exchange = Drained(1000.0, 1.0, 0, False), Drained(800.0, 1.2, 0, False)
    full = Drained(400.0, 1.9 + windows / 10, 0.5, False)
    jobs = JobChoices(**{"parallelism": 1, "checkpoint_ms": 10_000, "state_backend": "hashmap", **choices})
    return Comparison(
        EventShape(1000, 10, 100, "Zipf 1.1"), windows, jobs, 3, {"decode": decode, "exchange": exchange, "full": full}
    )


def goals(figures: list[Figure]) -> dict[str, str]:
    return {figure.name: figure.goal for figure in figures if figure.goal is not None}


def test_a_drain_has_the_goals_of_five_windows_and_of_twenty_beside_one() -> None:
    figures = drain_figures.figures_of([compared(1), compared(5), compared(20)])
    assert goals(figures) == {
        "full path / decode, 5 windows, Zipf 1.1": ">= 0.5",
        "full path a core, 5 windows, Zipf 1.1": ">= 400000",
        "CPU of 20 windows / 1 window, Zipf 1.1": "<= 1.15",
    }
    ratio = next(figure for figure in figures if "20 windows / 1" in figure.name)
    assert ratio.value == pytest.approx(3.9 / 2.0)
    assert not ratio.meets_goal()


def test_goals_hold_for_the_checkpoint_interval_that_they_were_set_for() -> None:
    assert not goals(drain_figures.figures_of([compared(5, checkpoint_ms=1000)]))


def test_writes_are_judged_by_redis_cpu_and_reads_by_their_median() -> None:
    write = {"materializer": Write(1, 4.0, 1), "SET": Write(1, 3.0, 1), "SET with expiry": Write(1, 3.5, 1)}
    figures = online_figures.figures_of(
        [
            Writes(LogShape(10, 2, "uniform"), 400, 500, 3, write),
            Reads(1, 10, Latency(0.2, 1, 1), Latency(0.1, 1, 1)),
            Reads(100, 10, Latency(0.6, 1, 1), Latency(0.3, 1, 1)),
        ]
    )
    judged: Callable[[str], Figure] = lambda name: next(each for each in figures if each.name == name)  # noqa: E731
    assert judged("SET / materializer by Redis CPU, uniform").value == 0.75
    assert judged("reader / MGET, 100 keys, p50").value == pytest.approx(2.0)
    assert goals(figures) == {
        "SET / materializer by Redis CPU, uniform": ">= 0.6",
        "reader / MGET, 100 keys, p50": "<= 1.5",
    }
