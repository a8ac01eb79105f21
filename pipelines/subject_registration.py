"""Bringing a registry to what git says: every look first, then step by step, each of which may be the last one.

What is to be done follows from what the registry has, so a run that was cut short is completed by the next.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from headwater.pipelines.registry import Registry
from headwater.schemas.contracts.findings import Finding
from headwater.schemas.contracts.output import Output, output_contradictions, output_steps, registered_id
from headwater.schemas.contracts.reconcile import (
    RegisteredSubject,
    SetLevel,
    Step,
    contradictions,
    differences,
    steps,
)
from headwater.schemas.contracts.subjects import Subject
from headwater.schemas.errors import DeclarationError, RegistryError


@dataclass(frozen=True, slots=True)
class RegisteredId:
    """The id under which events name one version of a subject's schema."""

    subject: str
    version: str
    schema_id: int


def _silent(_step: Step, _schema_id: int | None) -> None:
    """For those who want no progress."""


def steps_to_register(registry: Registry, subjects: Sequence[Subject], outputs: Sequence[Output] = ()) -> list[Step]:
    """All that is to be done so that the registry has every version of these subjects, and these outputs of views.

    Raises:
        DeclarationError: the registry contradicts git; with every contradiction, and nothing may be done then.
        RegistryError: the registry cannot be reached or refuses.
    """
    found: list[Finding] = []
    todo: list[Step] = []
    for subject in subjects:
        if subject.terms is not None:
            there = registry.subject(subject.name)
            found += contradictions(subject, there)
            todo += steps(subject, subject.terms.compatibility, there)
    for output in outputs:
        there = registry.subject(output.subject)
        found += output_contradictions(output, there)
        todo += output_steps(output, there)
    if found:
        raise DeclarationError([finding.as_mistake() for finding in found])
    return todo


def carry_out(registry: Registry, todo: Sequence[Step], done: Callable[[Step, int | None], None] = _silent) -> None:
    """Takes the steps in their order, and says of each that it is done, with the id of a schema.

    Raises:
        ContractError: the registry refuses a schema; the steps before it stay, and are not repeated by the next run.
        RegistryError: the registry cannot be reached or refuses.
    """
    for step in todo:
        if isinstance(step, SetLevel):
            registry.set_compatibility(step.subject, step.level)
            done(step, None)
        else:
            done(step, registry.register(step.subject, step.schema))


def registered_ids(
    registry: Registry, subjects: Sequence[Subject], outputs: Sequence[Output] = ()
) -> list[RegisteredId]:
    """The ids of all versions and outputs, read back from the registry.

    Raises:
        RegistryError: it does not have what was registered, as when another process registers at the same time.
    """
    found: list[RegisteredId] = []
    for subject in subjects:
        there = registry.subject(subject.name)
        wrong = _differences(subject, there)
        if wrong:
            raise RegistryError(f"{registry.url}: {subject.name}: {wrong[0].what}; run this again")
        found += [
            RegisteredId(subject.name, f"v{ours.number}", theirs.schema_id)
            for ours, theirs in zip(subject.versions, there.versions, strict=True)
        ]
    for output in outputs:
        schema_id = registered_id(output, registry.subject(output.subject))
        if schema_id is None:
            raise RegistryError(f"{registry.url}: {output.subject} lost what was registered; run this again")
        found.append(RegisteredId(output.subject, f"what {output.view} writes", schema_id))
    return found


def registry_findings(registry: Registry, subjects: Sequence[Subject]) -> list[Finding]:
    """Everything in which the registry is not what git says: versions, texts, references, levels.

    Raises:
        RegistryError: the registry cannot be reached or refuses.
    """
    return [finding for subject in subjects for finding in _differences(subject, registry.subject(subject.name))]


def _differences(subject: Subject, there: RegisteredSubject) -> list[Finding]:
    return [] if subject.terms is None else differences(subject, subject.terms.compatibility, there)
