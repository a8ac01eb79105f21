"""The dead letters and the late events of a view against what the reference rejects of the event topics."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from headwater.operators.reference import reach
from headwater.pipelines.dead_letters.letter import DeadLetter, Position
from headwater.pipelines.dead_letters.letters_topic import LettersTopic
from headwater.pipelines.settings import Settings
from headwater.schemas.dead_letter import Reason
from headwater.schemas.plan import Plan

_BROKEN_BYTES = frozenset({Reason.TRUNCATED, Reason.MALFORMED})
"""Which of the two a length that is nonsense makes them, every decoder says by itself."""


def read_letters(settings: Settings, plan: Plan, topic: str) -> list[DeadLetter]:
    """All committed letters of the plan's generation.

    Raises:
        DependencyError: the broker or the registry cannot be used.
    """
    letters = LettersTopic(settings, topic)
    try:
        return [letter for letter in letters if letter.generation == plan.generation]
    finally:
        letters.close()


def dead_letter_mismatches(letters: Iterable[DeadLetter], rejected: Mapping[Position, Reason]) -> list[str]:
    """What of the dead letters is not as it must be: one for each rejected record, with its reason and position."""
    letters = list(letters)
    found: dict[Position, list[str]] = defaultdict(list)
    for letter in letters:
        found[letter.event].append(letter.reason)
    wrong = [f"{event}: rejected ({rejected[event]}), but has no dead letter" for event in missing(letters, rejected)]
    for event, reasons in found.items():
        if event not in rejected:
            wrong.append(f"{event}: has a dead letter ({reasons[0]}), but is an event")
        elif len(reasons) > 1:
            wrong.append(f"{event}: has {len(reasons)} dead letters")
        elif reasons[0] != rejected[event] and not {reasons[0], rejected[event]} <= _BROKEN_BYTES:
            wrong.append(f"{event}: its dead letter says {reasons[0]} instead of {rejected[event]}")
    return wrong


def missing(letters: Iterable[DeadLetter], rejected: Mapping[Position, Reason]) -> set[Position]:
    """The rejected records that have no dead letter, which may only not be committed yet."""
    return set(rejected) - {letter.event for letter in letters}


def late_event_mismatches(letters: Iterable[DeadLetter], plan: Plan, now_us: int) -> list[str]:
    """What of the late events is not as it must be: told once each, and out of reach of every window by now."""
    letters = list(letters)
    exploded = {source.topic for source in plan.sources if source.explode}
    told = Counter(letter.event for letter in letters if letter.event.topic not in exploded)
    wrong = [f"{event}: is told to be late {count} times" for event, count in told.items() if count > 1]
    earliest_us = reach(plan, now_us)
    return wrong + [
        f"{letter.event}: is told to be late, but a window may hold {letter.event_time_us}"
        for letter in letters
        if letter.reason != Reason.LATE or letter.event_time_us is None or letter.event_time_us >= earliest_us
    ]
