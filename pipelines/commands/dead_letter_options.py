"""What the commands about dead letters are told: which view, on which services, and which letters."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headwater.pipelines.commands.local_stack import running_stack
from headwater.pipelines.commands.processes import chosen_plan
from headwater.pipelines.commands.views import parse_instant
from headwater.schemas.dead_letter import Reason
from headwater.schemas.durations import to_ms
from headwater.schemas.errors import SettingsError

if TYPE_CHECKING:
    from headwater.pipelines.dead_letters.letter import Selection
    from headwater.pipelines.settings import Settings
    from headwater.schemas.plan import Plan

View = Annotated[str, typer.Argument(help="Name of the feature view.")]
State = Annotated[Path, typer.Option(help="State directory of the local stack, used unless a plan or views are given.")]
Late = Annotated[bool, typer.Option("--late", help="The view's late events instead of its dead letters.")]
Reasons = Annotated[
    list[Reason] | None, typer.Option("--reason", help="Only this reason; may be repeated.", show_default=False)
]
Unmet = Annotated[
    str | None,
    typer.Option(
        "--expectation", help="Only events that did not meet the expectation of this name.", show_default=False
    ),
]
Since = Annotated[
    str | None,
    typer.Option(
        help="Only events with a record timestamp from then on: ISO 8601 with zone, epoch seconds, or `2h` ago."
    ),
]
Until = Annotated[str | None, typer.Option(help="Only events with a record timestamp before then; as --since.")]
SchemaId = Annotated[int | None, typer.Option(help="Only events that name this schema id.", show_default=False)]
Topic = Annotated[str | None, typer.Option(help="Only events of this topic.", show_default=False)]
Partition = Annotated[int | None, typer.Option(help="Only events of this partition.", show_default=False)]
Generation = Annotated[
    int | None, typer.Option(help="Only letters of this generation; 0: written before letters named theirs.")
]
Oldest = Annotated[int | None, typer.Option("--limit", min=1, help="At most so many events, the oldest.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def instant_ms(text: str | None, option: str) -> int | None:
    """Milliseconds since the epoch of an instant, or of so long ago.

    Raises:
        FormatError: it is neither; names the option.
    """
    if text is None:
        return None
    try:
        return time.time_ns() // 1_000_000 - to_ms(text)
    except ValueError:
        instant = parse_instant(text, option)
    return int((instant.timestamp() if isinstance(instant, datetime) else instant) * 1000)


def selection_of(
    reasons: list[Reason] | None,
    expectation: str | None,
    since: str | None,
    until: str | None,
    schema_id: int | None,
    topic: str | None,
    partition: int | None,
    generation: int | None,
) -> Selection:
    """The letters that a command's options mean.

    Raises:
        FormatError: an instant is none.
    """
    from headwater.pipelines.dead_letters.letter import Selection

    return Selection(
        reasons=frozenset(reason.value for reason in reasons or ()),
        expectation=expectation,
        since_ms=instant_ms(since, "--since"),
        until_ms=instant_ms(until, "--until"),
        schema_id=schema_id,
        topic=topic,
        partition=partition,
        generation=generation,
    )


def settings_and_plan(
    view: str, plan: Path | None, views: Path | None, schemas: Path | None, state: Path
) -> tuple[Settings, Plan]:
    """Where the view's topics are, and its plan: of a deployment if options name a plan, else of the local stack.

    Raises:
        SettingsError: the options do not fit together.
        StackError: no stack runs in the state directory.
        DeclarationError: the declarations are wrong.
    """
    from headwater.pipelines.logs import configure_logging
    from headwater.pipelines.settings import load_settings

    if plan is None and views is None:
        settings, chosen = _of_local_stack(view, state)
    else:
        settings, chosen = load_settings(), chosen_plan(plan, views, view, schemas)
    if chosen.view != view:
        raise SettingsError(f"--plan {plan} is of the view {chosen.view}, not of {view}")
    configure_logging(settings)
    return settings, chosen


def _of_local_stack(view: str, state: Path) -> tuple[Settings, Plan]:
    from headwater.pipelines.security.grants import NAMES
    from headwater.pipelines.stack.security import settings_of

    stack = running_stack(
        state, "give --plan or --views, and settings such as HEADWATER_KAFKA_BOOTSTRAP_SERVERS, for a deployment"
    )
    plans = {each.view: each.plan for each in stack.views}
    if view not in plans:
        raise SettingsError(f"the stack in {state} has the views {', '.join(plans)}, not {view}")
    return settings_of(stack, NAMES.format(component="letters", view=view)), chosen_plan(plans[view], None, None, None)
