"""Windows of more values than any aggregate keeps: estimates within their bounds, sketches that Python reads."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import datasketches
import pytest

from headwater.operators.reference import ReferenceEvent, reference_row
from headwater.operators.reference_exactness import row_mismatch
from headwater.operators.stored_sketches import distinct_sketch, distinct_values, quantile_sketch
from headwater.schemas import (
    counts_of,
    distinct_of,
    distinct_sketch_of,
    kurtosis_of,
    quantile_of,
    quantile_sketch_of,
    skewness_of,
    top_k_of,
)
from headwater.schemas.plan import Plan
from tests.properties.harness import KernelHarness, event_op, row_reader
from tests.unit.test_aggregates import NOON, plan_of

KEY = b"\x02a"
EVENTS = 6000
WINDOWS = ["24h", "1h", "1m"]
PLAN = plan_of(
    distinct_of("sku", over=WINDOWS),
    distinct_of("total", exact_up_to=10, over=WINDOWS),
    distinct_sketch_of("sku", over=WINDOWS),
    distinct_sketch_of("price", precision=10, over=WINDOWS),
    quantile_of("price", at=[0.01, 0.5, 0.95], over=WINDOWS),
    quantile_sketch_of("price", over=WINDOWS),
    skewness_of("price", over=WINDOWS),
    kurtosis_of("price", over=WINDOWS),
    top_k_of("sku", 5, over=WINDOWS),
    top_k_of("sku", 5, weight="price", over=WINDOWS),
    counts_of("total", limit=20, over=WINDOWS),
)


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelHarness]:
    harness = KernelHarness()
    yield harness
    harness.close()


def sales(seed: int) -> list[ReferenceEvent]:
    """A day's sales, most of a few wares and some of very many, in any order."""
    chance = random.Random(seed)
    found = []
    for number in range(EVENTS):
        row: dict[str, Any] = {
            "sku": f"sku {int(chance.paretovariate(0.3)) % 5000}",
            "total": chance.randrange(400),
            "price": chance.lognormvariate(3, 1),
        }
        values = tuple(row[column.name] for column in PLAN.columns)
        found.append(ReferenceEvent(NOON + chance.randrange(86_000_000_000), values, offset=number))
    return found


def last_row(kernel: KernelHarness, plan: Plan, events: list[ReferenceEvent], backend: str) -> dict[str, Any]:
    ops = [event_op(KEY, event) for event in events]
    half = len(ops) // 2
    run = kernel.run(
        plan, [*ops[:half], ["checkpoint"], ["restore", 0, 1, 0], *ops[half:], ["finish"]], backend=backend
    )
    return row_reader(plan)(max(run.rows, key=lambda row: row.version))


# RocksDB writes the whole state of the key with each event.
@pytest.mark.parametrize(("backend", "count"), [("hashmap", EVENTS), ("rocksdb", 400)])
def test_a_crowded_window_is_within_the_stated_errors(kernel: KernelHarness, backend: str, count: int) -> None:
    events = sales(seed=1)[:count]
    row = last_row(kernel, PLAN, events, backend)
    assert not row_mismatch(PLAN, events, reference_row(PLAN, events), row)


def test_python_reads_a_stored_sketch_and_merges_it_with_its_own(kernel: KernelHarness) -> None:
    events = sales(seed=2)
    row = last_row(kernel, PLAN, events, "hashmap")
    sku, price = (next(i for i, each in enumerate(PLAN.columns) if each.name == name) for name in ("sku", "price"))
    skus = {str(event.values[sku]) for event in events}
    prices = {float(str(event.values[price])) for event in events}

    stored = row["sku_distinct_sketch_24h"]
    assert distinct_values(stored) == pytest.approx(len(skus), rel=0.1)
    assert distinct_values(row["price_distinct_sketch_24h"]) == pytest.approx(len(prices), rel=0.2)
    own = datasketches.hll_sketch(12)
    for each in skus:
        own.update(each)
    union = datasketches.hll_union(12)
    union.update(own)
    union.update(distinct_sketch(stored))
    assert union.get_estimate() == pytest.approx(own.get_estimate(), rel=0.1)

    sketch = quantile_sketch(row["price_quantile_sketch_24h"])
    assert sketch.n == EVENTS
    assert sorted(prices)[EVENTS // 2 - 300] < sketch.get_quantile(0.5, True) < sorted(prices)[EVENTS // 2 + 300]
