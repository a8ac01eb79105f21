"""The directory of subjects in git: `<subject>/v<N>.avsc`, and beside them the reviewed files `subjects.toml` and, if
people's data reach features, `policy.toml`."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headwater.schemas.contracts.findings import Finding
from headwater.schemas.contracts.subjects import TERMS_FILE, Subject, Terms, Version, parse_terms
from headwater.schemas.errors import ContractError
from headwater.schemas.personal_data import POLICY_FILE, Policy, parse_policy

_VERSION = re.compile(r"v([1-9]\d*)\.avsc")
_BELOW = (".", "subjects", "schemas/subjects")


@dataclass(frozen=True, slots=True)
class SubjectDirectory:
    """All subjects of a directory, by name, and what was wrong with its files as files."""

    root: Path
    subjects: tuple[Subject, ...]
    findings: tuple[Finding, ...]
    policy: Policy = field(default_factory=Policy)

    def subject(self, name: str) -> Subject:
        """The subject of this name.

        Raises:
            ContractError: there is none; says which there are.
        """
        for subject in self.subjects:
            if subject.name == name:
                return subject
        names = ", ".join(subject.name for subject in self.subjects)
        raise ContractError(f"{self.root} has no subject {name!r}; it has {names}")


def load_subjects(path: Path) -> SubjectDirectory:
    """The subjects in the directory, or in `subjects` or `schemas/subjects` below it.

    Raises:
        ContractError: there is no directory of subjects.
    """
    root = _find_root(path)
    tables, findings = _read_tables(root / TERMS_FILE)
    terms, wrong = parse_terms(tables, TERMS_FILE)
    findings += wrong
    subjects = []
    for folder in sorted(each for each in root.iterdir() if each.is_dir() and not each.name.startswith(("_", "."))):
        versions = _read_versions(folder, findings)
        if versions:
            subjects.append(Subject(folder.name, terms.get(folder.name), versions))
    for name in sorted(tables.keys() - {subject.name for subject in subjects}):
        what = f"there is no schema in {name}/"
        findings.append(Finding("published", f'["{name}"]', what, f"write {name}/v1.avsc", TERMS_FILE))
    policy, wrong = _read_policy(root / POLICY_FILE)
    return SubjectDirectory(root, tuple(subjects), (*findings, *wrong), policy)


def declared_terms(root: Path, subject: str) -> Terms | None:
    """The terms of one subject in the reviewed file of the directory, if they are there and valid."""
    tables, _ = _read_tables(root / TERMS_FILE)
    terms, _ = parse_terms(tables, TERMS_FILE)
    return terms.get(subject)


def seal(root: Path, digests: Mapping[str, Mapping[str, str]]) -> None:
    """Adds the digests of versions, by subject, to the reviewed file, and changes nothing else in it.

    Raises:
        ContractError: the file is written in a way that this cannot add to; says what to add by hand.
    """
    file = root / TERMS_FILE
    text = file.read_text(encoding="utf-8")
    wanted = tomllib.loads(text)
    for subject, versions in digests.items():
        wanted[subject].setdefault("published", {}).update(versions)
        text = _with_digests(text, subject, [f'{version} = "{digest}"' for version, digest in versions.items()])
    try:
        written = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        written = {}
    if written != wanted:
        lines = [f'["{subject}".published] {dict(versions)}' for subject, versions in digests.items()]
        raise ContractError("\n".join((f"{file} cannot be added to; write this into it:", *lines)))
    beside = file.with_suffix(".new")
    beside.write_text(text, encoding="utf-8")
    beside.replace(file)


def _with_digests(text: str, subject: str, added: list[str]) -> str:
    lines = text.splitlines()
    own = _table(lines, rf'\[\s*"{re.escape(subject)}"\s*\.\s*published\s*\]')
    if own is None:
        own = _table(lines, rf'\[\s*"{re.escape(subject)}"\s*\]')
        added = ["", f'["{subject}".published]', *added]
    if own is not None:
        lines[own:own] = added
    return "\n".join(lines) + "\n"


def _table(lines: list[str], header: str) -> int | None:
    """The line after the last one with content of the table with this header."""
    start = next((index for index, line in enumerate(lines) if re.match(header, line.strip())), None)
    if start is None:
        return None
    end = next((index for index in range(start + 1, len(lines)) if lines[index].strip().startswith("[")), len(lines))
    while end > start + 1 and (not lines[end - 1].strip() or lines[end - 1].strip().startswith("#")):
        end -= 1
    return end


def _find_root(path: Path) -> Path:
    for below in _BELOW:
        root = path / below
        if (root / TERMS_FILE).is_file() or any(root.glob("*/v*.avsc")):
            return root
    raise ContractError(f"there are no subjects in {path}: write <subject>/v1.avsc and {TERMS_FILE} there")


def _read_tables(file: Path) -> tuple[dict[str, Any], list[Finding]]:
    try:
        tables = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        remedy = "write it: for each subject a table with owner and compatibility"
        return {}, [Finding("published", "", f"there is no {TERMS_FILE} in {file.parent}", remedy, TERMS_FILE)]
    except (OSError, ValueError) as error:
        return {}, [_unreadable(error, TERMS_FILE)]
    return tables, []


def _read_policy(file: Path) -> tuple[Policy, list[Finding]]:
    if not file.exists():
        return Policy(), []
    try:
        return parse_policy(tomllib.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:
        return Policy(), [_unreadable(error, POLICY_FILE)]


def _unreadable(error: Exception, file: str) -> Finding:
    return Finding("published", "", f"cannot be read as TOML: {error}", "mend the file", file)


def _read_versions(folder: Path, findings: list[Finding]) -> tuple[Version, ...]:
    versions = []
    for file in sorted(folder.iterdir()):
        name = f"{folder.name}/{file.name}"
        match = _VERSION.fullmatch(file.name)
        if match is None:
            if file.suffix == ".avsc":
                findings.append(Finding("naming", "", "is not named like a version", "name it v1.avsc or so", name))
            continue
        try:
            versions.append(Version(int(match[1]), json.loads(file.read_text(encoding="utf-8")), name))
        except (OSError, ValueError) as error:
            findings.append(Finding("avro", "", f"cannot be read as JSON: {error}", "mend the file", name))
    return tuple(sorted(versions, key=lambda version: version.number))
