"""What a fault is: one small class that knows how to cause it, how to end it, and what must hold besides."""

from __future__ import annotations

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Set
from dataclasses import dataclass
from typing import ClassVar

from headwater.pipelines.chaos.lab import Lab

CONSEQUENCES = frozenset(
    {
        "job_down",
        "checkpoints_failing",
        "stuck",
        "online_store_behind",
        "offline_store_behind",
        "rows_fenced",
        "open_transaction",
        "expiry_late",
    }
)
"""Conditions that most faults bring about in the end; all others name a cause, and so are wrong about another fault."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """How long it took from the end of a fault until fresh data flowed again, in seconds; None if it did not.

    Attributes:
        online: until Redis had all of the source up to the end of the fault.
        offline: until Parquet files had rows that are newer than the end of the fault, of every partition.
    """

    online: float | None
    offline: float | None

    @property
    def seconds(self) -> float | None:
        """Until both were so."""
        return None if self.online is None or self.offline is None else max(self.online, self.offline)


class Fault(ABC):
    """One fault, to be caused once.

    Attributes:
        name: what it is asked for by.
        summary: what is done, for a person.
        row: which kind of fault it is one of: its number in the list of what this product must survive.
        loses_rows: whether Redis may lose rows by it, so that versions go back until they are there again.
        seconds: how long it lasts at least.
        tells: the conditions of which one of Headwater's processes must say that they hold while it lasts. Empty where
            a process is away for so short a time that only its absence tells, or where nothing is wrong.
        may_tell: other causes of which one may.
    """

    name: ClassVar[str]
    summary: ClassVar[str]
    row: ClassVar[int]
    loses_rows: ClassVar[bool] = False
    seconds: ClassVar[float] = 0.0
    tells: ClassVar[frozenset[str]] = frozenset()
    may_tell: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, lab: Lab, chance: random.Random) -> None:
        """
        Args:
            lab: what is harmed.
            chance: decides all that is left to chance.
        """
        self.lab = lab
        self.chance = chance

    @abstractmethod
    def inject(self) -> None:
        """Begins the fault."""

    def heal(self) -> None:  # noqa: B027 - most do nothing
        """Ends it. Where nothing is done, the stack gets over it by itself."""

    def broken(self, recovery: Recovery) -> list[str]:  # noqa: ARG002 - most have nothing to add
        """What does not hold that must hold besides, asked once fresh data flow again."""
        return []

    def afterwards(self) -> None:  # noqa: B027 - most do nothing
        """Puts back what was set for this fault and had to stay until fresh data flowed again."""

    @classmethod
    def untold(cls, conditions: Set[str]) -> list[str]:
        """What is wrong with the conditions that were said to hold meanwhile."""
        silent = sorted(cls.tells - conditions)
        misled = sorted(conditions - cls.tells - cls.may_tell - CONSEQUENCES)
        return [
            *([f"nobody said {', '.join(silent)}"] if silent else []),
            *([f"somebody said {', '.join(misled)}, which was not so"] if misled else []),
        ]

    def kill_again_and_again(self, process: str, times: int, longest_pause_seconds: float) -> None:
        """SIGKILL to a process and to those that take its place, each at a moment of its own."""
        for _ in range(times):
            self.lab.kill(process)
            time.sleep(self.chance.uniform(0.1, longest_pause_seconds))


class ProcessAway(Fault):
    """A process is killed and stays away until the fault ends.

    Attributes:
        process: its name in the stack.
    """

    process: ClassVar[str]

    def inject(self) -> None:
        self.lab.hold(self.process)

    def heal(self) -> None:
        self.lab.release(self.process)
