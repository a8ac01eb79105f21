"""What tests ask of the Dockerfile: its stages, and what each of their instructions says."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Instruction:
    """`COPY --from=x a b` is name COPY, flags {"from": "x"} and words [a, b]; the text has all of it."""

    name: str
    text: str

    @property
    def flags(self) -> dict[str, str]:
        return dict(re.findall(r"--([a-z]+)=(\S+)", self.text))

    @property
    def words(self) -> list[str]:
        return [word for word in shlex.split(self.text) if not word.startswith("--")]


@dataclass(frozen=True)
class Stage:
    """A stage, by the name that it has or its base image."""

    name: str
    base: str
    instructions: tuple[Instruction, ...]

    def all(self, name: str) -> list[Instruction]:
        return [each for each in self.instructions if each.name == name]

    @property
    def environment(self) -> dict[str, str]:
        return dict(word.split("=", 1) for each in self.all("ENV") for word in each.words)


def stages() -> list[Stage]:
    """The stages of the Dockerfile, the last of which is the image."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE).replace("\\\n", " ")
    instructions = [Instruction(*line.split(None, 1)) for line in text.splitlines() if line.strip()]
    starts = [number for number, each in enumerate(instructions) if each.name == "FROM"]
    ends = [*starts[1:], len(instructions)]
    return [_stage(instructions[start:end]) for start, end in zip(starts, ends, strict=True)]


def copied(stage: Stage) -> list[tuple[str, str]]:
    """What the stage copies from the checkout, and where to: (source, target) for each."""
    found = []
    for each in stage.all("COPY"):
        if "from" not in each.flags:
            *sources, target = each.words
            found += [(source, f"{target}{source}" if target.endswith("/") else target) for source in sources]
    return found


def _stage(instructions: list[Instruction]) -> Stage:
    base, *name = re.split(r"\s+AS\s+", instructions[0].text)
    return Stage(name[0] if name else base, base, tuple(instructions[1:]))
