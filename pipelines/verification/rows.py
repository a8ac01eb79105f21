"""A row that stands in a store against the reference over the events that it may be made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headwater.operators.reference import row_of
from headwater.operators.reference_copies import PossibleEvents
from headwater.operators.reference_exactness import row_mismatch
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


def row_difference(possible: PossibleEvents, row: Mapping[str, Any]) -> str:
    """What in a stored row is not as the reference says; empty if all is.

    Where copies may have counted again, the row must be right for one choice of those that did. If there are more than
    MOST_CHOICES, only the features are compared that copies do not change.

    Args:
        possible: what the row may be made of, at the clock that it must have.
        row: the stored row's fields; the clock in microseconds.
    """
    plan, version = possible.plan, (row["generation"], row["clock"], row["n"])
    if version[:2] != (plan.generation, possible.clock_us) or not possible.fewest <= row["n"] <= possible.most:
        fewest = f"{(plan.generation, possible.clock_us, possible.fewest)}"
        return f"version {version} instead of {fewest}" + (
            f", or n up to {possible.most}" if possible.most > possible.fewest else ""
        )
    difference = ""
    for tried, events in enumerate(possible.of(row["n"]), start=1):
        if tried > MOST_CHOICES:
            unmoved = [feature for feature in plan.features if feature.aggregate in _OF_A_SET]
            plan = plan.model_copy(update={"features": tuple(unmoved)})
        found = row_mismatch(plan, events, row_of(plan, events, possible.clock_us), row)
        if not found:
            return ""
        difference = difference or found
        if tried > MOST_CHOICES:
            return found
    return difference
