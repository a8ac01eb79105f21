"""What the values mean, written so plainly that it can only be right.

It keeps every event, filters and aggregates. It is the specification that the kernel is held to and
the oracle of every comparison, so it shares no window code with the kernel and takes no short cut
that would need an argument. `reference_windows` tells what windows hold, `reference_aggregates` what
aggregates are. Times are microseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headwater.operators.derived import derive
from headwater.operators.reference_aggregates import Value, value_of
from headwater.operators.reference_windows import empty_at, events_in, next_change, start, ticks
from headwater.schemas.plan import Plan


@dataclass(frozen=True, slots=True)
class ReferenceEvent:
    """One valid event of one key; `values` holds one value per column of the plan, a vector as a list of floats.

    `index` is its place in the array that its record was exploded from.
    """

    time_us: int
    values: tuple[Value, ...]
    ingested_at_ms: int = 0
    source: int = 0
    partition: int = 0
    offset: int = 0
    id: bytes = b""
    index: int = 0

    @property
    def identity(self) -> tuple[object, ...]:
        """What copies of the event have in common: source, time, place in an exploded array, and id; else its place."""
        return (self.source, self.time_us, self.index, self.id or (self.partition, self.offset))

    @property
    def order(self) -> tuple[int, bytes, int, int, int, int]:
        """Where the event stands among the events of its key: by time, then by its id if it has one, else its place.

        Copies of an event stand in different partitions, so with an id its place says nothing.
        """
        partition, offset = (0, 0) if self.id else (self.partition, self.offset)
        return (self.time_us, self.id, self.source, partition, offset, self.index)


@dataclass(frozen=True, slots=True)
class ReferenceRow:
    """The row of a key: its version (generation, clock, n), values by feature name, and changes by window name."""

    generation: int
    clock_us: int
    n: int
    values: dict[str, Value]
    event_time_us: int
    ingested_at_ms: int
    next_change_us: dict[str, int | None]
    empty_at_us: dict[str, int | None]


def reference_row(plan: Plan, events: Iterable[ReferenceEvent], watermark_us: int | None = None) -> ReferenceRow:
    """The row of a key with these events, once the watermark has passed `watermark_us` (None: it never moved).

    Raises:
        ValueError: there is no event, hence no row.
    """
    events = list(events)
    return row_at(plan, events, clock_of(plan, events, watermark_us))


def row_at(plan: Plan, events: Iterable[ReferenceEvent], clock_us: int) -> ReferenceRow:
    """The row of a key with these events, of whose copies one counts, when its clock stands at `clock_us`.

    Raises:
        ValueError: there is no event, or one is later than the clock.
    """
    return row_of(plan, distinct_events(events), clock_us)


def row_of(plan: Plan, events: Iterable[ReferenceEvent], clock_us: int) -> ReferenceRow:
    """The row in which each of these events counts, copies too; `reference_copies` tells which those may be.

    Raises:
        ValueError: there is no event, or one is later than the clock.
    """
    events = sorted(events, key=lambda event: event.order)
    if not events or events[-1].time_us > clock_us:
        raise ValueError("a row needs events, and a clock that is not before them")
    earliest = reach(plan, clock_us)
    inside = [events_in(plan, window, events, clock_us) for window in plan.windows]
    return ReferenceRow(
        generation=plan.generation,
        clock_us=clock_us,
        n=sum(event.time_us >= earliest for event in events),
        values=_values(plan, inside, clock_us),
        event_time_us=events[-1].time_us,
        ingested_at_ms=max(event.ingested_at_ms for event in events),
        next_change_us={window.name: next_change(plan, window, events, clock_us) for window in plan.windows},
        empty_at_us={window.name: empty_at(plan, window, events, clock_us) for window in plan.windows},
    )


def _values(plan: Plan, inside: Sequence[Sequence[ReferenceEvent]], clock_us: int) -> dict[str, Value]:
    values: dict[str, Value] = {
        feature.name: None if feature.window is None else value_of(feature, inside[feature.window], clock_us)
        for feature in plan.features
    }
    derive(plan, values)
    return values


def distinct_events(events: Iterable[ReferenceEvent]) -> list[ReferenceEvent]:
    """The events without copies: of each identity the first. `reference_copies` tells of those behind a horizon."""
    first: dict[object, ReferenceEvent] = {}
    for event in events:
        first.setdefault(event.identity, event)
    return list(first.values())


def clock_of(plan: Plan, events: Sequence[ReferenceEvent], watermark_us: int | None) -> int:
    """The larger of the greatest event time and the latest tick that the watermark has passed.

    Raises:
        ValueError: there is no event.
    """
    clock = max(event.time_us for event in events)
    if watermark_us is None:
        return clock
    passed = (tick for event in events for window in plan.windows for tick in ticks(plan, window, event))
    return max(clock, max((each for each in passed if each <= watermark_us), default=clock))


def reach(plan: Plan, clock_us: int) -> int:
    """The earliest event time that any window holds at this clock; older events matter to nothing."""
    return min(start(plan, window, clock_us) for window in plan.windows)
