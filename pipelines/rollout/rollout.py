"""A rollout: what becomes of every view and what is to be done for it, as a file that is reviewed, then carried out."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from headwater.pipelines.rollout.actions import Action
from headwater.schemas.errors import FormatError, SettingsError
from headwater.schemas.evolution.changes import Verdict
from headwater.schemas.evolution.findings import Change


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ViewRollout(_Part):
    """One view.

    Attributes:
        deployed, declared: its generations; None if it is not.
        refusals: why it cannot be deployed as it is declared; nothing is carried out then.
        costs: what the change costs, as far as it can be known.
        notes: what else there is to know, such as names that the processes will use.
    """

    view: str
    verdict: Verdict
    deployed: int | None
    declared: int | None
    changes: tuple[Change, ...]
    refusals: tuple[str, ...]
    actions: tuple[Action, ...]
    costs: tuple[str, ...]
    notes: tuple[str, ...]


class Rollout(_Part):
    """All views that are declared or deployed, by name.

    `cluster` and `registry` are where it was planned for.
    """

    format: int = 1
    cluster: str
    registry: str
    views: tuple[ViewRollout, ...]

    @property
    def actions(self) -> tuple[Action, ...]:
        """All that is to be done, in order."""
        return tuple(action for view in self.views for action in view.actions)

    @property
    def refusals(self) -> tuple[str, ...]:
        """Why it cannot be carried out."""
        return tuple(f"{view.view}: {refusal}" for view in self.views for refusal in view.refusals)

    def to_json(self) -> str:
        """What `from_file` reads."""
        return self.model_dump_json(by_alias=True, indent=2) + "\n"

    def digest(self) -> str:
        """SHA-256 of the JSON, in hexadecimal."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    @classmethod
    def from_file(cls, file: Path) -> Rollout:
        """The rollout that `headwater plan --out` wrote.

        Raises:
            SettingsError: there is no such file.
            FormatError: it is no rollout.
        """
        try:
            return cls.model_validate_json(file.read_bytes())
        except OSError as error:
            raise SettingsError(f"{file}: {error.strerror}; `headwater plan --out {file}` writes one") from error
        except ValidationError as error:
            raise FormatError(f"{file} is not what `headwater plan --out` writes: {error}") from error
