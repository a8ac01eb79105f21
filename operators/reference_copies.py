"""How often the events of a key may count where copies are recognised no further back than a horizon.

A copy counts again if its key's clock had left it further behind than the horizon when it came. What the clock was then
depends on how the partitions of the sources were interleaved, and on watermarks, which no topic tells. So an
approximate view has no one right row for its events, but an honest bound: the clock of a key was no less than the
greatest event time that its own partition had brought before, and no greater than it is now.

* Within the horizon of the clock that the key has now, an event counts once, however many copies of it there are.
* Behind it, each copy counts that its own partition is sure to have made late enough, and of the others one at least.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from headwater.operators.reference import ReferenceEvent, reach
from headwater.schemas.plan import Plan


@dataclass(slots=True)
class _Copies:
    """An event that came once or more, and whether it is behind the horizon, where copies count again."""

    event: ReferenceEvent
    recurs: bool
    late: int = 0
    """The copies that are sure to have come when the event was behind the horizon already."""
    unsure: int = 0

    @property
    def fewest(self) -> int:
        return self.late + min(1, self.unsure) if self.recurs else 1

    @property
    def most(self) -> int:
        return self.late + self.unsure if self.recurs else 1


class PossibleEvents:
    """The events of a key that have come by some clock of it, and what numbers n they allow its row to have there."""

    def __init__(self, plan: Plan, clock_us: int, events: Sequence[ReferenceEvent] = ()) -> None:
        """
        Args:
            plan: the view's plan.
            clock_us: the clock of the key when its row was made.
            events: all that the row may be made of, copies too.
        """
        self.plan, self.clock_us = plan, clock_us
        self.fewest, self.most = 0, 0
        self._earliest_us = reach(plan, clock_us)
        self._horizon_us = None if plan.deduplication is None else plan.deduplication.horizon_ms * 1000
        self._copies: dict[object, _Copies] = {}
        self._newest_us: dict[tuple[int, int], int] = {}
        for event in sorted(events, key=lambda event: (event.offset, event.index)):
            self.add(event)

    def add(self, event: ReferenceEvent) -> None:
        """One more event or copy has come, behind all that were added of its partition."""
        inside = event.time_us >= self._earliest_us
        copies = self._copies.get(event.identity)
        if copies is None:
            recurs = inside and self._is_behind(event, self.clock_us)
            copies = self._copies[event.identity] = _Copies(event, recurs)
            before = (0, 0)
        else:
            before = (copies.fewest, copies.most)
        partition = (event.source, event.partition)
        newest_us = self._newest_us[partition] = max(event.time_us, self._newest_us.get(partition, 0))
        if self._is_behind(event, newest_us):
            copies.late += 1
        else:
            copies.unsure += 1
        self.fewest += inside * (copies.fewest - before[0])
        self.most += inside * (copies.most - before[1])

    def of(self, n: int) -> Iterator[list[ReferenceEvent]]:
        """Each choice of events, every one as often as it counts, of which n are within reach of the clock."""
        certain = [copies.event for copies in self._copies.values() for _ in range(copies.fewest)]
        open_ = [(copies.event, copies.most - copies.fewest) for copies in self._copies.values()]
        for more in _choices([each for each in open_ if each[1]], n - self.fewest):
            yield certain + more

    def _is_behind(self, event: ReferenceEvent, clock_us: int) -> bool:
        return self._horizon_us is not None and clock_us - event.time_us > self._horizon_us


def _choices(open_: Sequence[tuple[ReferenceEvent, int]], number: int) -> Iterator[list[ReferenceEvent]]:
    """Every choice of so many of the events, each at most as often as it says."""
    if number == 0:
        yield []
    if number <= 0 or sum(most for _, most in open_) < number:
        return
    event, most = open_[0]
    for times in range(min(most, number) + 1):
        for others in _choices(open_[1:], number - times):
            yield [event] * times + others
