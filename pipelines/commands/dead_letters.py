"""`headwater dead-letters`: find what was not aggregated, look into it, send it back, or be done with it."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from headwater.pipelines.commands.console import DEFAULT_STATE, err, out
from headwater.pipelines.commands.dead_letter_options import (
    AsJson,
    DryRun,
    Generation,
    Late,
    Oldest,
    Partition,
    Reasons,
    SchemaId,
    Since,
    Topic,
    Unmet,
    Until,
    Yes,
    selection_of,
)
from headwater.pipelines.commands.dead_letter_tables import (
    counts_table,
    letters_table,
    print_letter,
    print_tally,
    repetition_warning,
)
from headwater.pipelines.commands.local_stack import State, View, settings_and_plan
from headwater.pipelines.commands.processes import PlanFile, SchemasPath, ViewsPath

if TYPE_CHECKING:
    from headwater.pipelines.dead_letters.handling import Tally
    from headwater.pipelines.dead_letters.letters_topic import LettersTopic
    from headwater.pipelines.settings import Settings
    from headwater.schemas.plan import Plan

ROWS_IN_A_TABLE = 50

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="What a view could not aggregate: find it, look into it, send it back to its topic, or be done with it.",
)


@app.command("list")
def list_letters(
    view: View,
    reason: Reasons = None,
    expectation: Unmet = None,
    since: Since = None,
    until: Until = None,
    schema_id: SchemaId = None,
    topic: Topic = None,
    partition: Partition = None,
    generation: Generation = None,
    limit: Annotated[
        int | None, typer.Option(min=1, help=f"At most so many letters, the newest; {ROWS_IN_A_TABLE} in a table.")
    ] = None,
    handled: Annotated[bool, typer.Option("--handled", help="Also those that were replayed or dropped.")] = False,
    late: Late = False,
    plan: PlanFile = None,
    views: ViewsPath = None,
    schemas: SchemasPath = None,
    state: State = DEFAULT_STATE,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a letter on each line.")] = False,
) -> None:
    """Show the committed dead letters of a view that nothing was done about yet, and how many there are by reason.

    Example:  `headwater dead-letters list customer_purchases --reason unknown_schema --since 2h`
    """
    from headwater.pipelines.dead_letters.explanation import as_json as letter_as_json
    from headwater.pipelines.dead_letters.marks import read_marks

    settings, chosen = settings_and_plan(view, plan, views, schemas, state, "letters")
    selection = selection_of(reason, expectation, since, until, schema_id, topic, partition, generation)
    counts, unmet = Counter[str](), Counter[str]()
    with _letters(settings, chosen, late) as letters:
        marks = read_marks(settings, letters.name)
        newest = deque(maxlen=limit if as_json or limit else ROWS_IN_A_TABLE)  # type: ignore[var-annotated]
        for letter in letters:
            if selection.includes(letter) and (handled or letter.event_id not in marks):
                counts[letter.reason] += 1
                unmet.update(letter.expectations)
                newest.append(letter)
    if as_json:
        for letter in newest:
            typer.echo(json.dumps(letter_as_json(letter, chosen, marks.get(letter.event_id)), ensure_ascii=False))
        return
    out.print(letters_table(newest, counts.total(), letters.name, chosen, marks, with_handled=handled))
    out.print(counts_table("by reason", "reason", counts))
    if unmet:
        out.print(counts_table("by expectation", "expectation", unmet))


@app.command()
def show(
    view: View,
    position: Annotated[
        str, typer.Argument(help="Where the letter stands, or its event: topic-partition@offset.", metavar="POSITION")
    ],
    late: Late = False,
    plan: PlanFile = None,
    views: ViewsPath = None,
    schemas: SchemasPath = None,
    state: State = DEFAULT_STATE,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array of the letters.")] = False,
) -> None:
    """Show all that is known of a dead letter: where and why, and the event, decoded as far as it can be.

    The position is that of the letter, or that of the event, which may have a letter of each generation. A late event
    is shown as it still stands in its topic.

    Example:  `headwater dead-letters show customer_purchases shop.purchases-2@17`
    """
    from headwater.pipelines.dead_letters.explanation import as_json as letter_as_json
    from headwater.pipelines.dead_letters.explanation import body_of
    from headwater.pipelines.dead_letters.framed_avro import FramedAvro
    from headwater.pipelines.dead_letters.letter import Position
    from headwater.pipelines.dead_letters.marks import read_marks
    from headwater.pipelines.dead_letters.originals import with_original
    from headwater.pipelines.registry import Registry

    wanted = Position.parse(position)
    settings, chosen = settings_and_plan(view, plan, views, schemas, state, "letters")
    with _letters(settings, chosen, late) as letters:
        found = [with_original(letter, settings) for letter in letters.at(wanted)]
        marks = read_marks(settings, letters.name)
    avro = FramedAvro(Registry(settings))
    told = [(letter, marks.get(letter.event_id), body_of(letter, avro)) for letter in found]
    if not as_json:
        for letter, mark, body in told:
            print_letter(out, letter, chosen, mark, body)
        return
    rows = [
        {
            **letter_as_json(letter, chosen, mark),
            "value": None if letter.value is None else letter.value.hex(),
            "body": body.fields,
            "body_problem": body.problem,
        }
        for letter, mark, body in told
    ]
    typer.echo(json.dumps(rows, ensure_ascii=False))


@app.command()
def replay(
    view: View,
    reason: Reasons = None,
    expectation: Unmet = None,
    since: Since = None,
    until: Until = None,
    schema_id: SchemaId = None,
    topic: Topic = None,
    partition: Partition = None,
    generation: Annotated[
        int | None, typer.Option(help="Letters of this generation instead of the view's present one.")
    ] = None,
    limit: Oldest = None,
    dry_run: DryRun = False,
    yes: Yes = False,
    plan: PlanFile = None,
    views: ViewsPath = None,
    schemas: SchemasPath = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Send the events of dead letters back to their partitions, each once, after what was wrong has been mended.

    It can be interrupted and run again. Whatever else reads the topic gets the events again, and other views
    count them a second time, unless they have an event_id.

    Example:  `headwater dead-letters replay customer_purchases --reason unknown_schema --dry-run`
    """
    from headwater.pipelines.dead_letters import handling

    settings, chosen = settings_and_plan(view, plan, views, schemas, state, "letters")
    generation = chosen.generation if generation is None else generation
    selection = selection_of(reason, expectation, since, until, schema_id, topic, partition, generation)
    with _letters(settings, chosen, late=False) as letters:
        task = handling.Task(settings, chosen, letters, selection, limit)
        tally = handling.survey_replay(task)
        if tally.handled and (warning := repetition_warning(chosen)):
            err.print(escape(warning), highlight=False)
        if not dry_run and tally.handled:
            _confirm(yes, f"Send {tally.handled.total()} events of {view} to their topics again?")
            tally = handling.replay(task, _progress("replayed", tally))
    _tell(tally, "replayed", dry_run, as_json)
    if tally.stuck:
        raise typer.Exit(1)


