"""The comparison as a whole: wait until all is quiet, compare both stores, and say what was found."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from redis import Redis

from headwater.pipelines.dead_letters.letter import DeadLetter
from headwater.pipelines.online_store import connect
from headwater.pipelines.settings import Settings
from headwater.pipelines.verification.events import SourceEvents, read_events
from headwater.pipelines.verification.letters import (
    dead_letter_mismatches,
    late_event_mismatches,
    missing,
    read_letters,
)
from headwater.pipelines.verification.offline import (
    Committed,
    committed_rows,
    missing_places,
    offline_mismatches,
    offline_rows,
    with_later,
)
from headwater.pipelines.verification.online import POLL_SECONDS, await_arrival, online_mismatches
from headwater.pipelines.verification.replays import Replays
from headwater.schemas.plan import Plan

ONLINE_TRIES = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """How much was compared and what differed, a sentence for each difference.

    Attributes:
        offline: all that differs in the offline log, rows that are missing or double among it.
        offline_missing, offline_double: how many rows are.
        offline_repeated: how many stand there once more since an older savepoint was restored, as they may.
        letters: what differs in the dead letters and the late events.
    """

    events: int
    rejected: int
    keys: int
    rows: int
    online: tuple[str, ...]
    offline: tuple[str, ...]
    offline_missing: int
    offline_double: int
    letters: tuple[str, ...]
    offline_repeated: int = 0

    @property
    def differences(self) -> tuple[str, ...]:
        """All that differs."""
        return (*self.online, *self.offline, *self.letters)

    @property
    def right(self) -> bool:
        """Whether something was compared and nothing differed."""
        return bool(self.keys and self.rows) and not self.differences

    def __str__(self) -> str:
        return (
            f"mismatches: {len(self.online)} online, {len(self.offline)} offline, {len(self.letters)} dead letters"
            f" ({self.keys:,} keys and {self.rows:,} rows compared, from {self.events:,} events,"
            f" {self.rejected:,} rejected)"
        )


def verify(
    settings: Settings,
    plan: Plan,
    *,
    timeout_seconds: float = 120.0,
    progress: Callable[[str], None] = lambda _: None,
    replays: Replays | None = None,
    definitions: Sequence[Plan] = (),
) -> Verdict:
    """Compares both stores and the dead letters with the reference, once all that is in the event topics has arrived.

    Nothing may be produced to the topics meanwhile.

    Args:
        replays: what an older savepoint that was restored has caused to be written once more.
        definitions: others than `plan`, of its generation, that rows may have been written under.

    Raises:
        VerificationError: the stores did not settle within the timeout.
        DependencyError: a service cannot be used.
    """
    deadline = time.monotonic() + timeout_seconds
    progress("reading the events")
    events = read_events(settings, plan, timeout_seconds)
    redis = connect(settings)
    try:
        progress("waiting until the online store has them all")
        await_arrival(redis, plan, events.newest_ms, deadline)
        progress("comparing the online store")
        online = _online(redis, plan, events, definitions)
        progress("waiting until the offline log has all rows")
        committed = _committed(settings, plan, deadline)
        table = offline_rows(settings, plan)
        while missing_places(table, committed) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)
            table = offline_rows(settings, plan)
        committed = with_later(table, committed, lambda: _committed(settings, plan, deadline))
        progress("comparing the offline log")
        offline = offline_mismatches(plan, table, committed, events.by_key, replays=replays, definitions=definitions)
        progress("comparing the dead letters")
        letters = _letters(settings, plan, events, deadline, replays or Replays())
    finally:
        redis.close()
    return Verdict(
        events=events.total,
        rejected=len(events.rejected),
        keys=len(events.by_key),
        rows=table.num_rows,
        online=tuple(online),
        offline=tuple(offline.sentences),
        offline_missing=len(offline.missing),
        offline_double=len(offline.double),
        letters=tuple(letters),
        offline_repeated=offline.repeated,
    )


def _committed(settings: Settings, plan: Plan, deadline: float) -> Committed:
    return committed_rows(settings, plan, max(1.0, deadline - time.monotonic()))


def _letters(settings: Settings, plan: Plan, events: SourceEvents, deadline: float, replays: Replays) -> list[str]:
    """Letters are committed beside the rows, not with them: what is missing may still come until the deadline."""
    letters = read_letters(settings, plan, plan.dead_letters.topic)
    while missing(letters, events.rejected) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        letters = read_letters(settings, plan, plan.dead_letters.topic)
    late = read_letters(settings, plan, plan.late.topic)
    return [
        *dead_letter_mismatches(_told_once(letters, replays), events.rejected),
        *late_event_mismatches(_told_once(late, replays), plan, time.time_ns() // 1000),
    ]


def _told_once(letters: list[DeadLetter], replays: Replays) -> list[DeadLetter]:
    return replays.without_repeated(letters, place=lambda letter: letter.position, identity=lambda letter: letter.event)


def _online(redis: Redis, plan: Plan, events: SourceEvents, definitions: Sequence[Plan]) -> list[str]:
    """A watermark may still move right after the last event; a difference that passes by itself is none."""
    for _ in range(ONLINE_TRIES - 1):
        if not (wrong := online_mismatches(redis, plan, events.by_key, definitions)):
            return wrong
        time.sleep(2 * plan.heartbeat_interval_ms / 1000)
    return online_mismatches(redis, plan, events.by_key, definitions)
