"""What becomes of rows on their way to a store: lost, doubled, late, out of order, compacted away, expired."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from headwater.operators.log_batch import ROW_HEADERS, expiry_ms
from headwater.operators.reference import ReferenceRow
from headwater.schemas.plan import Plan
from tests.properties.harness import KernelRow
from tests.properties.programs import Timeline


@dataclass
class Store:
    """The rows that a store has in the end, by key."""

    name: str
    rows: dict[bytes, KernelRow] = field(default_factory=dict)
    wall_ms: int | None = None
    """It has forgotten what had expired by then; None: it forgets nothing."""
    may_be_behind: bool = False
    """An empty row may stand where another empty row, of a greater version, was forgotten."""

    def may_have_forgotten(self, plan: Plan, expected: ReferenceRow) -> bool:
        """Whether this row is one that it may have forgotten."""
        if self.wall_ms is None or plan.reach_ms is None:
            return False
        leaving = [at for at in expected.empty_at_us.values() if at is not None]
        return max(leaving, default=expected.clock_us) // 1000 + plan.reach_ms <= self.wall_ms


def stores(plan: Plan, run: Timeline, rows: Sequence[KernelRow], chance: random.Random) -> Iterator[Store]:
    """Stores that got the rows in different ways; each must end at the reference's row."""
    yield _fenced("a store that got all rows in order", rows)
    kept = [row for row in rows if not _may_be_lost(run, row) or chance.random() < 0.5]
    shuffled = [*kept, *chance.choices(kept, k=len(kept) // 2)]
    chance.shuffle(shuffled)
    yield _fenced("a store that got rows twice, out of order, and some not at all", shuffled)
    committed = [row for row in rows if not _may_be_lost(run, row)]
    yield Store("a store made anew from the compacted log", {row.key: row for row in committed}, may_be_behind=True)
    yield _expiring(plan, run, kept, chance)


def _fenced(name: str, rows: Sequence[KernelRow]) -> Store:
    store = Store(name)
    for row in rows:
        standing = store.rows.get(row.key)
        if standing is None or row.version > standing.version:
            store.rows[row.key] = row
    return store


def _expiring(plan: Plan, run: Timeline, rows: Sequence[KernelRow], chance: random.Random) -> Store:
    """Rows come in the order of the log, some of them late by the clock; a row that has expired fences none."""
    store = Store("a store that forgets expired rows", may_be_behind=True)
    expires: dict[bytes, int] = {}
    now_ms = 0
    for row in rows:
        now_ms = max(now_ms, run.moments[row.op].wall_ms + chance.choice([0, 0, 1, 1500]))
        standing = store.rows.get(row.key)
        if standing is not None and expires[row.key] <= now_ms:
            del store.rows[row.key]
            standing = None
        expiry = _expiry_ms(plan, row)
        if expiry > now_ms and (standing is None or row.version > standing.version):
            store.rows[row.key], expires[row.key] = row, expiry
    store.wall_ms = max(now_ms, run.moments[-1].wall_ms)
    return store


def _expiry_ms(plan: Plan, row: KernelRow) -> int:
    headers = np.frombuffer(row.packed_header, ROW_HEADERS)
    return int(expiry_ms(headers, reach_ms=plan.reach_ms, time_to_live_ms=plan.time_to_live_ms)[0])


def _may_be_lost(run: Timeline, row: KernelRow) -> bool:
    """Whether the row's attempt crashed before its next checkpoint, at which rows are sure to be written."""
    crash = min((crash for crash, _ in run.crashes if crash > row.op), default=None)
    return crash is not None and not any(row.op <= checkpoint < crash for checkpoint in run.checkpoints)
