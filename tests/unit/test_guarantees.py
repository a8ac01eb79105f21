"""The page of guarantees names only tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

from headwater.pipelines.chaos import FAULTS

ROOT = Path(__file__).parents[2]


def test_every_test_that_shows_a_guarantee_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", (ROOT / "pipelines" / "guarantees.md").read_text(encoding="utf-8")))
    there = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)\(", file.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert named
    assert named <= there


def test_every_fault_that_shows_a_guarantee_is_there() -> None:
    named = set(re.findall(r"`([a-z]+-[a-z-]+)`", (ROOT / "pipelines" / "guarantees.md").read_text(encoding="utf-8")))
    assert named
    assert named <= FAULTS.keys()
