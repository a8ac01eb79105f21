"""What each aggregate is called, gives and means, on streams small enough to check by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from headwater.operators.reference import ReferenceEvent, reference_row
from headwater.operators.reference_aggregates import Value, hash_of
from headwater.operators.reference_exactness import row_mismatch, same_value
from headwater.schemas import (
    DeclarationError,
    EventSource,
    FeatureView,
    compile_view,
    count_events,
    count_of,
    counts_of,
    decayed_count,
    decayed_sum_of,
    difference_of,
    distinct_of,
    distinct_sketch_of,
    first_n_of,
    first_of,
    kurtosis_of,
    last_n_distinct_of,
    last_n_of,
    last_of,
    max_of,
    mean_of,
    min_of,
    quantile_of,
    quantile_sketch_of,
    ratio_of,
    skewness_of,
    stddev_of,
    sum_of,
    top_k_of,
    variance_of,
    vector_decayed_mean_of,
    vector_mean_of,
    vector_sum_of,
)
from headwater.schemas.aggregates import Aggregation
from headwater.schemas.aggregation import AGGREGATES
from headwater.schemas.feature_log import log_schema
from headwater.schemas.plan import Plan

S = 1_000_000
NOON = 1_700_000_000 * S // (3600 * S) * (3600 * S)
SALE: dict[str, Any] = {
    "type": "record",
    "name": "Sale",
    "fields": [
        {"name": "shop", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "price", "type": ["null", "double"]},
        {"name": "pieces", "type": ["null", "int"]},
        {"name": "total", "type": ["null", "long"]},
        {"name": "sku", "type": ["null", "string"]},
        {"name": "code", "type": ["null", "bytes"]},
        {"name": "paid", "type": ["null", "boolean"]},
        {"name": "place", "type": ["null", {"type": "array", "items": "double"}]},
    ],
}
HOUR = "1h"

# The declaration, the feature's type, its name, and its value over events of these values, one second apart.
MEANINGS: list[tuple[Aggregation, str, str, Sequence[Value], Value]] = [
    (count_events(over=HOUR), "long", "count_1h", (None, None), 2),
    (count_of("sku", over=HOUR), "long", "sku_count_1h", ("a", None), 1),
    (sum_of("price", over=HOUR), "double", "price_sum_1h", (1.5, None, 2.5), 4.0),
    (sum_of("pieces", over=HOUR), "long", "pieces_sum_1h", (2**31 - 1, 1), 2**31),
    (sum_of("total", over=HOUR), "double", "total_sum_1h", (2**62, 2**62, 2**62), 3.0 * 2**62),
    (mean_of("price", over=HOUR), "double", "price_mean_1h", (1.0, None, 4.0), 2.5),
    (min_of("total", over=HOUR), "long", "total_min_1h", (5, 3, 4), 3),
    (max_of("total", over=HOUR), "long", "total_max_1h", (3, 5, 4), 5),
    (variance_of("price", over=HOUR), "double", "price_variance_1h", (2.0, 4.0), 1.0),
    (variance_of("price", sample=True, over=HOUR), "double", "price_sample_variance_1h", (2.0, 4.0), 2.0),
    (variance_of("price", sample=True, over=HOUR), "double", "price_sample_variance_1h", (2.0, None), None),
    (stddev_of("price", over=HOUR), "double", "price_stddev_1h", (2.0, 6.0), 2.0),
    (stddev_of("price", sample=True, over=HOUR), "double", "price_sample_stddev_1h", (0.0, 3.0, 6.0), 3.0),
    (skewness_of("price", over=HOUR), "double", "price_skewness_1h", (0.0, 0.0, 0.0, 4.0), 6 / 3**1.5),
    (skewness_of("price", over=HOUR), "double", "price_skewness_1h", (0.1, 0.1, 0.1), None),
    (kurtosis_of("price", over=HOUR), "double", "price_kurtosis_1h", (0.0, 0.0, 0.0, 4.0), 21 / 9 - 3),
    (first_of("sku", over=HOUR), "string", "sku_first_1h", (None, "b", "a"), "b"),
    (last_of("code", over=HOUR), "bytes", "code_last_1h", (b"x", b"y", None), b"y"),
    (first_n_of("sku", 2, over=HOUR), "array<string>", "sku_first_2_1h", (None, "b", "a", "c"), ["b", "a"]),
    (last_n_of("total", 2, over=HOUR), "array<long>", "total_last_2_1h", (1, 2, None, 2), [2, 2]),
    (last_n_of("paid", 9, over=HOUR), "array<boolean>", "paid_last_9_1h", (True, False), [True, False]),
    (
        last_n_distinct_of("sku", 2, over=HOUR),
        "array<string>",
        "sku_last_2_distinct_1h",
        ("a", "b", "c", "b"),
        ["c", "b"],
    ),
    (distinct_of("sku", over=HOUR), "long", "sku_distinct_1h", ("a", "", "a", None), 2),
    (distinct_of("price", over=HOUR), "long", "price_distinct_1h", (0.0, -0.0, 1.0), 2),
    (quantile_of("price", at=0.5, over=HOUR), "double", "price_p50_1h", (4.0, 1.0, 3.0, 2.0), 2.0),
    (quantile_of("pieces", at=0.999, over=HOUR), "double", "pieces_p99_9_1h", (4, 1), 4.0),
    (top_k_of("sku", 2, over=HOUR), "map<long>", "sku_top_2_1h", ("b", "c", "b", "a"), {"b": 2, "a": 1}),
    (counts_of("paid", over=HOUR), "map<long>", "paid_counts_1h", (True, False, True), {"true": 2, "false": 1}),
    (counts_of("code", over=HOUR), "map<long>", "code_counts_1h", (b"\xff", b""), {"ff": 1, "": 1}),
    (counts_of("total", limit=1, over=HOUR), "map<long>", "total_counts_1h", (7, 7), {"7": 2}),
    (decayed_count(half_life="1s", over=HOUR), "double", "decayed_count_1h", (None, None, None), 1.75),
    (decayed_sum_of("price", half_life="1s", over=HOUR), "double", "price_decayed_sum_1h", (8.0, 4.0, None), 4.0),
    (
        vector_sum_of("place", dimensions=2, over=HOUR),
        "array<double>",
        "place_sum_1h",
        ([1.0, 2.0], [3.0, 4.0]),
        [4.0, 6.0],
    ),
    (
        vector_mean_of("place", dimensions=2, over=HOUR),
        "array<double>",
        "place_mean_1h",
        ([1.0, 2.0], None),
        [1.0, 2.0],
    ),
    (
        vector_decayed_mean_of("place", dimensions=1, half_life="1s", over=HOUR),
        "array<double>",
        "place_decayed_mean_1h",
        ([1.0], [4.0]),
        [3.0],
    ),
]


def plan_of(*features: Aggregation) -> Plan:
    source = EventSource(topic="sales", key="shop", event_time="at", allowed_skew="1s")
    view = FeatureView(name="sales", source=source, features=features, owner="o", description="d")
    return compile_view(view, SALE)


def events(values: Sequence[Value]) -> list[ReferenceEvent]:
    return [ReferenceEvent(NOON + i * S, (value,), offset=i) for i, value in enumerate(values)]


def mistakes(make: Callable[[], Any]) -> str:
    with pytest.raises(DeclarationError) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize(("declared", "kind", "name", "values", "expected"), MEANINGS)
def test_an_aggregate_has_a_name_a_type_and_a_meaning(
    declared: Aggregation, kind: str, name: str, values: Sequence[Value], expected: Value
) -> None:
    plan = plan_of(declared)
    (feature,) = plan.features
    assert (feature.name, feature.type) == (name, kind)
    actual = reference_row(plan, events(values)).values[name]
    assert same_value(feature, expected, actual, events(values)), actual
    assert type(actual) is type(expected)


@pytest.mark.parametrize("declared", [meaning[0] for meaning in MEANINGS if meaning[0].field is not None])
def test_over_no_values_counts_and_sums_are_zero_and_all_else_is_null(declared: Aggregation) -> None:
    plan = plan_of(declared)
    value = reference_row(plan, events([None])).values[plan.features[0].name]
    assert value == AGGREGATES[declared.aggregate].empty


def test_every_aggregate_has_a_meaning_here_but_sketches_and_what_is_made_of_others() -> None:
    elsewhere = {"distinct_sketch", "quantile_sketch", "ratio", "difference"}
    assert {meaning[0].aggregate for meaning in MEANINGS} == set(AGGREGATES) - elsewhere


def test_weights_that_are_null_or_not_positive_are_left_out_and_decimals_are_rounded_to_units() -> None:
    plan = plan_of(top_k_of("sku", 3, weight="price", weight_scale=1, over=HOUR))
    table = [("a", 0.14), ("a", 0.1), ("b", -5.0), ("c", None), ("d", 0.25)]
    sold = [ReferenceEvent(NOON + i * S, row, offset=i) for i, row in enumerate(table)]
    assert plan.features[0].type == "map<double>"
    assert reference_row(plan, sold).values["sku_top_3_by_price_1h"] == {"a": 0.2, "d": 0.2}


def test_categories_beyond_the_limit_are_counted_together_those_of_the_least_hashes_alone() -> None:
    plan = plan_of(counts_of("sku", limit=2, over=HOUR))
    values = ["a", "b", "c", "d", "d", "__other__"]
    kept = sorted("abcd", key=hash_of)[:2]
    expected = {key: values.count(key) for key in kept} | {"__other__": 6 - sum(values.count(key) for key in kept)}
    assert reference_row(plan, events(values)).values["sku_counts_1h"] == expected


def test_categories_are_hashed_as_the_kernel_does() -> None:
    hashes = {"": 0xEFD01F60BA992926, "a": 0x82A2A958A9BECE5B, "grün": 0x33F2BC3A64CFFCB0}
    assert {key: hash_of(key) for key in hashes} == hashes


def test_a_ratio_and_a_difference_are_made_of_features_that_may_be_declared_later() -> None:
    plan = plan_of(
        ratio_of("loss", "count_1h", name="loss_rate"),
        difference_of("price_max_1h", "price_min_1h", name="loss"),
        count_events(over=HOUR),
        max_of("price", over=HOUR),
        min_of("price", over=HOUR),
    )
    sold = events([5.0, 1.0])
    row = reference_row(plan, sold)
    assert [feature.name for feature in plan.features][:2] == ["loss_rate", "loss"]
    assert (row.values["loss"], row.values["loss_rate"]) == (4.0, 2.0)
    assert reference_row(plan, events([None])).values["loss_rate"] is None
    assert not row_mismatch(plan, sold, row, row.values)
    assert "loss_rate is 2.1" in row_mismatch(plan, sold, row, row.values | {"loss_rate": 2.1})


def test_a_ratio_is_null_over_zero_and_where_it_is_not_a_number() -> None:
    plan = plan_of(
        sum_of("price", over=HOUR),
        sum_of("price", over=HOUR, name="again"),
        ratio_of("price_sum_1h", "again_1h", name="r"),
    )
    assert reference_row(plan, events([2.0, -2.0])).values["r"] is None
    assert reference_row(plan, events([1.7e308, 1.7e308])).values["r"] is None


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: first_n_of("sku", 0, over=HOUR), "n: is 0 (choose from 1 to 1000"),
    (lambda: last_n_of("sku", 1001, over=HOUR), "n: is 1001 (choose from 1 to 1000"),
    (lambda: last_n_distinct_of("sku", -1, over=HOUR), "n: is -1 (choose from 1 to 1000"),
    (lambda: top_k_of("sku", 101, over=HOUR), "k: is 101 (choose from 1 to 100"),
    (lambda: top_k_of("sku", 3, weight="price", weight_scale=7, over=HOUR), "weight_scale: is 7 (choose from 0 to 6"),
    (lambda: counts_of("sku", limit=1001, over=HOUR), "limit: is 1001 (choose from 1 to 1000"),
    (lambda: distinct_of("sku", exact_up_to=10_001, over=HOUR), "exact_up_to: is 10001 (choose from 0 to 10000"),
    (lambda: distinct_of("sku", precision=3, over=HOUR), "precision: is 3 (choose from 8 to 16"),
    (lambda: distinct_sketch_of("sku", precision=17, over=HOUR), "precision: is 17 (choose from 8 to 16"),
    (lambda: quantile_of("price", at=[0.5, 1.0], over=HOUR), "at: has 1 (choose between 0 and 1, without either"),
    (lambda: quantile_of("price", at=[], over=HOUR), "at: is empty (give fractions between 0 and 1"),
    (lambda: decayed_count(half_life="500ms", over=HOUR), "half_life: is 500ms (choose from 1s to 400d"),
    (lambda: decayed_sum_of("price", half_life="401d", over=HOUR), "half_life: is 401d (choose from 1s to 400d"),
    (lambda: vector_sum_of("place", dimensions=0, over=HOUR), "dimensions: is 0 (choose from 1 to 4096"),
    (
        lambda: plan_of(quantile_sketch_of("sku", over=HOUR)),
        "quantile_sketch of sku, of type string (choose a field of type double or long)",
    ),
    (lambda: plan_of(counts_of("price", over=HOUR)), "choose a field of type boolean or bytes or long or string"),
    (
        lambda: plan_of(vector_mean_of("price", dimensions=2, over=HOUR)),
        "choose a field of type array of floats or doubles",
    ),
    (lambda: plan_of(sum_of("place", over=HOUR)), "sum of place, of type array"),
    (
        lambda: plan_of(top_k_of("sku", 3, weight="paid", over=HOUR)),
        "its weight paid is of type boolean (choose a number)",
    ),
    (
        lambda: plan_of(
            vector_sum_of("place", dimensions=2, over=HOUR), vector_mean_of("place", dimensions=3, over=HOUR)
        ),
        "of one length only",
    ),
    (
        lambda: plan_of(count_events(over=HOUR), ratio_of("count_1h", "cuont_1h", name="r")),
        "the view has no feature 'cuont_1h' (did you mean 'count_1h'?)",
    ),
    (
        lambda: plan_of(last_of("sku", over=HOUR), ratio_of("sku_last_1h", "sku_last_1h", name="r")),
        "sku_last_1h is of type string (a ratio is made of numbers)",
    ),
    (
        lambda: plan_of(ratio_of("b", "b", name="a"), difference_of("a", "a", name="b")),
        "is made of itself: a -> b -> a",
    ),
    (lambda: plan_of(count_events(over=HOUR), count_of("sku", over=HOUR, name="count")), "give it another name="),
]


@pytest.mark.parametrize(("make", "message"), WRONG)
def test_a_mistake_is_told_when_planned(make: Callable[[], Any], message: str) -> None:
    assert message in mistakes(make)


def test_a_mistake_in_an_input_is_told_once() -> None:
    told = mistakes(lambda: plan_of(sum_of("sku", over=HOUR), ratio_of("sku_sum_1h", "sku_sum_1h", name="r")))
    assert told.count("\n") == 0
    assert "sum of sku, of type string" in told


def test_the_log_holds_arrays_and_maps_as_avro_has_them() -> None:
    plan = plan_of(last_n_of("code", 2, over=HOUR), counts_of("sku", over=HOUR))
    fields = {field["name"]: field for field in log_schema("v", plan.entity, plan.windows, plan.features)["fields"]}
    assert fields["code_last_2_1h"]["type"] == ["null", {"type": "array", "items": "bytes"}]
    assert fields["sku_counts_1h"]["type"] == ["null", {"type": "map", "values": "long"}]
    assert fields["sku_counts_1h"]["default"] is None


def test_exactness_is_what_is_stated_and_no_less() -> None:
    price, sku = [1e9, -1e9, 1.0, 3.0], [f"s{i}" for i in range(300)]
    cases: list[tuple[Aggregation, Sequence[Value], Value, bool]] = [
        (variance_of("price", over=HOUR), price, 5e17, True),
        (variance_of("price", over=HOUR), price, 5e17 * (1 + 1e-8), False),
        (skewness_of("price", over=HOUR), (0.0, 0.0, 3.0), math.sqrt(0.5) + 1e-10, True),
        (skewness_of("price", over=HOUR), (0.0, 0.0, 3.0), math.sqrt(0.5) + 1e-7, False),
        (skewness_of("price", over=HOUR), (0.0, 0.0, 3.0), None, False),
        (distinct_of("sku", exact_up_to=300, over=HOUR), sku, 301, False),
        (distinct_of("sku", exact_up_to=299, over=HOUR), sku, 301, True),
        (distinct_of("sku", exact_up_to=299, over=HOUR), sku, 340, False),
        (quantile_of("total", at=0.5, over=HOUR), list(range(1000)), 520.0, True),
        (quantile_of("total", at=0.5, over=HOUR), list(range(1000)), 520.5, False),
        (quantile_of("total", at=0.5, over=HOUR), list(range(1000)), 550.0, False),
        (quantile_of("total", at=0.5, over=HOUR), list(range(200)), 100.0, False),
        (counts_of("total", over=HOUR), (1, 2), [("1", 1), ("2", 1)], True),
        (vector_sum_of("place", dimensions=2, over=HOUR), ([1.0, 2.0],), [1.0, 2.0 + 1e-10], True),
        (vector_sum_of("place", dimensions=2, over=HOUR), ([1.0, 2.0],), [1.0, 2.1], False),
        (distinct_sketch_of("sku", over=HOUR), sku, b"nonsense", False),
        (distinct_sketch_of("sku", over=HOUR), (None,), None, True),
        (quantile_sketch_of("price", over=HOUR), price, None, False),
    ]
    for declared, values, actual, is_right in cases:
        plan = plan_of(declared)
        expected = reference_row(plan, events(values)).values[plan.features[0].name]
        assert same_value(plan.features[0], expected, actual, events(values)) is is_right, (declared, actual)


def test_beyond_what_fits_the_heaviest_may_be_too_heavy_by_a_stated_part() -> None:
    plan = plan_of(top_k_of("total", 2, over="24h"))
    (feature,) = plan.features
    sold = events([*range(1000), *([7] * 500), *([8] * 400)])
    assert reference_row(plan, sold).values[feature.name] == {"7": 501, "8": 401}
    for actual, is_right in [
        ({"7": 505, "8": 404}, True),
        ({"7": 501, "9": 401}, False),
        ({"7": 520, "8": 401}, False),
    ]:
        assert same_value(feature, {"7": 501, "8": 401}, actual, sold) is is_right
