"""What happens to a job, as a list that may be cut anywhere and still makes sense: events, watermarks, crashes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from headwater.operators.reference import ReferenceEvent
from headwater.schemas.plan import Plan
from tests.properties.harness import Op, event_op

LAST_WATERMARK_MS = 2**63 - 1
AFTER_ALL_MS = 20_000
"""Longer than any emission interval."""


@dataclass(frozen=True)
class Arrival:
    """An event of a key comes; it has a value for each of `names`."""

    key: bytes
    event: ReferenceEvent
    names: tuple[str, ...]

    def of(self, plan: Plan) -> Arrival:
        """The same with the values that the plan has columns for."""
        by_name = dict(zip(self.names, self.event.values, strict=True))
        names = tuple(column.name for column in plan.columns)
        return Arrival(self.key, replace(self.event, values=tuple(by_name[name] for name in names)), names)


@dataclass(frozen=True)
class Watermark:
    ms: int


@dataclass(frozen=True)
class WallTime:
    ms: int


@dataclass(frozen=True)
class Checkpoint:
    label: int


@dataclass(frozen=True)
class Crash:
    """The job ends, and starts again from a checkpoint, or from nothing, with so many subtasks."""

    label: int | None
    parallelism: int
    wall_ms: int


Step = Arrival | Watermark | WallTime | Checkpoint | Crash


@dataclass(frozen=True)
class Program:
    """Steps in their order. Whatever has come by the end counts; what a crash undoes comes again before the end."""

    steps: tuple[Step, ...]
    parallelism: int = 1
    wall_ms: int = 0
    backend: Literal["hashmap", "rocksdb"] = "hashmap"
    bounded: bool = False
    """Whether the sources end, so that Flink sends its last watermark and finishes the job."""

    def of(self, plan: Plan) -> Program:
        """The same with events of this plan."""
        steps = (step.of(plan) if isinstance(step, Arrival) else step for step in self.steps)
        return replace(self, steps=tuple(steps))

    def with_a_crash_halfway(self, parallelism: int) -> Program:
        """The same with a checkpoint in the middle, and right behind it a crash that so many subtasks go on from."""
        half = len(self.steps) // 2
        restart = (Checkpoint(0), Crash(0, parallelism, self.wall_ms))
        return replace(self, steps=(*self.steps[:half], *restart, *self.steps[half:]))

    def events(self) -> dict[bytes, list[ReferenceEvent]]:
        """All events by key."""
        found: dict[bytes, dict[ReferenceEvent, None]] = {}
        for step in self.steps:
            if isinstance(step, Arrival):
                found.setdefault(step.key, {})[step.event] = None
        return {key: list(events) for key, events in found.items()}


@dataclass(frozen=True)
class Arrived:
    """How far time had come when an event came."""

    watermark_ms: int | None
    """Of the attempt that it came to."""
    seen_ms: int | None
    """The greatest that made the state of this attempt what it is."""


Held = Mapping[ReferenceEvent, Arrived]
"""Events in the order in which they came."""


@dataclass
class Moment:
    """What the job holds after an operation."""

    held: dict[bytes, Held] = field(default_factory=dict)
    """The events of each key."""
    watermark_ms: int | None = None
    """Of this attempt."""
    seen_ms: int | None = None
    """The greatest watermark that made its state what it is, in this attempt or in those whose checkpoint it took."""
    wall_ms: int = 0
    attempt: int = 0


@dataclass
class Timeline:
    """A program as it is run: the operations, and the moment after each."""

    ops: list[Op] = field(default_factory=list)
    moments: list[Moment] = field(default_factory=list)
    crashes: list[tuple[int, int]] = field(default_factory=list)
    """The operation that is a crash, and the one that took the checkpoint it restored; -1: none."""
    checkpoints: list[int] = field(default_factory=list)
    """The operations that took a checkpoint."""


def timeline(program: Program) -> Timeline:
    """The operations of the program, without those that cannot happen, and with the replays that are missing."""
    run = Timeline()
    now = Moment(wall_ms=program.wall_ms)
    taken: dict[int, tuple[int, int, Moment]] = {}

    def happen(op: Op) -> None:
        run.ops.append(op)
        run.moments.append(replace(now, held=dict(now.held)))

    def arrive(arrival: Arrival) -> None:
        held = now.held.get(arrival.key, {})
        if arrival.event not in held:
            now.held[arrival.key] = {**held, arrival.event: Arrived(now.watermark_ms, now.seen_ms)}
            happen(event_op(arrival.key, arrival.event))

    for step in program.steps:
        match step:
            case Arrival():
                arrive(step)
            case Watermark(ms):
                if now.watermark_ms is None or ms > now.watermark_ms:
                    now.watermark_ms, now.seen_ms = ms, max(ms, now.seen_ms or 0)
                    happen(["watermark", ms])
            case WallTime(ms):
                if ms > now.wall_ms:
                    now.wall_ms = ms
                    happen(["processing_time", ms])
            case Checkpoint(label):
                happen(["checkpoint"])
                taken[label] = (len(taken), len(run.ops) - 1, run.moments[-1])
                run.checkpoints.append(len(run.ops) - 1)
            case Crash(label, parallelism, wall_ms):
                number, op, then = taken.get(-1 if label is None else label, (-1, -1, Moment()))
                now = Moment(dict(then.held), None, then.seen_ms, wall_ms, now.attempt + 1)
                run.crashes.append((len(run.ops), op))
                happen(["restore", number, parallelism, wall_ms])
    for step in program.steps:
        if isinstance(step, Arrival):
            arrive(step)
    watermarks = [step.ms for step in program.steps if isinstance(step, Watermark)]
    if watermarks and max(watermarks) > (now.watermark_ms or -1):
        now.watermark_ms = now.seen_ms = max(watermarks)
        happen(["watermark", now.watermark_ms])
    if program.bounded:
        happen(["watermark", LAST_WATERMARK_MS])
        happen(["finish"])
    now.wall_ms = max([now.wall_ms, *(moment.wall_ms for moment in run.moments)]) + AFTER_ALL_MS
    happen(["processing_time", now.wall_ms])
    return run
