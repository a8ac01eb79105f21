"""A subject as it stands in git: all versions of its schema, and the terms that a person has reviewed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from headwater.schemas.contracts.findings import WAIVABLE, Finding, Rule
from headwater.schemas.contracts.levels import Level

TERMS_FILE = "subjects.toml"
"""The reviewed file of a directory of subjects: a table for each subject, by its name."""

_VERSION_KEY = re.compile(r"v[1-9]\d*")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


def _digests(published: dict[str, str]) -> dict[str, str]:
    for key, value in published.items():
        if not _VERSION_KEY.fullmatch(key) or not _DIGEST.fullmatch(value):
            raise ValueError(f'{key} = "{value}" is not a version and its digest; `check --seal` writes them')
    return published


def _waivable(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    firm = [rule for rule in rules if rule not in WAIVABLE]
    if firm:
        raise ValueError(f"{', '.join(firm)} cannot be waived, only {', '.join(WAIVABLE)}")
    return rules


class Terms(BaseModel):
    """What is agreed on a subject.

    Args:
        owner: who answers for it.
        domain: the part of the business that it belongs to.
        compatibility: the level at which its versions are compatible, here and in the registry.
        published: the digest of every version, by `v1`, `v2` and so on.
        waive: rules that do not hold for this subject, since it is older than they are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    owner: str = Field(min_length=1)
    domain: str | None = Field(None, min_length=1)
    compatibility: Level
    published: Annotated[dict[str, str], AfterValidator(_digests)] = Field(default_factory=dict)
    waive: Annotated[tuple[Rule, ...], AfterValidator(_waivable)] = ()


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a subject's schema, as JSON, and the file it stands in."""

    number: int
    schema: Any
    file: str


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject's versions, oldest first, and its terms: None if there are none that can be read."""

    name: str
    terms: Terms | None
    versions: tuple[Version, ...]

    @property
    def newest(self) -> Version:
        return self.versions[-1]


def parse_terms(tables: Mapping[str, Any], file: str) -> tuple[dict[str, Terms], list[Finding]]:
    """The terms of each subject in the reviewed file, and what is wrong with the others."""
    terms: dict[str, Terms] = {}
    findings = []
    for subject, table in tables.items():
        try:
            terms[subject] = Terms.model_validate(table)
        except ValidationError as error:
            for detail in error.errors():
                path = ".".join((f'["{subject}"]', *map(str, detail["loc"])))
                what = str(detail["msg"]).removeprefix("Value error, ")
                findings.append(Finding("published", path, what, "mend the file", file))
    return terms, findings
