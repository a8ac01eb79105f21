"""Random streams of events and mishaps for a view, made fast from a few knobs and a seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, get_args

from headwater.operators.reference import ReferenceEvent
from headwater.operators.reference_aggregates import Value
from headwater.operators.reference_windows import END_OF_EVENTS_US, END_OF_TIME_US, start, ticks
from headwater.schemas.compile_windows import window_span_ms
from headwater.schemas.plan import Plan, Session
from tests.properties.programs import Arrival, Checkpoint, Crash, Program, Step, WallTime, Watermark
from tests.properties.views import View

S, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000

SCENES: dict[str, tuple[str | None, int]] = {
    "an ordinary afternoon": (None, 1_700_000_000 * S),
    "the end of a leap year": (None, 1_735_689_590 * S),
    "the first seconds of all": (None, 2 * S),
    "the last seconds of all": (None, END_OF_EVENTS_US - MINUTE),
    "Berlin skips an hour": ("Europe/Berlin", 1_711_846_800 * S),
    "Berlin has an hour twice": ("Europe/Berlin", 1_729_990_800 * S),
    "New York skips an hour": ("America/New_York", 1_710_054_000 * S),
    "New York has an hour twice": ("America/New_York", 1_730_613_600 * S),
    "Sao Paulo skips midnight": ("America/Sao_Paulo", 1_541_300_400 * S),
    "Sao Paulo has the last hour of a day twice": ("America/Sao_Paulo", 1_518_919_200 * S),
    "Apia skips a day": ("Pacific/Apia", 1_325_239_200 * S),
    "Lord Howe skips half an hour": ("Australia/Lord_Howe", 1_728_142_200 * S),
    "Lord Howe has half an hour twice": ("Australia/Lord_Howe", 1_712_415_600 * S),
    "a month ends in Kolkata": ("Asia/Kolkata", 1_706_725_800 * S),
}
"""Where a stream begins: a zone of which something happens there, and the instant."""

PACES_US: dict[str, tuple[int, ...]] = {
    "to scale": (),
    "at once": (0, 1),
    "dense": (0, 1, S),
    "steady": (S, 10 * S, MINUTE),
    "sparse": (10 * MINUTE, HOUR),
    "rare": (HOUR, DAY, 8 * DAY),
    "mixed": (0, 1, S - 1, S, 10 * S, MINUTE, 10 * MINUTE, HOUR, DAY),
}
Watermarks = Literal["never", "behind", "on ticks", "far ahead", "any"]
WATERMARKS: tuple[Watermarks, ...] = get_args(Watermarks)
SIZES = (15, 40, 90, 210, 260, 320)
COPIES = 0.2
"""The share of events that are copies, where events have ids."""


@dataclass(frozen=True)
class Knobs:
    """What a stream is like: so many events, keys and crashes; so many `late`, `edges`, ... in a hundred events."""

    events: int
    keys: int
    hot: bool
    scene: str
    pace: str
    late: int
    edges: int
    ties: int
    leaps: int
    watermarks: Watermarks
    crashes: int
    parallelism: int
    tame_values: bool
    bounded: bool
    backend: Literal["hashmap", "rocksdb"]


def any_knobs(chance: random.Random, view: View) -> Knobs:
    """Knobs for streams of this view, which begin, more often than not, where one of its time zones changes."""
    zones = view.zones()
    fitting = [name for name, (zone, _) in SCENES.items() if zone in zones]
    return Knobs(
        events=chance.choice(SIZES),
        keys=chance.choice([1, 2, 4, 12]),
        hot=chance.random() < 0.5,
        scene=chance.choice(fitting if fitting and chance.random() < 0.75 else list(SCENES)),
        pace=chance.choice(["to scale", "to scale", *PACES_US]),
        late=chance.choice([0, 5, 30, 60]),
        edges=chance.choice([0, 20, 50]),
        ties=chance.choice([0, 10, 50]),
        leaps=chance.choice([0, 1, 5]),
        watermarks=chance.choice(WATERMARKS),
        crashes=chance.choice([0, 0, 1, 4]),
        parallelism=chance.choice([1, 1, 1, 3]),
        tame_values=chance.random() < 0.5,
        bounded=chance.random() < 0.1,
        backend="rocksdb" if chance.random() < 0.02 else "hashmap",
    )


def program(plan: Plan, drawn: Knobs, seed: int) -> Program:
    """The stream that these knobs and this seed make, of events of this plan."""
    return _Writer(plan, drawn, random.Random(seed)).program()


class _Writer:
    def __init__(self, plan: Plan, drawn: Knobs, chance: random.Random) -> None:
        self._plan, self._knobs, self._chance = plan, drawn, chance
        self._ids = plan.deduplication is not None
        self._ids_taken: set[tuple[int, int, bytes]] = set()
        self._exploded = plan.sources[0].explode is not None
        base_us = SCENES[drawn.scene][1]
        self._newest_us = base_us + chance.randrange(-2 * S, 2 * S)
        self._wall_ms = self._newest_us // 1000 + chance.choice([0, 0, 500, 60_000])
        self._began_ms = self._wall_ms
        self._steps: list[Step] = []
        self._arrived: list[Arrival] = []
        self._held: set[int] = set()
        """Which of `_arrived` the job has, or had when it took a checkpoint of some label."""
        self._checkpoints: dict[int, set[int]] = {}
        self._again: list[int] = []
        spans = [span * 1000 for window in plan.windows if (span := window_span_ms(window)) is not None]
        self._spans = [S, *(window.resolution_ms * 1000 for window in plan.windows if window.kind != "lifetime")]
        self._spans += spans or [HOUR]
        self._reach_us = max(spans, default=DAY)
        gaps = [window.gap_ms * 1000 for window in plan.windows if isinstance(window, Session)]
        # To scale: so that sessions go on for longer than they may, and windows hold some events and no more.
        self._steps_us = PACES_US[drawn.pace] or tuple(gaps or [span // 10 for span in self._spans])

    def program(self) -> Program:
        first = self._parallelism()
        acts: list[Callable[[], None]] = [self._time, self._checkpoint]
        if self._knobs.watermarks != "never":
            acts += [self._watermark] * 2
        crash_share, crashes = self._knobs.crashes / self._knobs.events, 0
        self._event()
        while len(self._arrived) < self._knobs.events:
            if crashes < self._knobs.crashes and self._chance.random() < crash_share:
                crashes += 1
                self._crash()
            if self._chance.random() < 0.3:
                self._chance.choice(acts)()
            elif self._again and self._chance.random() < 0.7:
                self._arrive_again()
            else:
                self._event()
        return Program(tuple(self._steps), first, self._began_ms, self._knobs.backend, self._knobs.bounded)

    def _event(self) -> None:
        time_us = min(max(0, self._time_of_event()), END_OF_EVENTS_US - 1)
        self._newest_us = max(self._newest_us, time_us)
        # A producer's clock is right: no event is later than its record.
        self._wall_ms = max(self._wall_ms, -(-self._newest_us // 1000))
        number = len(self._arrived)
        if self._ids and self._arrived and self._chance.random() < COPIES:
            self._copy(number)
            return
        source, partition, offset, index = self._place(number)
        values = tuple(make(self._chance, self._knobs.tame_values) for make in VALUES.values())
        event_id = self._id(time_us, source) if self._ids else b""
        event = ReferenceEvent(time_us, values, self._wall_ms, source, partition, offset, event_id, index)
        self._arrived.append(Arrival(self._key(), event, tuple(VALUES)))
        self._arrive(number)

    def _place(self, number: int) -> tuple[int, int, int, int]:
        """The source, partition, offset and index of this event: those of a record of its own, or of the last one's."""
        if self._exploded and self._arrived and self._chance.random() < 0.5:
            last = self._arrived[-1].event
            return last.source, last.partition, last.offset, last.index + 1
        return self._chance.randrange(2), self._chance.randrange(3), number, 0

    def _id(self, time_us: int, source: int) -> bytes:
        """An id. They repeat: another time or another source makes another event of them."""
        event_id = f"{self._chance.randrange(max(2, self._knobs.events // 8))}".encode()
        while (time_us, source, event_id) in self._ids_taken:
            event_id += b"+"
        self._ids_taken.add((time_us, source, event_id))
        return event_id

    def _copy(self, number: int) -> None:
        """The producer sends an event again, to any partition."""
        arrival = self._chance.choice(self._arrived[-40:])
        again = replace(arrival.event, partition=self._chance.randrange(3), offset=number)
        self._arrived.append(replace(arrival, event=again))
        self._arrive(number)

    def _time_of_event(self) -> int:
        chance, draw = self._chance, self._chance.randrange(100)
        if self._arrived and draw < self._knobs.edges:
            return self._edge()
        if self._arrived and chance.randrange(100) < self._knobs.ties:
            return self._recent().time_us
        if chance.randrange(100) < self._knobs.leaps:
            return self._newest_us + int(self._reach_us * chance.uniform(0.9, 2.2))
        if chance.randrange(100) < self._knobs.late:
            return self._newest_us - int(chance.choice(self._spans) * chance.uniform(0, 1.3))
        return self._newest_us + chance.randint(0, chance.choice(self._steps_us))

    def _edge(self) -> int:
        """At, or a microsecond beside, an instant at which a window of a recent event changes, or begins.

        Mostly one that is not far ahead: else a stream would be all leaps, and no session ever long.
        """
        event, window = self._recent(), self._chance.choice(self._plan.windows)
        instants = [*ticks(self._plan, window, event), start(self._plan, window, event.time_us)]
        near = [instant for instant in instants if instant <= self._newest_us + max(self._steps_us)]
        if near and self._chance.random() < 0.9:
            instants = near
        return self._chance.choice(instants) + self._chance.choice([-1, 0, 0, 1])

    def _recent(self) -> ReferenceEvent:
        return self._arrived[-1 - min(int(self._chance.expovariate(0.3)), len(self._arrived) - 1)].event

    def _key(self) -> bytes:
        hot = self._knobs.hot and self._chance.random() < 0.3
        name = f"k{0 if hot else self._chance.randrange(self._knobs.keys)}".encode()
        return bytes([2 * len(name)]) + name

    def _arrive(self, number: int) -> None:
        self._steps.append(self._arrived[number])
        self._held.add(number)

    def _arrive_again(self) -> None:
        number = self._again.pop()
        if number not in self._held:
            self._arrive(number)

    def _watermark(self) -> None:
        chance, style = self._chance, self._knobs.watermarks
        if style == "any":
            style = chance.choice(["behind", "on ticks", "far ahead"])
        if style == "behind":
            at_us = self._newest_us - chance.randint(0, chance.choice([0, S, 10 * S, MINUTE]))
        elif style == "on ticks":
            coming = [t for window in self._plan.windows for t in ticks(self._plan, window, self._recent())]
            at_us = chance.choice(coming or [self._newest_us]) + chance.choice([0, 0, 0, -1000, 1000])
        else:
            at_us = self._newest_us + int(self._reach_us * chance.choice([0.1, 1, 2.1]) * chance.random())
        ms = max(0, min(at_us, END_OF_TIME_US) // 1000)
        self._wall_ms = max(self._wall_ms, ms)
        if chance.random() < 0.5:
            self._newest_us = max(self._newest_us, ms * 1000)
        self._steps.append(Watermark(ms))

    def _time(self) -> None:
        self._wall_ms += self._chance.choice([1, 50, 100, 250, 1000, 6000])
        self._steps.append(WallTime(self._wall_ms))

    def _checkpoint(self) -> None:
        if self._knobs.crashes and self._chance.random() < 0.5:
            label = len(self._checkpoints)
            self._checkpoints[label] = set(self._held)
            self._steps.append(Checkpoint(label))

    def _crash(self) -> None:
        chance, labels = self._chance, [*self._checkpoints]
        label = None
        if labels and chance.random() < 0.95:
            label = labels[-1] if chance.random() < 0.7 else chance.choice(labels)
        self._wall_ms += chance.choice([0, 1000])
        # The machine that takes over may have a slower clock.
        wall_ms = max(0, self._wall_ms - chance.choice([0, 0, 3000]))
        self._steps.append(Crash(label, self._parallelism(), wall_ms))
        self._held = set() if label is None else set(self._checkpoints[label])
        self._again = [number for number in range(len(self._arrived)) if number not in self._held]
        order = chance.randrange(3)
        if order == 0:
            chance.shuffle(self._again)
        elif order == 1:
            self._again.sort(key=lambda n: (-self._arrived[n].event.partition, -n))
        else:
            self._again.reverse()

    def _parallelism(self) -> int:
        return self._chance.randint(1, self._knobs.parallelism)


def _price(chance: random.Random, tame: bool) -> Value:
    return None if chance.random() < 0.15 else _decimal(chance, tame)


def _decimal(chance: random.Random, tame: bool) -> float:
    if tame or chance.random() < 0.8:
        return round(chance.uniform(-100, 100), 2)
    return chance.choice([0.0, -0.0, 1e12, -1e12, 1e-12, 5e-324, 1.5e6])


def _pieces(chance: random.Random, tame: bool) -> Value:
    return chance.randint(-5, 5) if tame else chance.choice([chance.randint(-(2**31), 2**31 - 1), 2**31 - 1, -(2**31)])


def _units(chance: random.Random, tame: bool) -> Value:
    if chance.random() < 0.2:
        return None
    return chance.randint(-5, 5) if tame else chance.choice([chance.randint(-(2**63), 2**63 - 1), 2**63 - 1, 2**53 + 1])


VALUES: dict[str, Callable[[random.Random, bool], Value]] = {
    "price": _price,
    "pieces": _pieces,
    "units": _units,
    "note": lambda chance, _: chance.choice([None, "", "a", "b", "é", "long " * 9]),
    "paid": lambda chance, _: chance.random() < 0.6,
    "checked": lambda chance, _: chance.choice([None, True, True, False]),
    "code": lambda chance, _: chance.choice([None, b"", b"\x00", b"\xff\x01", chance.randbytes(2)]),
    "place": lambda chance, tame: chance.choice([None, *[(_decimal(chance, tame), _decimal(chance, tame))] * 3]),
}
"""What is in each field of an event: given the randomness, and whether numbers are small."""
