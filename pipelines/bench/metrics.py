"""What telling costs: a scrape of a materializer and of watch by the number of features, and counting by the row."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from prometheus_client import CollectorRegistry, generate_latest

from headwater.operators.freshness import BUCKETS_SECONDS
from headwater.operators.log_batch import ROW_HEADERS, Headers
from headwater.operators.online_metrics import OnlineLimits, OnlineMetrics
from headwater.pipelines.bench.figures import Figure
from headwater.pipelines.contracts import BUNDLED, find_contract
from headwater.pipelines.shop.purchases import SUBJECT
from headwater.pipelines.shop.views import customer_purchases
from headwater.pipelines.watch.watch_metrics import ParityMetrics
from headwater.schemas.compile import compile_view
from headwater.schemas.feature_log import CAUSES
from headwater.schemas.plan import Feature, Plan

BATCH_ROWS = 500
"""As many rows as one call of the online store's script writes."""
BATCHES = 2_000
SCRAPES = 5


class Told(NamedTuple):
    """The page of one process: its size and the CPU that it takes, in seconds, to make it."""

    process: str
    features: int
    page_bytes: int
    scrape_cpu_seconds: float


def scrapes(plan: Plan, features: int) -> list[Told]:
    """A materializer's and a watching process's page, for the plan with so many features."""
    wide = with_features(plan, features)
    online, watched = CollectorRegistry(), CollectorRegistry()
    metrics = OnlineMetrics(wide, online, OnlineLimits(1, 1.0, 1))
    metrics.freshness.observe(rows(1), received_ms=2, visible_ms=3)
    ParityMetrics(wide, watched)
    return [_scrape(name, features, registry) for name, registry in (("materialize", online), ("watch", watched))]


def counting_cpu_us_per_row(plan: Plan) -> float:
    """CPU that a materializer takes to count a row that it has written; the median of batches of BATCH_ROWS."""
    metrics = OnlineMetrics(plan, CollectorRegistry(), OnlineLimits(1, 1.0, 1))
    headers = rows(BATCH_ROWS)
    seconds = _cpu_seconds(lambda: metrics.freshness.observe(headers, received_ms=2, visible_ms=3), BATCHES)
    return seconds * 1e6 / BATCH_ROWS


def example_plan() -> Plan:
    """The shop's view."""
    return compile_view(customer_purchases, find_contract(SUBJECT, [BUNDLED]).newest)


def figures_of(told: Sequence[Told], counting_us: float) -> list[Figure]:
    """The figures, with what a scrape may take."""
    conditions = (
        f"in this process, after one row of each stage; medians of {SCRAPES} pages, and of {BATCHES:,} batches of"
        f" {BATCH_ROWS} rows; CPU, so without waiting for others"
    )
    figures = [Figure("counting a row", counting_us, "us CPU per row", None, conditions)]
    for each in told:
        name = f"page of {each.process}, {each.features:,} features"
        figures += [
            Figure(name, float(each.page_bytes), "bytes", None, conditions),
            Figure(name, each.scrape_cpu_seconds, "s CPU", "<= 1", conditions),
        ]
    return figures


def with_features(plan: Plan, number: int) -> Plan:
    """The plan with the first of its features so many times, by other names."""
    first = plan.features[0]
    features: list[Feature] = [first.model_copy(update={"name": f"{first.name}_{each:04d}"}) for each in range(number)]
    return plan.model_copy(update={"features": tuple(features)})


def rows(number: int) -> Headers:
    """Headers of rows that events have caused, and whose stages took all kinds of time."""
    headers = np.zeros(number, ROW_HEADERS)
    headers["cause"] = CAUSES.index("EVENT")
    headers["ingested_at_ms"] = np.resize(np.array(BUCKETS_SECONDS) * 1000, number)
    headers["computed_at_ms"] = headers["ingested_at_ms"] + 5
    return headers


def _scrape(process: str, features: int, registry: CollectorRegistry) -> Told:
    page = generate_latest(registry)
    return Told(process, features, len(page), _cpu_seconds(lambda: generate_latest(registry), SCRAPES))


def _cpu_seconds(work: Callable[[], object], times: int) -> float:
    """The median, of CPU rather than time: other processes may take the cores meanwhile."""
    taken = []
    for _ in range(times):
        began = time.process_time()
        work()
        taken.append(time.process_time() - began)
    return float(np.median(taken))
