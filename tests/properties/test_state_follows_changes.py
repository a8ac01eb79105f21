"""A job goes on from the state of an earlier definition of its view exactly where the table says that it can."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from headwater.operators.reference import ReferenceEvent, clock_of, row_at
from headwater.operators.reference_exactness import row_mismatch
from headwater.schemas.aggregation import AGGREGATES
from headwater.schemas.evolution.changes import compare
from headwater.schemas.evolution.state_cells import state_cells
from headwater.schemas.plan import Plan
from tests.properties.cases import case_of
from tests.properties.harness import KernelError, KernelHarness, KernelRow, event_op, row_reader
from tests.properties.programs import Program, timeline
from tests.properties.streams import SCENES, any_knobs, program
from tests.properties.views import DERIVED, FIELDS, OPTIONS, Asked, View
from tests.unit.test_view_changes import BEFORE, TABLE

VIEWS = 400
WINDOWS = ("7s", "1m", "5m_by_1m", "1h", "1m_offset_1m", "this_day_europe_berlin", "session_1m", "lifetime")
SCENE = "an ordinary afternoon"
CHANGES = int(os.environ.get("HEADWATER_PROPERTY_EXAMPLES", "2000")) // 10
BASE_US = SCENES[SCENE][1]

SEEN_BEFORE_ONLY = {
    "another field by the same name",
    "another number of partitions",
    "a default for a field",
}
"""Changes after which tiles can be read, but rows would say something else: refused before a job is submitted."""

EVENT = ReferenceEvent(
    time_us=BASE_US, ingested_at_ms=BASE_US // 1000, source=0, partition=0, offset=0, values=(1.5, 2.5)
)


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelHarness]:
    harness = KernelHarness()
    yield harness
    harness.close()


def test_the_cells_of_any_view_are_those_that_the_kernel_keeps(kernel: KernelHarness) -> None:
    for number in range(VIEWS):
        plan = case_of(number).plan()
        expected = frozenset().union(*state_cells(plan).values())
        ids = {"seen events"} if plan.deduplication else set()
        assert set(kernel.run(plan, []).cells) == expected | ids, f"case {number}"


@pytest.mark.parametrize("backend", ["hashmap", "rocksdb"])
@pytest.mark.parametrize("change", TABLE)
def test_a_savepoint_is_restored_or_refused_as_the_table_says(kernel: KernelHarness, change: str, backend: str) -> None:
    verdict, after = TABLE[change]
    ops = [event_op(b"\x02a", EVENT), ["checkpoint"], ["plan", after.as_dict()], ["restore", 0, 1, 0]]
    if verdict in {"nothing", "compatible"} or change in SEEN_BEFORE_ONLY:
        kernel.run(BEFORE, ops, backend=backend)
    else:
        with pytest.raises(KernelError, match="StateMigrationException"):
            kernel.run(BEFORE, ops, backend=backend)


def test_whatever_keeps_its_state_gives_the_rows_of_the_reference_from_then_on(kernel: KernelHarness) -> None:
    checked, added = 0, 0
    for number in range(CHANGES):
        chance = random.Random(number)
        before, after = _changed(chance)
        if _follows(before, after):
            added += len(after.asked) > len(before.asked)
            checked += _check(kernel, before, after, chance)
    print(f"{checked} keys were compared after a change, {added} changes added a feature")
    assert checked > CHANGES / 2
    assert added > CHANGES / 20


def _changed(chance: random.Random) -> tuple[View, View]:
    """A view, and the same in another order, with features left out or one more of those that it can be read for."""
    windows = tuple(chance.sample(WINDOWS, chance.randint(1, 3)))
    asked = [_asked(chance, windows) for _ in range(chance.randint(2, 5))]
    before = View(tuple(asked), emission_interval="0ms")
    if chance.random() < 0.5:
        return before, replace(before, asked=tuple(chance.sample(asked, chance.randint(1, len(asked)))))
    for _ in range(20):
        more = [*asked, _like(chance, chance.choice(asked))]
        after = replace(before, asked=tuple(chance.sample(more, len(more))))
        if _follows(before, after):
            return before, after
    return before, replace(before, asked=tuple(chance.sample(asked, len(asked))))


def _follows(before: View, after: View) -> bool:
    return compare(before.plan(BASE_US), after.plan(BASE_US)).keeps_state


def _asked(chance: random.Random, windows: Sequence[str]) -> Asked:
    aggregate = chance.choice([name for name in AGGREGATES if name not in DERIVED])
    takes = AGGREGATES[aggregate].takes
    fields = [field for field, kind in FIELDS.items() if kind in takes]
    return Asked(aggregate, chance.choice(fields) if fields else None, tuple(windows), chance.choice([None, "paid"]))


def _like(chance: random.Random, other: Asked) -> Asked:
    """Another aggregate of the same events."""
    kind = None if other.field is None else FIELDS[other.field]
    fitting = [name for name, traits in AGGREGATES.items() if name not in DERIVED and kind in traits.takes]
    aggregate = chance.choice(fitting or ["count"])
    return replace(other, aggregate=aggregate, option=chance.randrange(len(OPTIONS.get(aggregate, ({},)))))


def _check(kernel: KernelHarness, before: View, after: View, chance: random.Random) -> int:
    """Runs half of a stream under the one and the rest under the other; returns how many keys were compared."""
    both = replace(before, asked=(*before.asked, *after.asked))
    old, new = before.plan(BASE_US), after.plan(BASE_US)
    knobs = replace(any_knobs(chance, both), scene=SCENE, crashes=0, bounded=False)
    if chance.random() < 0.2:
        knobs = replace(knobs, backend="rocksdb")
    whole = program(both.plan(BASE_US), knobs, chance.getrandbits(32)).with_a_crash_halfway(chance.randint(1, 3))
    first, second = timeline(whole.of(old)), timeline(whole.of(new))
    at = second.crashes[0][0]
    ops = [*first.ops[:at], ["plan", new.as_dict()], *second.ops[at:]]
    run = kernel.run(old, ops, backend=whole.backend, parallelism=whole.parallelism, wall_ms=whole.wall_ms)
    newest = {row.key: row for row in run.rows if row.op > at}
    return _compare(new, whole.of(new), newest, second.moments[-1].watermark_ms)


def _compare(plan: Plan, whole: Program, rows: dict[bytes, KernelRow], watermark_ms: int | None) -> int:
    read, checked = row_reader(plan), 0
    for key, events in whole.events().items():
        clock_us = clock_of(plan, events, None if watermark_ms is None else watermark_ms * 1000)
        expected = row_at(plan, events, clock_us)
        if key in rows and expected.n:
            header = rows[key].header
            assert (header.clock_us, header.n) == (expected.clock_us, expected.n)
            assert not row_mismatch(plan, events, expected, read(rows[key]))
            checked += 1
    return checked
