"""What a job wrote that went on from an older savepoint later: its rows and letters may stand in a topic once more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from typing import TypeVar

from headwater.pipelines.dead_letters.letter import Position

Item = TypeVar("Item")


class Replays:
    """The offsets of output topics that a job wrote after the savepoint, and before it was ended and restored."""

    def __init__(self) -> None:
        self._ranges: dict[tuple[str, int], list[range]] = {}

    def add(self, topic: str, start: Mapping[int, int], end: Mapping[int, int]) -> None:
        """What stands in the topic from `start` up to `end`, by partition, was written by events that came again."""
        for partition, offset in end.items():
            self._ranges.setdefault((topic, partition), []).append(range(start.get(partition, 0), offset))

    def hold(self, place: Position) -> bool:
        """Whether what stands there may stand elsewhere as well."""
        return any(place.offset in each for each in self._ranges.get((place.topic, place.partition), ()))

    def without_repeated(
        self, items: Iterable[Item], place: Callable[[Item], Position], identity: Callable[[Item], Hashable]
    ) -> list[Item]:
        """Those items that are not repeated by others of their identity, as far as a replay explains it."""
        items = list(items)
        times = Counter(identity(item) for item in items)
        kept = []
        for item in items:
            if times[identity(item)] > 1 and self.hold(place(item)):
                times[identity(item)] -= 1
            else:
                kept.append(item)
        return kept
