"""What documents, the chart and compose tell people to type is a command with options that it has."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.command_lines import parameters
from tests.dockerfile import ROOT

FENCED = re.compile(r"^```\w*\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def told(file: Path) -> list[str]:
    """The lines that begin with headwater: in the code blocks of a page, or anywhere in another file."""
    text = file.read_text()
    blocks = FENCED.findall(text) if file.suffix == ".md" else [text]
    return [line for block in blocks for line in re.findall(r"^(?:#? *)(headwater [a-z].*)$", block, re.MULTILINE)]


CHART = ROOT / "helm/headwater"
PAGES = [
    *(ROOT / "README.md", ROOT / "docker-compose.yml", CHART / "README.md", CHART / "templates/NOTES.txt"),
    *(CHART / "examples").iterdir(),
    *(file for room in ("schemas", "pipelines") for file in sorted((ROOT / room).rglob("*.md"))),
]
LINES = [(file.relative_to(ROOT).as_posix(), line) for file in PAGES for line in told(file)]


def test_there_are_some_in_each_place_where_people_look_first() -> None:
    assert {"README.md", "docker-compose.yml", "helm/headwater/README.md", "helm/headwater/templates/NOTES.txt"} <= {
        file for file, _ in LINES
    }


@pytest.mark.parametrize(("file", "line"), LINES, ids=[line.partition("  ")[0] for _, line in LINES])
def test_each_is_a_command_with_options_that_it_has(file: str, line: str) -> None:
    assert parameters(shlex.split(line.rstrip("\\"), comments=True)), file
