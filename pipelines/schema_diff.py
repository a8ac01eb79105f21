"""Two schemas of a subject, from git, a file or the registry, and what lies between them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.pipelines.declarations import survey_plans
from headwater.pipelines.registry import Registry
from headwater.pipelines.subject_files import SubjectDirectory
from headwater.schemas.contracts.consequences import Side, ViewConsequence, view_consequence
from headwater.schemas.contracts.subjects import Subject
from headwater.schemas.errors import ContractError

_GIT = re.compile(r"v(\d+)")
_REGISTERED = re.compile(r"registry(?::(\d+))?")

OpenRegistry = Callable[[], Registry]


@dataclass(frozen=True, slots=True)
class NamedSchema:
    """A schema as JSON, and what it is called."""

    name: str
    schema: Any


def schema_of(subject: Subject, text: str, open_registry: OpenRegistry) -> NamedSchema:
    """The schema that is meant by `v2`, `registry`, `registry:2` or the path of a file.

    Raises:
        ContractError: there is no such schema.
        RegistryError: the registry cannot be reached or refuses.
    """
    version, registered = _GIT.fullmatch(text), _REGISTERED.fullmatch(text)
    if version:
        for each in subject.versions:
            if each.number == int(version[1]):
                return NamedSchema(text, each.schema)
        raise ContractError(f"{subject.name} has no {text}; its newest version is v{subject.newest.number}")
    if registered:
        return _registered(subject.name, registered[1], open_registry)
    try:
        return NamedSchema(text, json.loads(Path(text).read_text(encoding="utf-8")))
    except FileNotFoundError as error:
        raise ContractError(f"{text}: give a version such as v1, `registry`, `registry:1` or an Avro file") from error
    except (OSError, ValueError) as error:
        raise ContractError(f"{text}: cannot be read as JSON: {error}") from error


def view_consequences(
    directory: SubjectDirectory, views: Path, subject: str, old: NamedSchema, new: NamedSchema
) -> list[ViewConsequence]:
    """What the change means for each view found there that reads the subject.

    Raises:
        ContractError: a schema is not valid Avro.
    """
    before, mistakes_before = survey_plans(views, directory.root, {subject: old.schema})
    after, mistakes_after = survey_plans(views, directory.root, {subject: new.schema})
    plans = {view.plan.view: view.plan for view in before}
    old_side, new_side = Side.of(old.name, old.schema), Side.of(new.name, new.schema)
    found = []
    for view in after:
        known = plans.get(view.plan.view)
        if not any(source.subject == subject for source in view.plan.sources):
            continue
        if known is None:
            effects = (f"it compiles with {new.name}, but not with {old.name}",)
            found.append(ViewConsequence(view.plan.view, breaks=False, effects=effects))
        else:
            found.append(view_consequence(subject, old_side, new_side, known, view.plan))
    broken: dict[str, list[str]] = {}
    for mistake in mistakes_after:
        if mistake not in mistakes_before:
            told = f"{mistake.place}: {mistake.what} ({mistake.remedy or 'change it'})"
            broken.setdefault(mistake.view or mistake.where, []).append(told)
    return [*found, *(ViewConsequence(name, breaks=True, effects=tuple(what)) for name, what in broken.items())]


def _registered(subject: str, number: str | None, open_registry: OpenRegistry) -> NamedSchema:
    with open_registry() as registry:
        versions = registry.subject(subject).versions
        url = registry.url
    for each in reversed(versions):
        if number is None or each.number == int(number):
            return NamedSchema(f"registry:{each.number}", each.schema)
    wanted = "version" if number is None else f"version {number}"
    raise ContractError(f"the registry {url} has no {wanted} of {subject}")
