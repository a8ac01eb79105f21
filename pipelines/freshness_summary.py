"""Quantiles of freshness from a materializer's /metrics, since the process began or since an earlier look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from prometheus_client.parser import text_string_to_metric_families

from headwater.operators.freshness import OF_ALL_FEATURES, WHOLE_WAY
from headwater.schemas.errors import DependencyError

FRESHNESS = "headwater_freshness_seconds"
TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Histogram:
    """Cumulative counts by upper bound in seconds, as Prometheus has them."""

    buckets: Mapping[float, float] = field(default_factory=dict)

    @property
    def count(self) -> float:
        return max(self.buckets.values(), default=0.0)

    def since(self, earlier: Histogram) -> Histogram:
        """What was added after the earlier look."""
        return Histogram({bound: count - earlier.buckets.get(bound, 0.0) for bound, count in self.buckets.items()})

    def quantile(self, share: float) -> float | None:
        """Seconds below which this share of the rows were, linear within a bucket; None without any.

        Like Prometheus's `histogram_quantile`: beyond the last finite bound, that bound.
        """
        rank, lower, below = share * self.count, 0.0, 0.0
        if not self.count:
            return None
        for bound, count in sorted(self.buckets.items()):
            if count >= rank and count > below:
                return lower if bound == float("inf") else lower + (bound - lower) * (rank - below) / (count - below)
            lower, below = (bound, count) if bound != float("inf") else (lower, count)
        return lower


@dataclass(frozen=True, slots=True)
class Scrape:
    """One look at a process's metrics."""

    freshness: Mapping[tuple[str, str, str], Histogram]
    values: Mapping[str, float]

    def of(self, view: str, feature: str, stage: str) -> Histogram:
        """The feature's histogram of a stage, which all features of a view may share; empty where there is none."""
        return self.freshness.get((view, feature if stage == WHOLE_WAY else OF_ALL_FEATURES, stage), Histogram())


def scrape(url: str) -> Scrape:
    """The freshness histograms and the summed values of all other metrics that this /metrics URL shows.

    Raises:
        DependencyError: it cannot be read.
    """
    try:
        text = httpx.get(url, timeout=TIMEOUT_SECONDS).raise_for_status().text
    except httpx.HTTPError as error:
        raise DependencyError(f"{url} cannot be read: {error}") from error
    buckets: dict[tuple[str, str, str], dict[float, float]] = {}
    values: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = sample.labels
            if sample.name == f"{FRESHNESS}_bucket":
                name = (labels["view"], labels["feature"], labels["stage"])
                buckets.setdefault(name, {})[float(labels["le"])] = sample.value
            elif family.name != FRESHNESS:
                values[sample.name] = values.get(sample.name, 0.0) + sample.value
    return Scrape({name: Histogram(counts) for name, counts in buckets.items()}, values)
