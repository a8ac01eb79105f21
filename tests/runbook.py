"""The commands in the runbook of the chart, as a shell would take them apart."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.dockerfile import ROOT

PAGES = ROOT / "helm/headwater/runbook"


@dataclass(frozen=True)
class Command:
    """A line of a shell block: where it stands, and its words."""

    page: str
    words: tuple[str, ...]

    @property
    def program(self) -> str:
        return self.words[0]

    @property
    def within(self) -> tuple[Command, ...]:
        """What it runs in a pod, behind two dashes."""
        if self.program != "kubectl" or "--" not in self.words:
            return ()
        return (Command(self.page, self.words[self.words.index("--") + 1 :]),)

    def options(self, name: str) -> list[str]:
        """What follows each option of this name."""
        return [value for word, value in zip(self.words, self.words[1:], strict=False) if word == name]


def commands(program: str = "", page: Path | None = None) -> list[Command]:
    """All commands, or those of one program or page."""
    found = []
    for file in [page] if page else sorted(PAGES.glob("*.md")):
        for block in re.findall(r"^ *```sh\n(.*?)^ *```$", file.read_text(), re.MULTILINE | re.DOTALL):
            lines = [Command(file.name, tuple(shlex.split(line))) for line in block.splitlines() if line.strip()]
            found += [each for line in lines for each in (line, *line.within)]
    return [each for each in found if each.program == program or not program]
