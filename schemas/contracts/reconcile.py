"""What a registry must be told so that it has what git has, and where it contradicts git.

Steps follow from what is registered alone. So a registration that was cut short is completed by the next one, and one
that finds all done does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headwater.schemas.contracts.canonical import same
from headwater.schemas.contracts.findings import Finding
from headwater.schemas.contracts.levels import Level
from headwater.schemas.contracts.subjects import Subject

_REGISTER = "`headwater schemas register` does it"


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version as a registry has it. `references` are the subjects of other schemas that it needs."""

    number: int
    schema_id: int
    schema: Any
    references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RegisteredSubject:
    """A subject as a registry has it: its own level, None if it has none, and its versions, oldest first."""

    level: str | None
    versions: tuple[RegisteredVersion, ...]


@dataclass(frozen=True, slots=True)
class SetLevel:
    """Let the registry hold the subject to a level; `was` is the one it had of its own."""

    subject: str
    level: Level
    was: str | None

    def __str__(self) -> str:
        return f"set the level {self.level}" + (f" in place of {self.was}" if self.was else "")


@dataclass(frozen=True, slots=True)
class RegisterSchema:
    """Register one schema; `version` is what git calls it."""

    subject: str
    version: str
    schema: Any

    def __str__(self) -> str:
        return f"register {self.version}"


Step = SetLevel | RegisterSchema


def contradictions(subject: Subject, registered: RegisteredSubject) -> list[Finding]:
    """Where the registry has what git has not: an edited version, one of another origin, references."""
    return list(_contradictions(subject, registered))


def steps(subject: Subject, level: Level, registered: RegisteredSubject) -> list[Step]:
    """What must be done, in this order; empty if nothing. To be asked only where there are no contradictions."""
    missing = subject.versions[len(registered.versions) :]
    wanted = [RegisterSchema(subject.name, f"v{version.number}", version.schema) for version in missing]
    return [*level_steps(subject.name, level, registered), *wanted]


def level_steps(subject: str, level: Level, registered: RegisteredSubject) -> list[Step]:
    """What must be done so that the subject has its level; empty if nothing."""
    return [] if registered.level == level else [SetLevel(subject, level, registered.level)]


def differences(subject: Subject, level: Level, registered: RegisteredSubject) -> list[Finding]:
    """Everything in which the registry is not what git says."""
    found = contradictions(subject, registered)
    if registered.level != level and (registered.versions or registered.level):
        what = f"its level is {registered.level or 'the default of the registry'}, not {level}"
        found.append(_finding(subject, what, _REGISTER))
    for version in subject.versions[len(registered.versions) :]:
        found.append(_finding(subject, f"v{version.number} is not registered", _REGISTER))
    return found


def _contradictions(subject: Subject, registered: RegisteredSubject) -> Iterator[Finding]:
    for ours, theirs in zip(subject.versions, registered.versions, strict=False):
        name = f"version {theirs.number} (id {theirs.schema_id})"
        if theirs.references:
            what = f"{name} refers to {', '.join(theirs.references)}, but {ours.file} stands alone"
            yield _finding(subject, what, "registered schemas are whole: find out who registered it")
        elif not same(ours.schema, theirs.schema):
            what = f"{name} is not the schema of {ours.file}"
            remedy = f"restore the file as it was registered (`headwater schemas diff {subject.name} registry:"
            yield _finding(subject, what, f"{remedy}{theirs.number} v{ours.number}`), and write a new version")
    for theirs in registered.versions[len(subject.versions) :]:
        what = f"version {theirs.number} (id {theirs.schema_id}) is registered, but not in git"
        yield _finding(subject, what, f"write it as v{len(subject.versions) + 1}.avsc, or find out who registered it")


def _finding(subject: Subject, what: str, remedy: str) -> Finding:
    return Finding("registry", "", what, remedy, subject.name)
