"""Replay and drop: what they would do, and doing it, once for each event however often they are interrupted.

The copy of an event and the mark that it was replayed are sent in one transaction, so that neither is ever there
without the other. All transactions about a topic of letters have one name: who begins ends what an earlier process left
open, shuts that process out, and only then reads the marks. So it knows of every event whether it was sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from headwater.pipelines.dead_letters.committed_topic import await_committed
from headwater.pipelines.dead_letters.letter import DeadLetter, Selection
from headwater.pipelines.dead_letters.letters_topic import LettersTopic
from headwater.pipelines.dead_letters.marks import DROPPED, REPLAYED, Mark, MarkWriter, read_marks
from headwater.pipelines.dead_letters.transactions import CALL_SECONDS, Record, Transactions
from headwater.pipelines.security.kafka_trouble import told
from headwater.pipelines.settings import Settings, client_properties
from headwater.schemas.errors import BrokerError
from headwater.schemas.plan import Plan

BATCH_LETTERS = 200
BATCH_BYTES = 4 * 2**20

Told = Callable[[int], None]


@dataclass
class Tally:
    """How many events are, or were, handled by reason, and how many cannot be, by why."""

    handled: Counter[str] = field(default_factory=Counter)
    stuck: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Task:
    """The letters that a replay or a drop is about: the first `limit` of those selected, a letter per event."""

    settings: Settings
    plan: Plan
    letters: LettersTopic
    selection: Selection
    limit: int | None = None
    batch_letters: int = BATCH_LETTERS


def survey_replay(task: Task) -> Tally:
    """What `replay` would do now. Changes nothing."""
    return _replay(task, read_marks(task.settings, task.letters.name), lambda _: None)


def survey_drop(task: Task, *, undo: bool = False) -> Tally:
    """What `drop` would do now. Changes nothing."""
    marks = read_marks(task.settings, task.letters.name)
    return Tally(Counter(letter.reason for letter in _droppable(task, marks, undo)))


def replay(task: Task, told: Told) -> Tally:
    """Sends the events of the letters to their partitions again, each once, and marks them as replayed.

    Args:
        told: gets the number of events each time that some were committed.

    Raises:
        FencedError: another replay or drop of these letters has begun; what was told of stays.
        DependencyError: the broker or the registry cannot be reached or refuses; what was told of stays.
    """
    writer, transactions = _begin(task)
    marks = read_marks(task.settings, task.letters.name)

    def send(batch: list[DeadLetter]) -> None:
        copies = [_copy(letter, task.plan.view) for letter in batch]
        transactions.send([*copies, *(_mark(writer, letter, writer.value(letter, REPLAYED)) for letter in batch)])
        told(len(batch))

    tally = _replay(task, marks, send)
    await_committed(task.settings, writer.topic)  # so that the next command sees what this one did
    return tally


def drop(task: Task, told: Told, *, undo: bool = False) -> Tally:
    """Marks the letters as dropped, or, to undo that, takes the mark away.

    Raises: as `replay`.
    """
    writer, transactions = _begin(task)
    marks = read_marks(task.settings, task.letters.name)
    tally = Tally()
    for batch in _batches(_droppable(task, marks, undo), task.batch_letters):
        values = ((letter, None if undo else writer.value(letter, DROPPED)) for letter in batch)
        transactions.send([_mark(writer, letter, value) for letter, value in values])
        tally.handled.update(letter.reason for letter in batch)
        told(len(batch))
    await_committed(task.settings, writer.topic)
    return tally


def outstanding(
    letters: Iterable[DeadLetter], handled: Collection[str], selection: Selection, limit: int | None = None
) -> Iterator[DeadLetter]:
    """The selected letters whose events are not handled, the first letter of each event, at most `limit`."""
    met: set[str] = set()
    for letter in letters:
        if limit is not None and len(met) >= limit:
            return
        if selection.includes(letter) and letter.event_id not in handled and letter.event_id not in met:
            met.add(letter.event_id)
            yield letter


def _begin(task: Task) -> tuple[MarkWriter, Transactions]:
    writer = MarkWriter(task.settings, task.letters.name)
    transactions = Transactions(task.settings, f"{task.letters.name}-handling")
    transactions.take_over()
    return writer, transactions


def _replay(task: Task, marks: Mapping[str, Mark], send: Callable[[list[DeadLetter]], None]) -> Tally:
    tally = Tally()
    partitions = _source_partitions(task)

    def sendable() -> Iterator[DeadLetter]:
        for letter in outstanding(task.letters, marks.keys(), task.selection, task.limit):
            why_not = letter.why_not_replayable or _why_no_place(letter, task.plan, partitions)
            if why_not is None:
                yield letter
            else:
                tally.stuck[why_not] += 1

    for batch in _batches(sendable(), task.batch_letters):
        send(batch)
        tally.handled.update(letter.reason for letter in batch)
    return tally


def _droppable(task: Task, marks: Mapping[str, Mark], undo: bool) -> Iterator[DeadLetter]:
    if not undo:
        return outstanding(task.letters, marks.keys(), task.selection, task.limit)
    dropped = {event_id for event_id, mark in marks.items() if mark.action == DROPPED}
    return outstanding(
        (letter for letter in task.letters if letter.event_id in dropped), (), task.selection, task.limit
    )


def _source_partitions(task: Task) -> dict[str, int]:
    """The number of partitions of each event topic of the view that exists."""
    admin = AdminClient({**client_properties(task.settings), "log_level": 0})
    try:
        found = admin.list_topics(timeout=CALL_SECONDS).topics
    except KafkaException as error:
        raise BrokerError(f"the Kafka broker cannot be reached: {told(error.args[0], admin)}") from error
    topics = {source.topic for source in task.plan.sources}
    return {topic: len(found[topic].partitions) for topic in topics if topic in found}


def _why_no_place(letter: DeadLetter, plan: Plan, partitions: Mapping[str, int]) -> str | None:
    topic, partition, _ = letter.event
    if all(source.topic != topic for source in plan.sources):
        return f"generation {plan.generation} of the view does not read the topic {topic}"
    if partition >= partitions.get(topic, 0):
        return f"the topic {topic} has no partition {partition} any more"
    return None


def _copy(letter: DeadLetter, view: str) -> Record:
    topic, partition, _ = letter.event
    return Record(topic, partition, letter.record_key, letter.value, letter.replay_headers(view))


def _mark(writer: MarkWriter, letter: DeadLetter, value: bytes | None) -> Record:
    return Record(writer.topic, None, letter.event_id.encode(), value, [])


def _batches(letters: Iterable[DeadLetter], most: int) -> Iterator[list[DeadLetter]]:
    batch: list[DeadLetter] = []
    size = 0
    for letter in letters:
        batch.append(letter)
        size += len(letter.value or b"")
        if len(batch) >= most or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
