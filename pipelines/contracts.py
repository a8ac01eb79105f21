"""Avro files as data contracts: `subjects/<subject>/v<N>.avsc` below the directories that are searched."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headwater.pipelines.subject_files import declared_terms
from headwater.schemas.contracts.levels import Level
from headwater.schemas.errors import ContractError

BUNDLED = Path(__file__).resolve().parent.parent / "schemas"

_VERSION = re.compile(r"v(\d+)\.avsc")
_BELOW = ("subjects", "schemas/subjects", "schemas", ".")


@dataclass(frozen=True, slots=True)
class Contract:
    """All versions of a subject's schema, oldest first, as parsed JSON, with the files they came from.

    `level` is the compatibility level that `subjects.toml` beside them declares; None if it does not.
    """

    subject: str
    files: tuple[Path, ...]
    schemas: tuple[dict[str, Any], ...]
    level: Level | None = None

    @property
    def newest(self) -> dict[str, Any]:
        return self.schemas[-1]

    def with_newest(self, schema: dict[str, Any]) -> Contract:
        """The contract with another schema in place of the newest."""
        return replace(self, schemas=(*self.schemas[:-1], schema))


def find_contract(subject: str, roots: Sequence[Path]) -> Contract:
    """The subject's schema files in the first of the roots that has any.

    In each root these are looked for: `subjects/<subject>/v<N>.avsc`, the same below `schemas/`, or a single
    `<subject>.avsc` in place of the folder.

    Raises:
        ContractError: there is none, or a file is not JSON; says where it was looked for.
    """
    places = [root / below for root in roots for below in _BELOW]
    for place in places:
        files = sorted((place / subject).glob("v*.avsc"), key=_version) or sorted(place.glob(f"{subject}.avsc"))
        if files:
            terms = declared_terms(place, subject)
            level = terms.compatibility if terms else None
            return Contract(subject, tuple(files), tuple(_read(file) for file in files), level)
    looked_in = ", ".join(sorted({str(place.resolve()) for place in places}))
    raise ContractError(
        f"no Avro file for subject {subject!r} in {looked_in}; write {roots[0] / 'subjects' / subject / 'v1.avsc'}"
    )


def _version(file: Path) -> int:
    match = _VERSION.fullmatch(file.name)
    if match is None:
        raise ContractError(f"{file}: schema files are named v1.avsc, v2.avsc and so on")
    return int(match[1])


def _read(file: Path) -> dict[str, Any]:
    try:
        schema = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ContractError(f"{file}: cannot be read as JSON: {error}") from error
    if not isinstance(schema, dict):
        raise ContractError(f"{file}: an event schema is an Avro record, not {type(schema).__name__}")
    return schema
