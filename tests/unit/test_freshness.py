"""Freshness is counted once per row and exported for every feature."""

from __future__ import annotations

import time

import numpy as np
from prometheus_client import CollectorRegistry

from headwater.operators.freshness import BUCKETS_SECONDS, STAGES, Freshness
from headwater.operators.log_batch import Headers, by_partition
from headwater.operators.online_metrics import OnlineLimits, OnlineMetrics, PartitionStatus
from headwater.operators.view_state import ViewState
from headwater.schemas.feature_log import RowHeader
from tests.feature_log_rows import make_plan
from tests.online_rows import row_message

EVENT, EXPIRY = 0, 1


def headers(*rows: tuple[int, int, int, int]) -> Headers:
    """Rows of (event time, broker, computed, cause), in ms."""
    messages = [
        row_message(i, b"%d" % i, RowHeader(1, event * 1000, 1, event * 1000, broker, computed, 0, 0, cause))
        for i, (event, broker, computed, cause) in enumerate(rows)
    ]
    return by_partition(messages)[0].headers()


def registry_of(freshness: Freshness) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(freshness)
    return registry


def test_each_stage_is_the_time_since_the_one_before() -> None:
    freshness = Freshness("v", ["f"])
    freshness.observe(headers((1_000, 1_003, 1_010, EVENT)), received_ms=1_030, visible_ms=1_100)
    registry = registry_of(freshness)
    sums = [
        registry.get_sample_value("headwater_freshness_seconds_sum", {"view": "v", "feature": feature, "stage": stage})
        for stage, feature in zip(STAGES, ("", "", "", "", "f"), strict=True)
    ]
    np.testing.assert_allclose(np.array(sums, float), [0.003, 0.007, 0.020, 0.070, 0.100])


def test_buckets_are_cumulative_and_include_their_bound() -> None:
    freshness = Freshness("v", ["f"])
    freshness.observe(headers((0, 0, 5, EVENT), (0, 0, 6, EVENT)), received_ms=6, visible_ms=7)
    registry = registry_of(freshness)

    def at_most(bound: str) -> float | None:
        labels = {"view": "v", "feature": "", "stage": "broker_to_computed", "le": bound}
        return registry.get_sample_value("headwater_freshness_seconds_bucket", labels)

    assert [at_most("0.005"), at_most("0.01"), at_most("+Inf")] == [1, 2, 2]


def test_rows_that_only_time_changed_do_not_count() -> None:
    freshness = Freshness("v", ["f"])
    freshness.observe(headers((0, 0, 5, EXPIRY)), received_ms=6, visible_ms=7)
    assert freshness.quantile_seconds("event_to_visible", 0.5) is None
    assert freshness.newest_ingested_ms is None


def test_clocks_that_disagree_do_not_give_negative_times() -> None:
    freshness = Freshness("v", ["f"])
    freshness.observe(headers((5_000, 1_000, 9_000, EVENT)), received_ms=3_000, visible_ms=3_001)
    assert freshness.quantile_seconds("event_to_broker", 1.0) == BUCKETS_SECONDS[0]
    assert freshness.quantile_seconds("computed_to_log", 1.0) == BUCKETS_SECONDS[0]


def test_quantiles_are_bounds_of_buckets() -> None:
    freshness = Freshness("v", ["f"])
    rows = [(0, 0, 1, EVENT)] * 98 + [(0, 0, 300, EVENT)] * 2
    freshness.observe(headers(*rows), received_ms=300, visible_ms=300)
    assert freshness.quantile_seconds("broker_to_computed", 0.5) == 0.005
    assert freshness.quantile_seconds("broker_to_computed", 0.99) == 0.35


def test_every_feature_has_the_rows_timing_and_the_newest_event() -> None:
    freshness = Freshness("v", ["f", "g"])
    freshness.observe(headers((1_000, 1_003, 1_010, EVENT)), received_ms=1_030, visible_ms=1_100)
    freshness.observe(headers((500, 501, 502, EVENT)), received_ms=1_130, visible_ms=1_200)
    registry = registry_of(freshness)
    for feature in ("f", "g"):
        labels = {"view": "v", "feature": feature}
        assert registry.get_sample_value("headwater_last_event_timestamp_seconds", labels) == 1.0
        count = registry.get_sample_value("headwater_freshness_seconds_count", {**labels, "stage": "event_to_visible"})
        assert count == 2


def test_a_materializer_exports_counts_lag_heartbeats_and_state() -> None:
    registry = CollectorRegistry()
    metrics = OnlineMetrics(make_plan(view="v"), registry, OnlineLimits(100_000, 30.0, 100_000))
    metrics.counts.rows_written += 3
    metrics.store_available = False
    metrics.report({0: PartitionStatus(as_of_ms=None, lag_rows=7, waiting_since_ms=None)})

    def value(name: str, **labels: str) -> float | None:
        return registry.get_sample_value(name, {"view": "v", **labels})

    assert value("headwater_online_rows_written_total") == 3
    assert value("headwater_online_rows_fenced_total") == 0
    assert value("headwater_online_store_unavailable") == 1
    assert value("headwater_log_lag_rows", partition="0") == 7
    assert value("headwater_heartbeat_age_seconds", partition="0") is None
    states = [value("headwater_view_state", state=state) for state in ("fresh", "no_events", "stuck")]
    assert states == [0, 0, 1]


def test_a_materializer_that_has_just_started_does_not_claim_that_there_are_no_events() -> None:
    plan = make_plan(view="v")
    metrics = OnlineMetrics(plan, CollectorRegistry(), OnlineLimits(100_000, 30.0, 100_000))
    now_ms = int(time.time() * 1000)
    later_ms = now_ms + plan.freshness_objective_ms + 1_000
    for as_of_ms, state in ((now_ms, ViewState.FRESH), (later_ms, ViewState.NO_EVENTS)):
        metrics.report({0: PartitionStatus(as_of_ms=as_of_ms, lag_rows=0, waiting_since_ms=None)})
        assert metrics.state(as_of_ms) is state
