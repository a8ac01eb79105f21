"""The tables of pipelines/metrics.md, read."""

from __future__ import annotations

import re
from typing import NamedTuple

from tests.dockerfile import ROOT


class Row(NamedTuple):
    """One metric as the page tells of it."""

    name: str
    type: str
    unit: str
    labels: tuple[str, ...]
    meaning: str


def _sections() -> dict[str, list[Row]]:
    text = (ROOT / "pipelines/metrics.md").read_text(encoding="utf-8")
    found = dict[str, list[Row]]()
    for part in text.split("\n## ")[1:]:
        title, _, body = part.partition("\n")
        rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \| (.*) \|$", body, re.MULTILINE)
        found[title] = [
            Row(name, kind, unit, tuple(labels.split(", ")), said) for name, kind, unit, labels, said in rows
        ]
    return found


SECTIONS = _sections()
"""The rows by the section that they stand in."""


def known_names() -> set[str]:
    """Every name that a query may have: a histogram has three."""
    rows = [row for section in SECTIONS.values() for row in section]
    plain = {row.name for row in rows if row.type != "histogram"}
    return plain | {
        f"{row.name}{end}" for row in rows if row.type == "histogram" for end in ("_bucket", "_sum", "_count")
    }
