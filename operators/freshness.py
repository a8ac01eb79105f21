"""How long events take to be seen online, by stage: counted for whole batches, exported for each feature.

All features of a view share a row, hence its timing. It is counted once per row. When the metrics are read, the whole
way is told for each feature, so that one can be looked up by its name, and each stage of it once for the view: a
thousand features cost the write path nothing, and a scrape a fifth of a second.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from prometheus_client.core import GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from headwater.operators.log_batch import Headers
from headwater.schemas.feature_log import CAUSES

WHOLE_WAY = "event_to_visible"
STAGES = ("event_to_broker", "broker_to_computed", "computed_to_log", "log_to_visible", WHOLE_WAY)
OF_ALL_FEATURES = ""
"""The label `feature` of what is told once for the view; to Prometheus a label that is not there."""

BUCKETS_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.35, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 600.0, 3600.0)

_EVENT = CAUSES.index("EVENT")


class Freshness(Collector):
    """Histograms and newest events of one view, filled by the writer and read by the metrics endpoint."""

    def __init__(self, view: str, features: Sequence[str]) -> None:
        self._view = view
        self._features = tuple(features)
        self._lock = threading.Lock()
        self._counts = np.zeros((len(STAGES), len(BUCKETS_SECONDS) + 1), np.int64)
        self._sums = np.zeros(len(STAGES))
        self._newest_event_us: int | None = None
        self._newest_ingested_ms: int | None = None

    def observe(self, headers: Headers, *, received_ms: float, visible_ms: float) -> None:
        """Count rows that became visible: only those that an event caused, since expiry has no event to be late for.

        Args:
            headers: of the rows that were really written, shape (rows,); a fenced row was visible before.
            received_ms: wall time at which the batch was read from the log.
            visible_ms: wall time at which the online store had acknowledged it.
        """
        headers = headers[headers["cause"] == _EVENT]
        if not len(headers):
            return
        seconds = _stage_seconds(headers, received_ms, visible_ms)
        buckets = np.searchsorted(BUCKETS_SECONDS, seconds)
        newest_event_us = int(headers["event_time_us"].max())
        newest_ingested_ms = int(headers["ingested_at_ms"].max())
        with self._lock:
            for stage, in_stage in enumerate(buckets):
                self._counts[stage] += np.bincount(in_stage, minlength=len(BUCKETS_SECONDS) + 1)
            self._sums += seconds.sum(axis=1)
            self._newest_event_us = max(newest_event_us, self._newest_event_us or newest_event_us)
            self._newest_ingested_ms = max(newest_ingested_ms, self._newest_ingested_ms or newest_ingested_ms)

    @property
    def newest_ingested_ms(self) -> int | None:
        """Kafka timestamp of the newest event that became visible since this process started; None before the first."""
        return self._newest_ingested_ms

    def quantile_seconds(self, stage: str, quantile: float) -> float | None:
        """The upper bound of the bucket in which this quantile of a stage lies; None if nothing was counted."""
        with self._lock:
            counts = self._counts[STAGES.index(stage)].cumsum()
        if not counts[-1]:
            return None
        bucket = int(np.searchsorted(counts, quantile * counts[-1]))
        return (*BUCKETS_SECONDS, float("inf"))[bucket]

    def collect(self) -> Iterable[Metric]:
        """The metrics; called by the metrics endpoint."""
        with self._lock:
            cumulative = self._counts.cumsum(axis=1)
            sums = self._sums.copy()
            newest_us = self._newest_event_us
        yield self._histograms(cumulative, sums)
        if newest_us is not None:
            yield from self._newest_event(newest_us)

    def _histograms(self, cumulative: npt.NDArray[np.int64], sums: npt.NDArray[np.float64]) -> Metric:
        family = HistogramMetricFamily(
            "headwater_freshness_seconds",
            "Time from one stage of an event's way into the online store to the next.",
            labels=("view", "feature", "stage"),
        )
        bounds = [*map(str, BUCKETS_SECONDS), "+Inf"]
        for stage, counts, total in zip(STAGES, cumulative.tolist(), sums.tolist(), strict=True):
            buckets = list(zip(bounds, counts, strict=True))
            for feature in self._features if stage == WHOLE_WAY else (OF_ALL_FEATURES,):
                family.add_metric((self._view, feature, stage), buckets, total)
        return family

    def _newest_event(self, newest_us: int) -> Iterable[Metric]:
        seconds = newest_us / 1e6
        age = GaugeMetricFamily(
            "headwater_newest_event_age_seconds",
            "Now minus the event time of the newest event that is visible online.",
            labels=("view", "feature"),
        )
        last = GaugeMetricFamily(
            "headwater_last_event_timestamp_seconds",
            "Event time of the newest event that is visible online.",
            labels=("view", "feature"),
        )
        now = time.time()
        for feature in self._features:
            age.add_metric((self._view, feature), now - seconds)
            last.add_metric((self._view, feature), seconds)
        return age, last


def _stage_seconds(headers: Headers, received_ms: float, visible_ms: float) -> npt.NDArray[np.float64]:
    """Shape (stages, rows). Clocks of several machines may disagree: what would be negative counts as nothing."""
    event_ms = headers["event_time_us"] / 1000.0
    broker_ms = headers["ingested_at_ms"].astype(np.float64)
    computed_ms = headers["computed_at_ms"].astype(np.float64)
    stages = (
        broker_ms - event_ms,
        computed_ms - broker_ms,
        received_ms - computed_ms,
        np.full(len(headers), visible_ms - received_ms),
        visible_ms - event_ms,
    )
    clipped: npt.NDArray[np.float64] = np.maximum(np.stack(stages), 0.0) / 1000.0
    return clipped
