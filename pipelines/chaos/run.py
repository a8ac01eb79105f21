"""The suite from start to verdict: a stack, a stream, one fault after the other, and the comparison at the end."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from confluent_kafka import KafkaException
from redis.exceptions import RedisError

from headwater.pipelines.chaos.fault import Fault, Recovery
from headwater.pipelines.chaos.lab import Lab
from headwater.pipelines.chaos.verdict import ChaosVerdict, Survived, poison_mismatches
from headwater.pipelines.chaos.watch import Watch
from headwater.pipelines.chaos.worker_faults import AnyKilled
from headwater.pipelines.verification import Verdict, verify
from headwater.pipelines.verification.letters import read_letters
from headwater.pipelines.verification.topics import read_uncommitted
from headwater.schemas.errors import HeadwaterError, StackError
from headwater.schemas.feature_log import ROW_HEADER_NAME

WARM_UP_SECONDS = 90.0
TOLD_WITHIN_SECONDS = 120.0
"""How much longer a fault lasts than it has to, if nobody has told of it by then."""

SILENT_WITHIN_SECONDS = 40.0
"""For so long after a fault it may still be told of: Flink's REST interface gives metrics that are 10 s old."""

RECOVERY_SECONDS = 240.0
SETTLE_SECONDS = 180.0
PAUSE_SECONDS = (1.0, 4.0)

TROUBLE = (HeadwaterError, KafkaException, RedisError, httpx.HTTPError, psutil.Error, OSError)
"""What the suite itself may meet in a stack that does not get over a fault: it ends the run, not the verdict."""

POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class ChaosOptions:
    """What the user asked for.

    Attributes:
        state: directory of the stack; what an earlier run left there is removed.
        faults: what is caused, in this order.
        seed: decides what is sent, and all that is left to chance in the faults.
        rate: events per second.
        duration: seconds for which events are sent at least; longer if the faults take longer.
        drivers: how many there are; a third of the number of keys.
        kills: how many SIGKILLs there are at least: `any-kill` follows until there were so many.
        last_begins_seconds: after which no other fault is begun; the rest is left out. Since the start of the stack.
        settle_seconds: within which both stores must have everything, once no more is sent.
    """

    state: Path
    faults: Sequence[type[Fault]]
    seed: int
    rate: int
    duration: float
    drivers: int
    kills: int = 0
    last_begins_seconds: float | None = None
    settle_seconds: float = SETTLE_SECONDS


@dataclass(frozen=True, slots=True)
class Told:
    """What a person is shown while it runs."""

    stage: Callable[[str], None]
    survived: Callable[[Survived], None]


def run(options: ChaosOptions, told: Told) -> ChaosVerdict:
    """Starts a stack, causes the faults, and says what came of it; the stack is stopped again.

    Raises:
        PrerequisiteError, StackError: the stack cannot be started.
    """
    told.stage("starting a stack")
    began = time.monotonic()
    with Lab(options.state, seed=options.seed, drivers=options.drivers, rate=options.rate) as lab:
        return _Run(lab, options, told, began).run()


