"""A row that stands in a store against the reference over the events that it may be made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from headwater.operators.reference import row_of
from headwater.operators.reference_copies import PossibleEvents
from headwater.operators.reference_exactness import FeatureMismatch, feature_mismatches
from headwater.schemas.plan import AggregateName, Plan

MOST_CHOICES = 500
"""Of the copies that may have counted; more are not tried."""

_OF_A_SET: frozenset[AggregateName] = frozenset(
    ("min", "max", "first", "last", "last_n_distinct", "distinct", "distinct_sketch")
)
"""What these say of events does not depend on how often each counts."""


def definition_of(row: Mapping[str, Any], plan: Plan, others: Sequence[Plan]) -> Plan:
    """The plan that a row was written under: the first of the others whose further features it has, else `plan`.

    Args:
        others: compatible definitions of the same generation, whose further features are never null.
    """
    known = {feature.name for feature in plan.features}
    for other in others:
        if all(row.get(feature.name) is not None for feature in other.features if feature.name not in known):
            return other
    return plan


class RowDifferences(NamedTuple):
    """What in a stored row is not as the reference says: its version, or, where that is right, its features."""

    version: str = ""
    features: tuple[FeatureMismatch, ...] = ()

    def __str__(self) -> str:
        return self.version or "".join(map(str, self.features[:1]))


def row_difference(possible: PossibleEvents, row: Mapping[str, Any]) -> str:
    """The first of `row_differences`, as a sentence; empty if there is none."""
    return str(row_differences(possible, row))


def row_differences(possible: PossibleEvents, row: Mapping[str, Any]) -> RowDifferences:
    """What in a stored row is not as the reference says.

    Where copies may have counted again, the row must be right for one choice of those that did. If there are more than
    MOST_CHOICES, only the features are compared that copies do not change.

    Args:
        possible: what the row may be made of, at the clock that it must have.
        row: the stored row's fields; the clock in microseconds.
    """
    plan, version = possible.plan, (row["generation"], row["clock"], row["n"])
    if version[:2] != (plan.generation, possible.clock_us) or not possible.fewest <= row["n"] <= possible.most:
        fewest = f"{(plan.generation, possible.clock_us, possible.fewest)}"
        more = f", or n up to {possible.most}" if possible.most > possible.fewest else ""
        return RowDifferences(version=f"version {version} instead of {fewest}{more}")
    differences = RowDifferences()
    for tried, events in enumerate(possible.of(row["n"]), start=1):
        if tried > MOST_CHOICES:
            unmoved = [feature for feature in plan.features if feature.aggregate in _OF_A_SET]
            plan = plan.model_copy(update={"features": tuple(unmoved)})
        found = tuple(feature_mismatches(plan, events, row_of(plan, events, possible.clock_us), row))
        if not found:
            return RowDifferences()
        if not differences.features:
            differences = RowDifferences(features=found)
        if tried > MOST_CHOICES:
            return RowDifferences(features=found)
    return differences
