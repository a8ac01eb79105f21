"""Compatibility levels: which version must be able to read which, as Confluent's registry defines them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, NamedTuple

Level = Literal[
    "NONE",
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
]

MEANINGS: dict[Level, str] = {
    "NONE": "nothing is promised",
    "BACKWARD": "readers of a version read events of the version before: readers go first",
    "BACKWARD_TRANSITIVE": "readers of a version read events of all earlier versions: readers go first",
    "FORWARD": "readers of the version before read events of a version: writers go first",
    "FORWARD_TRANSITIVE": "readers of all earlier versions read events of a version: writers go first",
    "FULL": "a version and the one before read each other's events: either may go first",
    "FULL_TRANSITIVE": "all versions read each other's events: either may go first",
}


class Reading(NamedTuple):
    """One promise of a level: readers of the one version read events of the other, by their numbers."""

    reader: int
    writer: int


def promised(level: Level, versions: list[int]) -> Iterator[Reading]:
    """What the level promises of these versions, oldest first."""
    for index, new in enumerate(versions):
        older = versions[:index] if level.endswith("_TRANSITIVE") else versions[max(index - 1, 0) : index]
        for old in older:
            if level.startswith(("BACKWARD", "FULL")):
                yield Reading(reader=new, writer=old)
            if level.startswith(("FORWARD", "FULL")):
                yield Reading(reader=old, writer=new)
