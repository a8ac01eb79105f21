"""The runbook says only what commands and values there are; what takes helm is in `tests/more/test_runbook.py`."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.command_lines import parameters
from tests.dockerfile import ROOT
from tests.runbook import PAGES, Command, commands

KNOWN = {"headwater", "helm", "kubectl", "aws", "redis-cli", "kafka-configs.sh", "kafka-acls.sh", "export", "git"}
STEPS = ("install", "upgrade", "roll-back", "rescale", "restore", "rotate-secrets", "replace-redis", "move-region")


def test_each_step_has_its_page_with_commands_and_says_what_was_not_run() -> None:
    index = (PAGES / "README.md").read_text()
    for step in STEPS:
        page = PAGES / f"{step}.md"
        assert f"({page.name})" in index
        assert commands(page=page)
        assert "ot run" in page.read_text()
    assert {each.program for each in commands()} <= KNOWN


@pytest.mark.parametrize("command", commands("headwater"), ids=lambda each: " ".join(each.words[1:4]))
def test_each_command_of_headwater_is_one(command: Command) -> None:
    assert parameters(command.words)


def test_each_test_that_is_named_exists_and_each_link_leads_somewhere() -> None:
    tests = "\n".join(file.read_text() for file in (ROOT / "tests").rglob("test_*.py"))
    for page in PAGES.glob("*.md"):
        text = page.read_text()
        for file in re.findall(r"`(tests/\S+\.py)`", text):
            assert (ROOT / file).is_file(), file
        for name in re.findall(r"`(test_[a-z0-9_]+)`", text):
            assert f"def {name}(" in tests, name
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
            assert (page.parent / target).resolve().exists(), target


def test_each_value_that_is_set_is_one_of_the_charts() -> None:
    schema = json.loads((ROOT / "helm/headwater/values.schema.json").read_text())
    for command in commands("helm"):
        for each in (*command.options("--set"), *command.options("--set-file")):
            at: Any = schema
            for part in re.split(r"(?<!\\)\.", each.split("=", 1)[0]):
                at = schema["definitions"][at["$ref"].rpartition("/")[2]] if "$ref" in at else at
                at = at.get("properties", {}).get(part) or at["additionalProperties"]
                assert isinstance(at, dict), each
