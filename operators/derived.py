"""What follows from stored values alone: features made of others, and decay since a row's clock."""

from __future__ import annotations

import math
from collections.abc import Mapping, MutableMapping
from typing import Any

from headwater.schemas.plan import Feature, Plan

DECAYING = ("decayed_count", "decayed_sum")


def derive(plan: Plan, values: MutableMapping[str, Any]) -> None:
    """Sets the view's ratios and differences to what follows from the values of its other features."""
    for feature in in_order(plan):
        values[feature.name] = derived(plan, feature, values)


def derived(plan: Plan, feature: Feature, values: Mapping[str, Any]) -> float | None:
    """A ratio or a difference of the values that its inputs have.

    Null where an input is null, where a denominator is 0 and where the result is not a number.
    """
    first, second = (values[plan.features[number].name] for number in feature.inputs or ())
    if first is None or second is None:
        return None
    a, b = float(first), float(second)
    if feature.aggregate == "ratio" and b == 0:
        return None
    result = a / b if feature.aggregate == "ratio" else a - b
    return None if math.isnan(result) else result


def in_order(plan: Plan) -> list[Feature]:
    """The features that are made of others, each behind its inputs."""
    ordered: list[Feature] = []
    waiting = [feature for feature in plan.features if feature.inputs is not None]
    while waiting:
        names = {feature.name for feature in waiting}
        ready = [
            feature
            for feature in waiting
            if not names & {plan.features[number].name for number in feature.inputs or ()}
        ]
        ordered += ready
        waiting = [feature for feature in waiting if feature not in ready]
    return ordered


def decayed(feature: Feature, value: float, passed_us: int) -> float:
    """What is left of a decayed value so many microseconds later."""
    return float(value * 2.0 ** (-passed_us / (1000 * (feature.half_life_ms or 1))))
