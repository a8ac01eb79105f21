"""The subjects that a view's job writes: their schemas are made from the view, not kept as files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from headwater.schemas.contracts.canonical import same_but_for_texts
from headwater.schemas.contracts.check import broken_promise
from headwater.schemas.contracts.findings import Finding
from headwater.schemas.contracts.levels import Level
from headwater.schemas.contracts.parse import parse
from headwater.schemas.contracts.reconcile import RegisteredSubject, RegisterSchema, Step, level_steps
from headwater.schemas.contracts.resolution import breaks
from headwater.schemas.contracts.style import doc_findings, subject_findings
from headwater.schemas.dead_letter import DEAD_LETTER_SCHEMA
from headwater.schemas.plan import Plan

LEVEL: Level = "FULL_TRANSITIVE"
"""Readers of any version can read rows of any version."""


@dataclass(frozen=True, slots=True)
class Output:
    """A subject that a view's job writes, and the schema that it writes with now."""

    view: str
    subject: str
    schema: Mapping[str, Any]


def outputs_of(plan: Plan) -> tuple[Output, Output, Output]:
    """The view's log, dead letters and late events."""
    return (
        Output(plan.view, plan.log.subject, plan.log.schema_),
        Output(plan.view, plan.dead_letters.subject, DEAD_LETTER_SCHEMA),
        Output(plan.view, plan.late.subject, DEAD_LETTER_SCHEMA),
    )


def output_findings(output: Output) -> list[Finding]:
    """What is wrong with an output as Avro, and fields without doc. Its names are the view's, who declares them."""
    root, found = parse(output.schema)
    found = [*subject_findings(output.subject), *found]
    if root is not None:
        found += doc_findings(root)
    return [finding.at(f"view {output.view} {output.subject}") for finding in found]


def output_steps(output: Output, registered: RegisteredSubject) -> list[Step]:
    """What must be done so that the job can write; empty if nothing. Earlier schemas of the view stay registered."""
    wanted = level_steps(output.subject, LEVEL, registered)
    if registered_id(output, registered) is None:
        wanted.append(RegisterSchema(output.subject, f"what {output.view} writes", output.schema))
    return wanted


def registered_id(output: Output, registered: RegisteredSubject) -> int | None:
    """The id of the schema that the job writes with, or of one that differs in texts only; None if there is none."""
    ids = (version.schema_id for version in registered.versions if same_but_for_texts(output.schema, version.schema))
    return next(ids, None)


def output_contradictions(output: Output, registered: RegisteredSubject) -> list[Finding]:
    """Why rows of this schema cannot join what is registered: one of the two cannot be read with the other."""
    new, _ = parse(output.schema)
    found: dict[Finding, None] = {}
    for version in registered.versions:
        old, _ = parse(version.schema)
        if new is None or old is None or same_but_for_texts(output.schema, version.schema):
            continue
        name = f"the registered version {version.number}"
        reasons = [
            *(broken_promise(each, "the view's new rows", name) for each in breaks(new, old)),
            *(broken_promise(each, name, "the view's job") for each in breaks(old, new)),
        ]
        for what in reasons:
            remedy = "raise the view's generation, so that it gets a log of its own"
            found[Finding("registry", "", what, remedy, f"view {output.view} {output.subject}")] = None
    return list(found)
