"""The views that are measured, declared as an author would."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from headwater.pipelines.bench.stream import SCHEMA
from headwater.schemas import (
    EventSource,
    FeatureView,
    compile_view,
    count_events,
    first_of,
    last_of,
    max_of,
    mean_of,
    min_of,
    stddev_of,
    sum_of,
)
from headwater.schemas.aggregates import Aggregation
from headwater.schemas.plan import AggregateName, Plan

WINDOW = "5m"
TWENTY_WINDOWS = (
    "5m", "6m", "7m", "8m", "10m", "15m", "20m", "30m", "45m", "1h",
    "2h", "3h", "4h", "6h", "8h", "10h", "12h", "16h", "20h", "24h",
)  # fmt: skip

BASELINE: AggregateName = "count"

FEATURES: dict[AggregateName, Callable[[str], Sequence[Aggregation]]] = {
    "count": lambda over: [count_events(over=over)],
    "sum": lambda over: [sum_of("amount", over=over)],
    "mean": lambda over: [mean_of("amount", over=over)],
    "min": lambda over: [min_of("amount", over=over)],
    "max": lambda over: [max_of("amount", over=over)],
    "stddev": lambda over: [stddev_of("amount", over=over)],
    "first": lambda over: [first_of("item", over=over)],
    "last": lambda over: [last_of("item", over=over)],
}
"""The features that stand for each aggregate, over one window."""

_EVENTS = EventSource(topic="bench.events", key="user", event_time="at", allowed_skew="10s")


def plan_of(name: str, features: Sequence[Aggregation]) -> Plan:
    """The plan of a view of the stream's events with these features."""
    view = FeatureView(name=name, source=_EVENTS, features=features, owner="bench", description="Measured.")
    return compile_view(view, SCHEMA)
