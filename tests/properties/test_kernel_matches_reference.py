"""Whatever the order, the lateness, the throttling and the crashes: the store ends at the reference's row."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.operators.reference import ReferenceEvent, reach, reference_row
from headwater.operators.reference_exactness import row_mismatch
from headwater.schemas.feature_log import NEVER_US, empty_at_field, next_change_field
from headwater.schemas.plan import Plan
from tests.properties.harness import KernelHarness, KernelRow, KernelRun
from tests.properties.streams import Stream, plans, streams

EXAMPLES = int(os.environ.get("HEADWATER_PROPERTY_EXAMPLES", "400"))


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelHarness]:
    harness = KernelHarness()
    yield harness
    harness.close()


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(data=st.data())
def test_the_greatest_version_of_each_key_is_the_reference_row(kernel: KernelHarness, data: st.DataObject) -> None:
    plan = data.draw(plans())
    stream = data.draw(streams(plan))
    run = kernel.run(plan, stream.ops)
    assert_converged(plan, stream, run)
    assert_no_version_is_written_twice_in_an_attempt(stream, run)
    assert_only_events_out_of_reach_are_late(plan, stream, run)


def assert_converged(plan: Plan, stream: Stream, run: KernelRun) -> None:
    stored: dict[bytes, KernelRow] = {}
    for row in run.rows:
        kept = stored.get(row.key)
        if kept is None or row.header.pack()[:24] > kept.header.pack()[:24]:
            stored[row.key] = row
    assert set(stored) == set(stream.events)
    for key, events in stream.events.items():
        assert_row_is_right(plan, events, stored[key], stream.watermark_us)


def assert_row_is_right(plan: Plan, events: list[ReferenceEvent], row: KernelRow, watermark_us: int | None) -> None:
    expected = reference_row(plan, events, watermark_us)
    header = row.header
    assert (header.generation, header.clock_us, header.n) == (expected.generation, expected.clock_us, expected.n)
    # Whether an event that came too late to matter was seen says nothing about how fresh the values are.
    mattering = [event for event in events if event.time_us >= reach(plan, expected.clock_us)]
    newest_us = max((event.time_us for event in mattering), default=0)
    assert newest_us <= header.event_time_us <= expected.event_time_us
    newest_ms = max((event.ingested_at_ms for event in mattering), default=0)
    assert newest_ms <= header.ingested_at_ms <= expected.ingested_at_ms
    assert not row_mismatch(plan, events, expected, row.values)
    for window in plan.windows:
        assert row.values[next_change_field(window)] == expected.next_change_us[window.name]
        assert row.values[empty_at_field(window)] == expected.empty_at_us[window.name]
    leaving = [at for at in expected.empty_at_us.values() if at is not None]
    assert header.empty_at_us == max(leaving, default=expected.clock_us)
    changing = [at for at in expected.next_change_us.values() if at is not None]
    assert header.next_change_us == min(changing, default=NEVER_US)


def assert_no_version_is_written_twice_in_an_attempt(stream: Stream, run: KernelRun) -> None:
    bounds = [*stream.attempts, len(stream.ops) + 1]
    for begin, end in pairwise(bounds):
        # A key that was forgotten, a full reach after its last event left, is empty again if an older event comes.
        versions = [(row.key, row.header.pack()[:24]) for row in run.rows if begin <= row.op < end and row.header.n]
        assert len(versions) == len(set(versions))


def assert_only_events_out_of_reach_are_late(plan: Plan, stream: Stream, run: KernelRun) -> None:
    for late in run.late:
        events = stream.events[bytes.fromhex(late["key"])]
        clock_us = reference_row(plan, events, stream.watermark_us).clock_us
        assert late["t_us"] < reach(plan, clock_us)
