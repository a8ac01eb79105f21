"""The views that are measured, declared as an author would."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headwater.pipelines.bench.events import SCHEMA as EVENT_SCHEMA
from headwater.pipelines.bench.stream import DIMENSIONS, SCHEMA
from headwater.schemas import (
    EventSource,
    FeatureView,
    aggregates,
    compile_view,
)
from headwater.schemas.aggregation import Aggregation
from headwater.schemas.plan import AggregateName, Plan

WINDOW = "5m"
TWENTY_WINDOWS = (
    "5m", "6m", "7m", "8m", "10m", "15m", "20m", "30m", "45m", "1h",
    "2h", "3h", "4h", "6h", "8h", "10h", "12h", "16h", "20h", "24h",
)  # fmt: skip

FIVE_WINDOWS = ("5m", "15m", "1h", "6h", "24h")
WINDOWS: dict[int, Sequence[str]] = {1: (WINDOW,), 5: FIVE_WINDOWS, 20: TWENTY_WINDOWS}
"""The windows of a view that is run as a job, by their number; each holds those before it."""

TOPIC = "bench.purchases"

BASELINE: AggregateName = "count"

FEATURES: dict[AggregateName, Callable[[str], Sequence[Aggregation]]] = {
    "count": lambda over: [aggregates.count_events(over=over)],
    "sum": lambda over: [aggregates.sum_of("amount", over=over)],
    "mean": lambda over: [aggregates.mean_of("amount", over=over)],
    "min": lambda over: [aggregates.min_of("amount", over=over)],
    "max": lambda over: [aggregates.max_of("amount", over=over)],
    "variance": lambda over: [aggregates.variance_of("amount", over=over)],
    "stddev": lambda over: [aggregates.stddev_of("amount", over=over)],
    "skewness": lambda over: [aggregates.skewness_of("amount", over=over)],
    "kurtosis": lambda over: [aggregates.kurtosis_of("amount", over=over)],
    "first": lambda over: [aggregates.first_of("item", over=over)],
    "last": lambda over: [aggregates.last_of("item", over=over)],
    "first_n": lambda over: [aggregates.first_n_of("item", 10, over=over)],
    "last_n": lambda over: [aggregates.last_n_of("item", 10, over=over)],
    "last_n_distinct": lambda over: [aggregates.last_n_distinct_of("item", 10, over=over)],
    "distinct": lambda over: [aggregates.distinct_of("item", over=over)],
    "distinct_sketch": lambda over: [aggregates.distinct_sketch_of("item", over=over)],
    "quantile": lambda over: [aggregates.quantile_of("amount", at=0.5, over=over)],
    "quantile_sketch": lambda over: [aggregates.quantile_sketch_of("amount", over=over)],
    "top_k": lambda over: [aggregates.top_k_of("item", 10, over=over, weight="amount")],
    "counts": lambda over: [aggregates.counts_of("category", over=over)],
    "decayed_count": lambda over: [aggregates.decayed_count(half_life="1m", over=over)],
    "decayed_sum": lambda over: [aggregates.decayed_sum_of("amount", half_life="1m", over=over)],
    "vector_sum": lambda over: [aggregates.vector_sum_of("vector", dimensions=DIMENSIONS, over=over)],
    "vector_mean": lambda over: [aggregates.vector_mean_of("vector", dimensions=DIMENSIONS, over=over)],
    "vector_decayed_mean": lambda over: [
        aggregates.vector_decayed_mean_of("vector", dimensions=DIMENSIONS, half_life="1m", over=over)
    ],
    "ratio": lambda over: _of_two(over, aggregates.ratio_of),
    "difference": lambda over: _of_two(over, aggregates.difference_of),
}
"""The features that stand for each aggregate, over one window."""

_EVENTS = EventSource(topic="bench.events", key="user", event_time="at", allowed_skew="10s")


def plan_of(name: str, features: Sequence[Aggregation]) -> Plan:
    """The plan of a view of the stream's events with these features."""
    view = FeatureView(name=name, source=_EVENTS, features=features, owner="bench", description="Measured.")
    return compile_view(view, SCHEMA)


def windows_view(topic: str, windows: Sequence[str], generation: int = 1, emission_interval: str = "200ms") -> Plan:
    """The plan of a view of preloaded events (`headwater.pipelines.bench.events`): six aggregates over each window."""
    source = EventSource(topic=topic, key="user", event_time="at", watermark_delay="1s", idle_timeout="1s")
    features = [
        feature
        for over in windows
        for feature in (
            aggregates.count_events(over=over),
            aggregates.sum_of("amount", over=over),
            aggregates.mean_of("amount", over=over),
            aggregates.min_of("amount", over=over),
            aggregates.max_of("amount", over=over),
            aggregates.stddev_of("amount", over=over),
        )
    ]
    view = FeatureView(
        name=f"{topic.replace('.', '_')}_{len(windows)}",
        source=source,
        features=features,
        owner="bench",
        description="Measured.",
        generation=generation,
        emission_interval=emission_interval,
    )
    return compile_view(view, EVENT_SCHEMA)


def _of_two(over: str, made: Callable[..., Aggregation]) -> list[Aggregation]:
    inputs = [aggregates.sum_of("amount", over=over), aggregates.sum_of("quantity", over=over)]
    return [*inputs, made(f"amount_sum_{over}", f"quantity_sum_{over}", name="made")]
