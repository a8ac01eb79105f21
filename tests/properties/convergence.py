"""Whatever the order, the lateness, the throttling and the crashes: every row, and above all the last one, is right."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from headwater.operators.reference import ReferenceEvent, ReferenceRow, clock_of, distinct_events, reach, row_of
from headwater.operators.reference_exactness import row_mismatch
from headwater.operators.reference_windows import ticks
from headwater.schemas.feature_log import NEVER_US, empty_at_field, next_change_field
from headwater.schemas.plan import Plan
from tests.properties.harness import KernelHarness, KernelRow, KernelRun, row_reader
from tests.properties.programs import Held, Moment, Program, Timeline, timeline
from tests.properties.store import stores

SAMPLED_ROWS = 6

RowAt = Callable[[Plan, Sequence[ReferenceEvent], int], ReferenceRow]


def check(plan: Plan, program: Program, kernel: KernelHarness, row_at: RowAt = row_of) -> None:
    """Runs the program and compares the kernel with the reference.

    Args:
        row_at: the reference; another one is to be found wrong.

    Raises:
        AssertionError: they disagree; says where.
        KernelError: the kernel failed.
    """
    program = program.of(plan)
    run = timeline(program)
    out = kernel.run(plan, run.ops, backend=program.backend, parallelism=program.parallelism, wall_ms=program.wall_ms)
    _Comparison(plan, program, run, out, row_at).check()


class _Comparison:
    def __init__(self, plan: Plan, program: Program, run: Timeline, out: KernelRun, row_at: RowAt) -> None:
        self._plan, self._run, self._out, self._row_at = plan, run, out, row_at
        self._events = program.events()
        horizon = plan.deduplication
        self._is_approximate = horizon is not None and (plan.reach_ms is None or horizon.horizon_ms < plan.reach_ms)
        self._read = row_reader(plan)
        # Not of the stream's own randomness, so that a stream can be cut and still sees what it saw.
        self._chance = random.Random(len(out.rows))

    def check(self) -> None:
        last = self._run.moments[-1]
        final = {key: self._expected(events, last) for key, events in self._events.items()}
        for store in stores(self._plan, self._run, self._out.rows, self._chance):
            for key, expected in final.items():
                row = store.rows.get(key)
                if row is None:
                    assert store.may_have_forgotten(self._plan, expected), f"{store.name}: no row of {key!r}"
                elif not (store.may_be_behind and expected.n == 0 and row.header.n == 0):
                    self._check_final(store.name, key, row, expected)
        rows = self._out.rows
        for row in self._chance.sample(rows, min(SAMPLED_ROWS, len(rows))):
            self._check_on_the_way(row)
        self._check_no_version_comes_twice()
        self._check_late()

    def _expected(self, events: Sequence[ReferenceEvent], moment: Moment) -> ReferenceRow:
        watermark_us = None if moment.watermark_ms is None else moment.watermark_ms * 1000
        return self._row_at(self._plan, distinct_events(events), clock_of(self._plan, events, watermark_us))

    def _check_final(self, where: str, key: bytes, row: KernelRow, expected: ReferenceRow) -> None:
        header = row.header
        if self._is_approximate:
            # Attempts differ in how often they counted copies, and the store keeps whichever has counted most.
            held = self._run.moments[-1].held[key]
            least = min(self._row_at(self._plan, events, expected.clock_us).n for events in self._counted(held))
            assert header.clock_us == expected.clock_us, f"{where}: the clock of {key!r} is {header.clock_us}"
            assert header.n >= least, f"{where}: n of {key!r} is {header.n}, less than {least}"
            self._check_on_the_way(row)
            return
        version = (header.generation, header.clock_us, header.n)
        wanted = (expected.generation, expected.clock_us, expected.n)
        assert version == wanted, f"{where}: the version of {key!r} is {version}, not {wanted}"
        self._check_row(where, row, distinct_events(self._events[key]), expected)

    def _check_on_the_way(self, row: KernelRow) -> None:
        """A row is right for the events that its key had, at the clock that it says."""
        moment, header = self._run.moments[row.op], row.header
        least, events = self._counted(moment.held[row.key])
        where = f"the row written by operation {row.op}"
        caught_up = moment.seen_ms is None or (moment.watermark_ms or -1) >= moment.seen_ms
        seen_us = None if moment.seen_ms is None else moment.seen_ms * 1000
        clock_us = clock_of(self._plan, events, seen_us)
        if header.n == 0 and header.clock_us < clock_us:
            return  # The key had been forgotten, and an event older than its reach came.
        newest_us, reach_ms = events[-1].time_us, self._plan.reach_ms
        if not caught_up and reach_ms is not None and newest_us + reach_ms * 1000 <= (seen_us or 0):
            # The key may have been forgotten before the crash, by a watermark that this attempt has not reached again.
            # What then comes of it is an old row, which neither fence nor reader takes for the present one.
            return
        assert header.clock_us >= newest_us, f"{where}: the clock is {header.clock_us}, before {newest_us}"
        assert header.clock_us <= clock_us, f"{where}: the clock is {header.clock_us}, beyond {clock_us}"
        if caught_up:
            assert header.clock_us == clock_us, f"{where}: the clock is {header.clock_us}, not {clock_us}"
        expected = self._row_at(self._plan, events, header.clock_us)
        if least != events:
            fewer = self._row_at(self._plan, least, header.clock_us)
            if fewer.n <= header.n < expected.n:
                if header.n > fewer.n:
                    return  # Which of the copies counted cannot be told.
                events, expected = least, fewer
        assert header.n == expected.n, f"{where}: n is {header.n}, not {expected.n}"
        self._check_row(where, row, events, expected)

    def _counted(self, held: Held) -> tuple[list[ReferenceEvent], list[ReferenceEvent]]:
        """Those of the events that count: a copy does if it came when its key's clock was beyond the horizon.

        Returns:
            The fewest and the most: an attempt that has not come as far again as the one whose checkpoint it took may
            know of a key's ticks or not, and recognises a copy by the clock that it knows.
        """
        horizon = self._plan.deduplication
        if horizon is None or not self._is_approximate:
            events = sorted(distinct_events(held), key=lambda event: event.order)
            return events, events
        fewest = self._counting({event: at.watermark_ms for event, at in held.items()}, horizon.horizon_ms)
        return fewest, self._counting({event: at.seen_ms for event, at in held.items()}, horizon.horizon_ms)

    def _counting(self, held: Mapping[ReferenceEvent, int | None], horizon_ms: int) -> list[ReferenceEvent]:
        """Those that count, where a key's clock has ticked as far as the watermark beside each event, in ms."""
        horizon_us = horizon_ms * 1000
        counting, known, coming, clock_us = list[ReferenceEvent](), set[object](), list[int](), 0
        for event, watermark_ms in held.items():
            passed = [tick for tick in coming if watermark_ms is not None and tick <= watermark_ms * 1000]
            clock_us = max([clock_us, *passed])
            is_recognised = clock_us - event.time_us <= horizon_us
            if not (is_recognised and event.identity in known):
                counting.append(event)
            if is_recognised:
                known.add(event.identity)
            clock_us = max(clock_us, event.time_us)
            coming += [tick for window in self._plan.windows for tick in ticks(self._plan, window, event)]
        return sorted(counting, key=lambda event: event.order)

    def _check_row(self, where: str, row: KernelRow, events: Sequence[ReferenceEvent], expected: ReferenceRow) -> None:
        plan, header, values = self._plan, row.header, self._read(row)
        # Whether an event that came too late to matter was seen says nothing about how fresh the values are.
        earliest = reach(plan, expected.clock_us)
        mattering = [event for event in events if event.time_us >= earliest]
        newest_us = max((event.time_us for event in mattering), default=0)
        assert newest_us <= header.event_time_us <= expected.event_time_us, f"{where}: greatest event time"
        newest_ms = max((event.ingested_at_ms for event in mattering), default=0)
        assert newest_ms <= header.ingested_at_ms <= expected.ingested_at_ms, f"{where}: greatest Kafka timestamp"
        mismatch = row_mismatch(plan, events, expected, values)
        assert not mismatch, f"{where}: {mismatch}"
        for window in plan.windows:
            _same(where, values, next_change_field(window), expected.next_change_us[window.name])
            _same(where, values, empty_at_field(window), expected.empty_at_us[window.name])
        leaving = [at for at in expected.empty_at_us.values() if at is not None]
        assert header.empty_at_us == max(leaving, default=expected.clock_us), f"{where}: empty at, in the header"
        changing = [at for at in expected.next_change_us.values() if at is not None]
        assert header.next_change_us == min(changing, default=NEVER_US), f"{where}: next change, in the header"

    def _check_no_version_comes_twice(self) -> None:
        bounds = [0, *(crash for crash, _ in self._run.crashes), len(self._run.ops)]
        for begin, end in pairwise(bounds):
            # A key that was forgotten, a full reach after its last event left, is empty again if an older event comes.
            versions = [(row.key, row.version) for row in self._out.rows if begin <= row.op < end and row.header.n]
            assert len(versions) == len(set(versions)), "a version was written twice in one attempt"

    def _check_late(self) -> None:
        clocks = {key: self._expected(events, self._run.moments[-1]).clock_us for key, events in self._events.items()}
        for late in self._out.late:
            assert late.time_us < reach(self._plan, clocks[late.key]), f"operation {late.op} was not late"


def _same(where: str, values: dict[str, Any], name: str, wanted: int | None) -> None:
    assert values[name] == wanted, f"{where}: {name} is {values[name]}, not {wanted}"
