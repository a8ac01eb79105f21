"""Command lines of headwater that stand in documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.main import get_command

from headwater.pipelines.cli import app


def parameters(words: Sequence[str]) -> dict[str, Any]:
    """What a command line, `headwater` its first word, gives to its command, defaults included; fails if it is none."""
    found, rest = get_command(app), list(words[1:])
    while hasattr(found, "commands"):
        found = found.commands[rest.pop(0)]
    context: Any = found.make_context(" ".join(words), rest)
    given: dict[str, Any] = context.params
    return given
