"""Collects what readers see into periods, and tells of each how its values are spread and how far they drifted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis import Redis
from redis.exceptions import RedisError

from headwater.operators.reading import empty_values
from headwater.operators.value_statistics import (
    LEAST_ROWS,
    QUANTILES,
    Drift,
    Reference,
    Sample,
    Summary,
    dump_references,
    load_references,
)
from headwater.pipelines.online_store import trouble
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import OnlineStoreError
from headwater.schemas.plan import Plan

_log = structlog.get_logger(__name__)


class ValueWatch(Collector):
    """The values of one view: those of the newest period that is over, and of the reference period before.

    The reference is kept in the online store, so that it outlives this process.
    """

    def __init__(self, settings: Settings, plan: Plan, client: Redis, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._view = plan.view
        self._client = client
        self._key = reference_key(plan)
        self._defaults = empty_values(plan)
        self._lock = threading.Lock()
        self._summaries: dict[str, Summary] = {}
        self._drifts: dict[str, Drift] = {}
        self._references: dict[str, Reference] | None = None
        self._sample, self._first = Sample(self._defaults), Sample(self._defaults)
        self._sample_since = self._first_since = time.monotonic()
        registry.register(self)

    def add(self, row: Mapping[str, Any]) -> None:
        """One more row as a reader sees it."""
        self._sample.add(row)
        if self._references is None:
            self._first.add(row)

    def close_periods(self) -> None:
        """Tell of periods that are over, and begin new ones.

        Raises:
            OnlineStoreError: the reference cannot be read or written.
            FormatError: what stands in its place is none.
        """
        now = time.monotonic()
        if self._references is None:
            self._references = self._stored()
        if self._references is None and now - self._first_since >= self._settings.watch_reference_period_seconds:
            self._settle_reference()
            self._first_since = now
        if now - self._sample_since >= self._settings.watch_values_seconds and self._sample.rows:
            summaries, drifts = self._sample.summaries(), self._sample.drifts(self._references or {})
            with self._lock:
                self._summaries, self._drifts = summaries, drifts
            self._sample, self._sample_since = Sample(self._defaults), now

    def drifted(self) -> list[str]:
        """Features whose stability index is above what the settings allow."""
        with self._lock:
            drifts = self._drifts
        return [name for name, each in drifts.items() if each.stability_index > self._settings.watch_drift_limit]

    def collect(self) -> Iterable[Metric]:
        """The metrics; called by the metrics endpoint."""
        with self._lock:
            summaries, drifts = self._summaries, self._drifts
        for name, text, of in _MEASURES:
            yield self._gauge(name, text, {feature: of(summary) for feature, summary in summaries.items()})
        quantiles = GaugeMetricFamily(
            "headwater_feature_quantile",
            "Value below which so many of the sampled values are.",
            labels=("view", "feature", "quantile"),
        )
        for feature, summary in summaries.items():
            for share, value in zip(QUANTILES, summary.quantiles, strict=False):
                quantiles.add_metric((self._view, feature, f"{share:g}"), value)
        yield quantiles
        yield self._gauge(
            "stability_index",
            "Population stability index of the sampled values against the reference period.",
            {feature: drift.stability_index for feature, drift in drifts.items()},
        )
        yield self._gauge(
            "mean_shift",
            "Mean of the sampled values minus that of the reference period, by its standard deviation.",
            {feature: drift.mean_shift for feature, drift in drifts.items()},
        )

    def _gauge(self, name: str, text: str, values: Mapping[str, float | None]) -> Metric:
        family = GaugeMetricFamily(f"headwater_feature_{name}", text, labels=("view", "feature"))
        for feature, value in values.items():
            if value is not None:
                family.add_metric((self._view, feature), value)
        return family

    def _stored(self) -> dict[str, Reference] | None:
        try:
            text = cast("bytes | None", self._client.get(self._key))
        except RedisError as error:
            raise OnlineStoreError(f"the reference of values cannot be read: {trouble(error)}") from error
        return None if text is None else load_references(text)

    def _settle_reference(self) -> None:
        rows, references = self._first.rows, self._first.references()
        self._first = Sample(self._defaults)
        if rows < LEAST_ROWS:
            _log.info("too_few_rows_for_a_reference", view=self._view, rows=rows, wanted=LEAST_ROWS)
            return
        try:
            self._client.set(self._key, dump_references(references))
        except RedisError as error:
            raise OnlineStoreError(f"the reference of values cannot be written: {trouble(error)}") from error
        self._references = references
        _log.info("reference_settled", view=self._view, rows=rows, key=self._key)


def reference_key(plan: Plan) -> str:
    """Where the reference stands; delete it, and the next period becomes the reference."""
    return f"hw:watch:{plan.view}.g{plan.generation}"


_MEASURES: tuple[tuple[str, str, Callable[[Summary], float | None]], ...] = (
    ("sampled_rows", "Rows that the sample of the newest period has.", lambda each: each.rows),
    ("null_ratio", "Share of the sampled values that are null.", lambda each: each.null_share),
    (
        "default_ratio",
        "Share of the sampled values that are those of a window without events.",
        lambda each: each.default_share,
    ),
    ("mean", "Mean of the sampled values.", lambda each: each.mean),
    ("least", "Least of the sampled values.", lambda each: each.least),
    ("greatest", "Greatest of the sampled values.", lambda each: each.greatest),
)
