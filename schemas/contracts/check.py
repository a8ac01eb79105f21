"""All that is wrong with a subject in git, told at once."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.schemas.contracts.canonical import digest, same, same_but_for_texts
from headwater.schemas.contracts.findings import Finding
from headwater.schemas.contracts.levels import Level, promised
from headwater.schemas.contracts.parse import parse
from headwater.schemas.contracts.resolution import Break, breaks
from headwater.schemas.contracts.style import (
    doc_findings,
    naming_findings,
    personal_data_findings,
    subject_findings,
)
from headwater.schemas.contracts.subjects import TERMS_FILE, Subject
from headwater.schemas.contracts.types import AvroType, Record


def check_subject(subject: Subject) -> list[Finding]:
    """Every finding in the subject's name, terms and versions, without those of rules that its terms waive."""
    findings = [finding.at(subject.name) for finding in subject_findings(subject.name)]
    types: dict[int, AvroType] = {}
    for version in subject.versions:
        root, faults = parse(version.schema)
        findings += [finding.at(version.file) for finding in faults]
        if root is not None and not faults:
            types[version.number] = root
            findings += [finding.at(version.file) for finding in _style(subject, root)]
    findings += _numbering(subject)
    findings += _repetitions(subject)
    if subject.terms is None:
        remedy = f'add a table ["{subject.name}"] with owner and compatibility to {TERMS_FILE}'
        findings.append(Finding("published", "", f"{subject.name} has no terms", remedy, subject.name))
        return findings
    if subject.terms.domain is None:
        remedy = f'say it in {TERMS_FILE}, such as domain = "growth"'
        findings.append(Finding("domain", "", f"{subject.name} belongs to no domain", remedy, subject.name))
    findings += _published(subject, subject.terms.published)
    findings += _incompatibilities(subject, subject.terms.compatibility, types)
    waived = subject.terms.waive
    return [finding for finding in findings if finding.rule not in waived]


def unsealed(subject: Subject) -> dict[str, str]:
    """The digests that the terms lack: those of versions that nobody has published yet."""
    published = {} if subject.terms is None else subject.terms.published
    keys = {f"v{version.number}": version.schema for version in subject.versions}
    return {key: digest(schema) for key, schema in keys.items() if key not in published}


def _style(subject: Subject, root: AvroType) -> Iterator[Finding]:
    if subject.name.endswith("-value") and not isinstance(root, Record):
        yield Finding("avro", root.path, f"is {root}, but events are records", "put it into a field of a record")
    yield from naming_findings(root)
    yield from doc_findings(root)
    yield from personal_data_findings(root)


def _numbering(subject: Subject) -> Iterator[Finding]:
    for expected, version in enumerate(subject.versions, start=1):
        if version.number != expected:
            what = f"v{version.number} follows v{expected - 1}" if expected > 1 else "the first version is not v1"
            yield Finding("published", "", what, f"name it v{expected}.avsc", version.file)
            return


def _repetitions(subject: Subject) -> Iterator[Finding]:
    for index, version in enumerate(subject.versions):
        for older in subject.versions[:index]:
            if same(older.schema, version.schema):
                what = f"is the same schema as v{older.number}; a registry takes no schema twice"
                yield Finding("published", "$", what, "remove it, or change what is to be changed", version.file)
            elif same_but_for_texts(older.schema, version.schema):
                what = f"differs from v{older.number} in docs or aliases only; Apicurio takes both for one schema"
                remedy = f'add an attribute to the schema that tells them apart: "headwater.version": {version.number}'
                yield Finding("published", "$", what, remedy, version.file)


def _published(subject: Subject, published: dict[str, str]) -> Iterator[Finding]:
    there = {f"v{version.number}": version for version in subject.versions}
    for key, version in there.items():
        if key not in published:
            what = f"{key} has no digest in {TERMS_FILE}"
            yield Finding("published", "", what, "seal it: `headwater schemas check --seal`", version.file)
        elif published[key] != digest(version.schema):
            what = f"{key} was edited after it was published"
            remedy = (
                f"restore it, and write v{len(there) + 1}.avsc; if it was never registered, remove its digest from "
                f"{TERMS_FILE} and seal it again"
            )
            yield Finding("published", "$", what, remedy, version.file)
    for key in sorted(published.keys() - there.keys()):
        what = f"{key} of {subject.name} was published, but {key}.avsc is gone"
        yield Finding("published", "", what, "restore the file: its events may be there still", subject.name)


def _incompatibilities(subject: Subject, level: Level, types: dict[int, AvroType]) -> Iterator[Finding]:
    """Every broken promise of the level, in the newer version's file; one that breaks with several versions once."""
    files = {version.number: version.file for version in subject.versions}
    found: dict[tuple[bool, int, Break], list[int]] = {}
    for promise in promised(level, [number for number in files if number in types]):
        older, newer = sorted(promise)
        for each in breaks(types[promise.reader], types[promise.writer]):
            found.setdefault((promise.reader == newer, newer, each), []).append(older)
    for (newer_reads, newer, each), olders in found.items():
        old = " and ".join(f"v{number}" for number in olders)
        new = f"v{newer}"
        sentence = broken_promise(each, *((new, old) if newer_reads else (old, new)))
        path, old_path = (each.reader_path, each.writer_path) if newer_reads else (each.writer_path, each.reader_path)
        what = f"{sentence} ({level}; in {old} at {old_path})"
        yield Finding("compatibility", path, what, each.remedy, files[newer])


def broken_promise(found: Break, reader: str, writer: str) -> str:
    """Which reader cannot read which writer, and why."""
    fails = "cannot read" if found.kind == "unreadable" else "misread"
    return f"readers of {reader} {fails} what {writer} writes: {'.'.join(found.field) or 'it'} {found.what}"
