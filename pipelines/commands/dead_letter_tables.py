"""Tables of dead letters, and of what a replay or a drop does about them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headwater.pipelines.commands.console import new_table

if TYPE_CHECKING:
    from headwater.pipelines.dead_letters.explanation import Body
    from headwater.pipelines.dead_letters.handling import Tally
    from headwater.pipelines.dead_letters.letter import DeadLetter
    from headwater.pipelines.dead_letters.marks import Mark
    from headwater.schemas.plan import Plan


def letters_table(
    letters: Iterable[DeadLetter], total: int, topic: str, plan: Plan, marks: Mapping[str, Mark], *, with_handled: bool
) -> Table:
    """A row for each letter, in their order; `total` is how many there are beyond those shown."""
    from headwater.pipelines.dead_letters.explanation import entity_of, instant_text

    rows = list(letters)
    title = f"{topic}: {total} letters" if len(rows) == total else f"{topic}: the newest {len(rows)} of {total} letters"
    columns = ["letter", "reason", "g", "event", "record timestamp", "schema", "key", "bytes", "detail"]
    table = new_table(title, *columns, *(["handled"] if with_handled else []))
    for letter in rows:
        cells = [
            f"{letter.position.partition}@{letter.position.offset}",
            letter.reason,
            str(letter.generation),
            str(letter.event),
            instant_text(letter.record_timestamp_ms * 1000),
            _cell(letter.schema_id),
            _entity_text(entity_of(letter, plan)),
            str(letter.value_bytes),
            letter.detail,
        ]
        if with_handled:
            mark = marks.get(letter.event_id)
            cells.append("-" if mark is None else f"{mark.action} {instant_text(mark.handled_at_ms * 1000)}")
        table.add_row(*map(escape, cells))
    return table


def counts_table(title: str, column: str, counts: Counter[str]) -> Table:
    """A row for each of what was counted, the most frequent first."""
    table = new_table(title, column, "count")
    for what, count in counts.most_common():
        table.add_row(escape(what), str(count))
    return table


def print_letter(console: Console, letter: DeadLetter, plan: Plan, mark: Mark | None, body: Body) -> None:
    """All that is known of a letter: its fields, then the event, decoded where it can be, else as bytes."""
    from headwater.pipelines.dead_letters.explanation import as_json, hex_dump

    fields = as_json(letter, plan, mark)
    if fields["entity"] is None and letter.entity_key is not None:
        fields["entity"] = f"not a key of generation {plan.generation}: {letter.entity_key.hex()}"
    table = new_table(str(letter.position), "field", "value")
    for name in ("event", "reason", "detail", "generation", "record_timestamp", "schema_id", "entity", "event_time"):
        table.add_row(name, escape(_value_text(fields[name])))
    for name in ("record_key", "headers", "value_bytes", "not_replayable", "handled"):
        table.add_row(name, escape(_value_text(fields[name])))
    console.print(table)
    if body.problem is None:
        console.print_json(data=body.fields)
        return
    console.print(f"the event cannot be shown decoded: {escape(body.problem)}", highlight=False, soft_wrap=True)
    if letter.value:
        console.print(escape(hex_dump(letter.value)), highlight=False, soft_wrap=True)


def repetition_warning(plan: Plan) -> str | None:
    """What to know before events are sent to the topics of a view that tells no copies apart; None if it does."""
    if plan.deduplication is not None:
        return None
    topics = ", ".join(dict.fromkeys(source.topic for source in plan.sources))
    return (
        f"warning: {plan.view} has no event_id. Whatever else reads {topics} gets these events again, and views"
        " without an event_id count them a second time"
    )


def print_tally(console: Console, tally: Tally, done: str) -> None:
    """What was handled, or would be, by reason, and what cannot be, by why."""
    console.print(counts_table(f"{done}: {tally.handled.total()} events", "reason", tally.handled))
    if tally.stuck:
        console.print(counts_table(f"cannot be replayed: {tally.stuck.total()} events", "why", tally.stuck))


def _entity_text(entity: Mapping[str, Any] | None) -> str:
    return "-" if entity is None else ", ".join(f"{name}={value}" for name, value in entity.items())


def _value_text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else _cell(value)


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