class _Run:
    """One run of the suite on a stack that is there."""

    def __init__(self, lab: Lab, options: ChaosOptions, told: Told, began: float) -> None:
        last = options.last_begins_seconds
        self._last_begins = None if last is None else began + last
        self._lab = lab
        self._options = options
        self._told = told
        self._watch = Watch(lab)
        self._began = time.monotonic()

    def run(self) -> ChaosVerdict:
        lab = self._lab
        lab.traffic.start()
        self._told.stage("waiting for the first values")
        stuck: str | None = None
        survived: list[Survived] = []
        try:
            self._await_first_values()
            self._watch.start()
            self._began = time.monotonic()
            self._cause_all(survived)
            self._told.stage("sending the rest")
            time.sleep(max(0.0, self._options.duration - (time.monotonic() - self._began)))
            lab.traffic.stop()
            stores, poison = self._compare()
            rewritten = self._rows_written() - stores.rows
        except TROUBLE as error:
            stuck, stores, poison, rewritten = f"{error}; {lab.condition()}", None, [], 0
        finally:
            self._watch.stop()
        return ChaosVerdict(
            seed=self._options.seed,
            survived=tuple(survived),
            kills=lab.kills,
            events=lab.traffic.sent,
            versions_seen=self._watch.versions.seen,
            regressions=tuple(self._watch.versions.regressions),
            rows_rewritten=rewritten,
            stores=stores,
            poison=tuple(poison),
            stuck=stuck,
        )

    def _await_first_values(self) -> None:
        lab = self._lab

        def there() -> bool:
            return len(lab.heartbeats_ms()) == lab.plan.log.partitions and any(lab.archived().values())

        lab.wait_until(there, WARM_UP_SECONDS, "the first values in both stores")

    def _cause_all(self, survived: list[Survived]) -> None:
        """Appends what came of each fault; stops at one that the stack does not get over.

        Raises:
            StackError: it did not.
        """
        chance = random.Random(self._options.seed)  # noqa: S311 - to be had again, no secret
        for number, kind in enumerate(self._kinds()):
            if self._last_begins is not None and time.monotonic() > self._last_begins:
                return
            time.sleep(chance.uniform(*PAUSE_SECONDS))
            fault = kind(self._lab, random.Random(f"{self._options.seed}/{number}"))  # noqa: S311
            self._told.stage(f"{fault.name}: {fault.summary}")
            outcome = self._cause(fault)
            survived.append(outcome)
            self._told.survived(outcome)
            if outcome.recovery.seconds is None:
                raise StackError(f"no fresh data {RECOVERY_SECONDS:.0f} s after {fault.name}")

    def _kinds(self) -> Iterator[type[Fault]]:
        yield from self._options.faults
        while self._lab.kills < self._options.kills:
            yield AnyKilled

    def _cause(self, fault: Fault) -> Survived:
        began = time.monotonic()
        self._watch.begin(tolerant=fault.loses_rows)
        try:
            try:
                fault.inject()
                self._last(fault, began)
            finally:
                fault.heal()
            ended = time.monotonic()
            recovery = self._recovery()
            broken = fault.broken(recovery)
        except TROUBLE as error:
            ended, recovery, broken = time.monotonic(), Recovery(None, None), [str(error)]
        conditions = frozenset(self._watch.conditions)
        try:
            fault.afterwards()
        except TROUBLE as error:
            broken.append(str(error))
        broken += [*fault.untold(conditions), *self._still_told(fault)]
        worst_age = self._watch.worst_age_seconds
        self._watch.end()
        return Survived(
            name=fault.name,
            row=fault.row,
            at_seconds=began - self._began,
            lasted_seconds=ended - began,
            recovery=recovery,
            worst_age_seconds=worst_age,
            conditions=tuple(sorted(conditions)),
            broken=tuple(broken),
        )

    def _last(self, fault: Fault, began: float) -> None:
        """Lets a fault last until its time is over and it has been told of, if that is not too long."""
        while time.monotonic() < began + fault.seconds or not fault.tells <= self._watch.conditions:
            if time.monotonic() > began + fault.seconds + TOLD_WITHIN_SECONDS:
                return
            time.sleep(POLL_SECONDS)

    def _still_told(self, fault: Fault) -> list[str]:
        """What is still said to be so some time after the fault is over."""
        deadline = time.monotonic() + SILENT_WITHIN_SECONDS
        while still := self._watch.holding() & (fault.tells | fault.may_tell):
            if time.monotonic() > deadline:
                return [f"{', '.join(sorted(still))} is said to be so {SILENT_WITHIN_SECONDS:.0f} s after it was over"]
            time.sleep(POLL_SECONDS)
        return []

    def _recovery(self) -> Recovery:
        """Waits until what comes after this moment is in both stores."""
        lab, began, now_ms = self._lab, time.monotonic(), time.time() * 1000
        ends: dict[int, int] = {}
        online: float | None = None
        offline: float | None = None
        while (online is None or offline is None) and time.monotonic() < began + RECOVERY_SECONDS:
            if online is None and self._watch.fresh_as_of_ms > now_ms:
                online = time.monotonic() - began
            ends = ends or lab.log_ends()
            if offline is None and ends and _all_beyond(lab.archived(), ends):
                offline = time.monotonic() - began
            time.sleep(POLL_SECONDS)
        return Recovery(online, offline)

    def _compare(self) -> tuple[Verdict, list[str]]:
        lab = self._lab
        stores = verify(
            lab.settings,
            lab.plan,
            timeout_seconds=self._options.settle_seconds,
            progress=self._told.stage,
            replays=lab.replays,
            definitions=lab.definitions,
        )
        letters = read_letters(lab.settings, lab.plan, lab.plan.dead_letters.topic)
        told = [(letter.event.partition, letter.event.offset, letter.reason) for letter in letters]
        return stores, poison_mismatches(lab.traffic.poison, told)

    def _rows_written(self) -> int:
        """Rows of the feature log, whether their transaction was committed or aborted."""
        messages = read_uncommitted(self._lab.settings, self._lab.plan.log.topic, SETTLE_SECONDS)
        return sum(ROW_HEADER_NAME in dict(message.headers() or ()) for message in messages)


def _all_beyond(offsets: dict[int, int], ends: dict[int, int]) -> bool:
    return bool(offsets) and all(offsets[partition] > end for partition, end in ends.items())
