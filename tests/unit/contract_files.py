"""Directories of subjects, and views on them, for tests."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from headwater.pipelines.schema_checks import check_directory
from headwater.pipelines.subject_files import load_subjects
from headwater.schemas.contracts.canonical import digest

SUBJECT = "clicks-value"

VIEWS = """
from headwater.schemas import EventSource, FeatureView, count_events, mean_of

clicks = EventSource(topic="clicks", key="user", event_time="clicked_at", event_time_unit="ms", allowed_skew="10s")
user_clicks = FeatureView(
    name="user_clicks", source=clicks, owner="o", description="d", domain="web",
    features=[count_events(over="5m"), mean_of("spent", over="5m")],
)
"""


def field(name: str, type_: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, "doc": f"The {name}.", "headwater.pii": "none", **more}


USER = field("user", "long")
CLICKED_AT = field("clicked_at", "long")
SPENT = field("spent", "int")


def click(*fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An event's schema that breaks no rule, with these fields in place of what was spent."""
    return {"type": "record", "name": "Click", "namespace": "web", **more, "fields": [USER, CLICKED_AT, *fields]}


def write_subject(
    root: Path,
    schemas: Sequence[Any],
    *,
    level: str = "NONE",
    subject: str = SUBJECT,
    sealed: bool = True,
    more: str = "",
) -> Path:
    """Writes the versions of a subject, and adds its terms to the reviewed file; returns the directory of subjects."""
    (root / subject).mkdir(parents=True, exist_ok=True)
    lines = [f'["{subject}"]', 'owner = "web@shop.example"', 'domain = "web"', f'compatibility = "{level}"', more]
    if sealed:
        lines.append(f'["{subject}".published]')
    for number, schema in enumerate(schemas, start=1):
        (root / subject / f"v{number}.avsc").write_text(json.dumps(schema))
        if sealed:
            lines.append(f'v{number} = "{digest(schema)}"')
    with (root / "subjects.toml").open("a") as file:
        file.write("\n".join(lines) + "\n")
    return root


def findings(root: Path) -> list[str]:
    """What the check finds in a directory of subjects: where, JSON path, what."""
    return [f"{each.where} {each.path}: {each.what}" for each in check_directory(load_subjects(root))]


def write_views(directory: Path, text: str = VIEWS) -> Path:
    directory.mkdir(exist_ok=True)
    (directory / "views.py").write_text(text)
    return directory
