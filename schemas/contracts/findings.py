"""What can be wrong with a data contract."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from headwater.schemas.errors import Mistake

Rule = Literal["avro", "naming", "docs", "personal-data", "domain", "compatibility", "published", "views", "registry"]
"""The rule that a finding breaks."""

WAIVABLE: tuple[Rule, ...] = ("naming", "docs", "personal-data", "domain")
"""Rules that the reviewed file may waive for a subject that was there before them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong.

    Attributes:
        rule: what it breaks.
        path: where it stands in the schema, as a JSON path; empty if not in a schema.
        what, remedy: what is wrong, and how to mend it.
        where: the file, subject or view that is wrong; empty as long as only the schema is known.
    """

    rule: Rule
    path: str
    what: str
    remedy: str
    where: str = ""

    def at(self, where: str) -> Finding:
        """The same finding, in this file, subject or view."""
        return replace(self, where=where)

    def as_mistake(self) -> Mistake:
        """The finding as one of the mistakes that an error carries."""
        return Mistake(f"{self.where} {self.path}".strip(), self.what, self.remedy)
