"""Quantiles from cumulative buckets."""

from __future__ import annotations

import pytest

from headwater.pipelines.freshness_summary import Histogram

INF = float("inf")


@pytest.mark.parametrize(
    ("buckets", "share", "expected"),
    [
        ({}, 0.5, None),
        ({0.1: 0, INF: 0}, 0.5, None),
        ({0.1: 10, INF: 10}, 0.5, 0.05),
        ({0.1: 50, 0.2: 100, INF: 100}, 0.5, 0.1),
        ({0.1: 50, 0.2: 100, INF: 100}, 0.75, 0.15),
        ({0.1: 0, 0.2: 100, INF: 100}, 0.99, 0.199),
        ({0.1: 10, INF: 100}, 0.99, 0.1),
    ],
)
def test_a_quantile_is_linear_within_its_bucket(
    buckets: dict[float, float], share: float, expected: float | None
) -> None:
    assert Histogram(buckets).quantile(share) == (expected if expected is None else pytest.approx(expected))


def test_an_earlier_look_is_taken_off() -> None:
    assert Histogram({0.1: 5, INF: 9}).since(Histogram({0.1: 1, INF: 4})).buckets == {0.1: 4, INF: 5}