@app.command()
def drop(
    view: View,
    reason: Reasons = None,
    expectation: Unmet = None,
    since: Since = None,
    until: Until = None,
    schema_id: SchemaId = None,
    topic: Topic = None,
    partition: Partition = None,
    generation: Generation = None,
    limit: Oldest = None,
    late: Late = False,
    undo: Annotated[bool, typer.Option("--undo", help="Take the mark from letters that were dropped.")] = False,
    dry_run: DryRun = False,
    yes: Yes = False,
    plan: PlanFile = None,
    views: ViewsPath = None,
    schemas: SchemasPath = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Mark dead letters as done with: they are listed with `--handled` only, and never replayed.

    Example:  `headwater dead-letters drop customer_purchases --reason null_value --until 1d`
    """
    from headwater.pipelines.dead_letters import handling

    settings, chosen = settings_and_plan(view, plan, views, schemas, state, "letters")
    selection = selection_of(reason, expectation, since, until, schema_id, topic, partition, generation)
    done = "restored" if undo else "dropped"
    with _letters(settings, chosen, late) as letters:
        task = handling.Task(settings, chosen, letters, selection, limit)
        tally = handling.survey_drop(task, undo=undo)
        if not dry_run and tally.handled:
            _confirm(yes, f"Mark {tally.handled.total()} events of {view} as {'open' if undo else done}?")
            tally = handling.drop(task, _progress(done, tally), undo=undo)
    _tell(tally, done, dry_run, as_json)


@contextmanager
def _letters(settings: Settings, plan: Plan, late: bool) -> Iterator[LettersTopic]:
    from headwater.pipelines.dead_letters.letters_topic import LettersTopic

    letters = LettersTopic(settings, (plan.late if late else plan.dead_letters).topic)
    try:
        yield letters
    finally:
        letters.close()
    if letters.unreadable:
        err.print(f"[yellow]{len(letters.unreadable)} records were passed over[/]; {letters.unreadable[0]}")


def _confirm(yes: bool, question: str) -> None:
    if not yes:
        typer.confirm(question, abort=True, err=True)


def _progress(done: str, expected: Tally) -> Callable[[int], None]:
    count = 0

    def told(more: int) -> None:
        nonlocal count
        count += more
        err.print(f"{done} {count} of {expected.handled.total()}", highlight=False)

    return told


def _tell(tally: Tally, done: str, dry_run: bool, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"dry_run": dry_run, done: tally.handled, "not_replayable": tally.stuck}))
    else:
        print_tally(out, tally, f"would be {done}" if dry_run else done)
