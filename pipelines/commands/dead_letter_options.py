"""What the commands about dead letters are told: which letters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from headwater.pipelines.commands.views import instant_ms
from headwater.schemas.dead_letter import Reason

if TYPE_CHECKING:
    from headwater.pipelines.dead_letters.letter import Selection

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
