"""Two rows of one version agree within twice what each aggregate promises, or it is said that nobody can tell."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.operators.row_agreement import Agreement, compare_rows, compare_values
from headwater.operators.stored_sketches import stored_sketch
from headwater.schemas import (
    count_events,
    distinct_of,
    distinct_sketch_of,
    kurtosis_of,
    last_n_of,
    mean_of,
    quantile_of,
    quantile_sketch_of,
    ratio_of,
    stddev_of,
    sum_of,
    top_k_of,
)
from headwater.schemas.plan import Feature
from tests.unit.test_declaring import plan_of
from tests.unit.test_reference import fares

AGREED, DISAGREED, UNDECIDED = Agreement.AGREED, Agreement.DISAGREED, Agreement.UNDECIDED


def feature_of(aggregation: Any) -> Feature:
    return plan_of(aggregation).features[0]


@pytest.mark.parametrize(
    ("aggregation", "one", "other", "n", "agreement"),
    [
        (count_events(over="1h"), 3, 3, 3, AGREED),
        (count_events(over="1h"), 3, 4, 4, DISAGREED),
        (sum_of("stops", over="1h"), 10**18, 10**18 + 1, 9, DISAGREED),
        (sum_of("fare", over="1h"), 1e6, 1e6 + 1e-4, 9, AGREED),
        (sum_of("fare", over="1h"), 1e6, 1e6 + 1e-2, 9, DISAGREED),
        (sum_of("fare", over="1h"), 0.0, 1e-12, 9, AGREED),
        (sum_of("fare", over="1h"), None, 0.0, 9, DISAGREED),
        (mean_of("fare", over="1h"), 2.0, 2.0 + 1e-8, 9, DISAGREED),
        (stddev_of("fare", over="1h"), 2.0, 2.0 + 1e-7, 9, AGREED),
        (kurtosis_of("fare", over="1h"), None, 2.0, 9, UNDECIDED),
        (last_n_of("note", 2, over="1h"), ["a", "b"], ["b", "a"], 9, DISAGREED),
        (distinct_of("note", over="1h"), 10, 11, 99, DISAGREED),
        (distinct_of("note", over="1h"), 100_000, 100_900, 100_000, AGREED),
        (distinct_of("note", over="1h"), 100_000, 150_000, 150_000, DISAGREED),
        (quantile_of("fare", at=0.5, over="1h"), 2.0, 2.5, 200, DISAGREED),
        (quantile_of("fare", at=0.5, over="1h"), 2.0, 2.5, 201, UNDECIDED),
        (top_k_of("note", 1, over="1h"), {"a": 2}, [("a", 2)], 9, AGREED),
        (top_k_of("note", 1, over="1h"), {"a": 2}, [("b", 2)], 768, DISAGREED),
        (top_k_of("note", 1, over="1h"), {"a": 2}, [("b", 2)], 769, UNDECIDED),
    ],
)
def test_values_of_one_set_of_events_agree_within_their_bound(
    aggregation: Any, one: Any, other: Any, n: int, agreement: Agreement
) -> None:
    assert compare_values(feature_of(aggregation), one, other, n=n) is agreement
    assert compare_values(feature_of(aggregation), other, one, n=n) is agreement


@pytest.mark.parametrize("aggregation", [distinct_sketch_of("fare", over="1h"), quantile_sketch_of("fare", over="1h")])
def test_sketches_agree_if_what_they_estimate_does(aggregation: Any) -> None:
    plan = plan_of(aggregation)
    feature = plan.features[0]
    events = fares(*((second, float(second)) for second in range(3000)))
    one = stored_sketch(feature, events)
    assert compare_values(feature, one, stored_sketch(feature, events[::-1]), n=3000) is AGREED
    assert compare_values(feature, one, stored_sketch(feature, events[:1000]), n=3000) is DISAGREED
    assert compare_values(feature, one, b"nonsense", n=3000) is DISAGREED


def test_what_is_made_of_other_features_must_follow_from_those_that_stand_beside_it() -> None:
    plan = plan_of(
        sum_of("fare", over="1h"), count_events(over="1h"), ratio_of("fare_sum_1h", "count_1h", name="mean_fare")
    )
    row = {"n": 2, "fare_sum_1h": 6.0, "count_1h": 2, "mean_fare": 3.0}
    told = {each.feature: each.agreement for each in compare_rows(plan, row, row | {"mean_fare": 3.5})}
    assert told.pop("mean_fare") is DISAGREED
    assert set(told.values()) == {AGREED}
