"""All that `headwater schemas check` finds: in the files, in the views that read them, and in what views write."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from headwater.pipelines.declarations import CompiledView, survey_plans
from headwater.pipelines.registry import Registry
from headwater.pipelines.subject_files import SubjectDirectory, load_subjects, seal
from headwater.pipelines.subject_registration import registry_findings
from headwater.schemas.contracts.check import broken_promise, check_subject, unsealed
from headwater.schemas.contracts.findings import Finding
from headwater.schemas.contracts.output import Output, output_contradictions, output_findings, outputs_of
from headwater.schemas.contracts.parse import parse
from headwater.schemas.contracts.subjects import Subject
from headwater.schemas.contracts.views import breaks_of_view
from headwater.schemas.errors import Mistake
from headwater.schemas.lineage import lineage_of
from headwater.schemas.personal_data import forbidden


def check_directory(directory: SubjectDirectory) -> list[Finding]:
    """Every finding in the files of the directory."""
    return [*directory.findings, *(finding for subject in directory.subjects for finding in check_subject(subject))]


def seal_directory(directory: SubjectDirectory) -> tuple[SubjectDirectory, dict[str, dict[str, str]]]:
    """Writes the digests of versions that have none into the reviewed file, if nothing else is wrong.

    Returns:
        The directory as it is now, and the digests that were added, by subject and version.

    Raises:
        ContractError: the file cannot be added to; says what to add by hand.
    """
    added = {subject.name: unsealed(subject) for subject in directory.subjects if unsealed(subject)}
    sealed = replace(directory, subjects=tuple(map(_sealed, directory.subjects)))
    if not added or check_directory(sealed):
        return directory, {}
    seal(directory.root, added)
    return load_subjects(directory.root), added


def check_views(directory: SubjectDirectory, path: Path) -> tuple[list[CompiledView], list[Finding]]:
    """The views found there that compile, and every finding: those that break, and those that cannot read old events.

    Args:
        path: a file or directory of declarations, as `headwater compile` takes it.
    """
    views, mistakes = survey_plans(path, directory.root)
    findings = [_blamed(directory, path, mistake) for mistake in mistakes]
    for view in views:
        for source in view.plan.sources:
            for subject in directory.subjects:
                if subject.name == source.subject:
                    findings += _unreadable(view, subject)
        findings += _ungoverned(directory, view)
    findings += [finding for output in outputs(views) for finding in output_findings(output)]
    return views, findings


def check_registry(registry: Registry, directory: SubjectDirectory, views: Sequence[CompiledView]) -> list[Finding]:
    """Where the registry differs from git, and what it has that the rows of these views could not join.

    Raises:
        RegistryError: the registry cannot be reached or refuses.
    """
    findings = registry_findings(registry, directory.subjects)
    for output in outputs(views):
        findings += output_contradictions(output, registry.subject(output.subject))
    return findings


def outputs(views: Sequence[CompiledView]) -> list[Output]:
    """What the jobs of these views write."""
    return [output for view in views for output in outputs_of(view.plan)]


def _ungoverned(directory: SubjectDirectory, view: CompiledView) -> Iterator[Finding]:
    """What a view does not say of itself, and the personal data that the policy keeps from its features."""
    where = f"{view.file.name} view {view.plan.view}"
    if view.plan.domain is None:
        yield Finding("domain", "", "belongs to no domain", 'say domain="growth" or the like in the view', where)
    for origin, remedy in forbidden(directory.policy, lineage_of(view.plan).features):
        field = origin.field
        what = f"{field.name} of {field.topic} is {field.personal_data}, and reaches it as {origin.aggregate}"
        yield Finding("personal-data", "", what, remedy, f"{where} features.{origin.feature}")


def _sealed(subject: Subject) -> Subject:
    if subject.terms is None:
        return subject
    terms = subject.terms.model_copy(update={"published": {**subject.terms.published, **unsealed(subject)}})
    return replace(subject, terms=terms)


def _blamed(directory: SubjectDirectory, path: Path, mistake: Mistake) -> Finding:
    """The mistake in a view as a finding, that names the version of a schema that brought it, if one did."""
    where = " ".join(part for part in (mistake.where, mistake.view and f"view {mistake.view}", mistake.place) if part)
    for subject in directory.subjects:
        if len(subject.versions) > 1:
            _, before = survey_plans(path, directory.root, {subject.name: subject.versions[-2].schema})
            if mistake not in before:
                what = f"{subject.newest.file} breaks it: {mistake.what}"
                remedy = f"keep what it needs, or change the view first ({mistake.remedy or 'then the schema'})"
                return Finding("views", "", what, remedy, where)
    return Finding("views", "", mistake.what, mistake.remedy, where)


def _unreadable(view: CompiledView, subject: Subject) -> Iterator[Finding]:
    """Older events stand in the topic still, and a new generation of the view reads them all."""
    for version in subject.versions[:-1]:
        writer, faults = parse(version.schema)
        if writer is None or faults:
            continue
        for found, uses in breaks_of_view(view.plan, subject.name, writer):
            field = ".".join(found.field)
            promise = broken_promise(found, subject.newest.file, f"v{version.number}")
            what = f"{promise}; of the view this costs {uses}"
            where = f"{view.file.name} view {view.plan.view} field {field}"
            yield Finding("views", found.writer_path, what, found.remedy, where)
