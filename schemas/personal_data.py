"""The policy on personal data: by which aggregates a field of each class may reach a feature."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headwater.schemas.aggregation import AGGREGATES
from headwater.schemas.contracts.findings import Finding
from headwater.schemas.contracts.style import PERSONAL_DATA
from headwater.schemas.lineage import FeatureOrigin

POLICY_FILE = "policy.toml"
"""The reviewed file, beside the terms of the subjects."""

FILTER = "filter"
"""Stands for a field that only decides which events a feature is of."""

_ANY = "any"


class Policy(BaseModel):
    """What is allowed, by class of personal data; what is not named is not.

    Args:
        personal_data: the names of aggregates, `filter`, or `any`, by class.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    personal_data: dict[str, tuple[str, ...]] = Field(default_factory=dict, alias="personal-data")

    def allows(self, origin: FeatureOrigin) -> bool:
        """Whether the field may reach the feature in this way. What is not personal may."""
        of_class = origin.field.personal_data
        allowed = self.personal_data.get(of_class, ())
        return of_class in {"", "none"} or _ANY in allowed or origin.aggregate in allowed


def parse_policy(table: Mapping[str, Any]) -> tuple[Policy, list[Finding]]:
    """The policy of a reviewed file, and what is wrong with it; what is wrong allows nothing."""
    try:
        policy = Policy.model_validate(table)
    except ValidationError as error:
        return Policy(), [
            Finding("personal-data", ".".join(map(str, each["loc"])), str(each["msg"]), "mend the file", POLICY_FILE)
            for each in error.errors()
        ]
    return policy, list(_unknown(policy))


def forbidden(policy: Policy, origins: Iterable[FeatureOrigin]) -> Iterator[tuple[FeatureOrigin, str]]:
    """What reaches a feature though the policy does not allow it, each with how to mend it."""
    for origin in origins:
        if not policy.allows(origin):
            of_class = origin.field.personal_data
            yield (
                origin,
                f"choose another aggregate, or have {origin.aggregate!r} added to {of_class} in {POLICY_FILE}",
            )


def _unknown(policy: Policy) -> Iterator[Finding]:
    names = {*AGGREGATES, FILTER, _ANY}
    for of_class, allowed in policy.personal_data.items():
        path = f'["personal-data"].{of_class}'
        if of_class not in PERSONAL_DATA:
            remedy = f"choose from {', '.join(PERSONAL_DATA)}"
            yield Finding("personal-data", path, f"{of_class!r} is no class of personal data", remedy, POLICY_FILE)
        for name in allowed:
            if name not in names:
                remedy = f"choose from {', '.join(sorted(names))}"
                yield Finding("personal-data", path, f"{name!r} is no aggregate", remedy, POLICY_FILE)
