"""`headwater tail`: what is written to a view's feature log, as it is written."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from headwater.pipelines.commands.console import DEFAULT_STATE, out
from headwater.pipelines.commands.local_stack import State, View, settings_and_plan
from headwater.pipelines.commands.processes import PlanFile, SchemasPath, ViewsPath
from headwater.pipelines.commands.views import instant_ms, parse_entity
from headwater.schemas.feature_log import CAUSES

if TYPE_CHECKING:
    from headwater.pipelines.log_tail import TailedRow, Unreadable

STAGES = {"event_to_broker": "to broker", "broker_to_computed": "computed", "computed_to_read": "in log"}
"""What the columns of times are called."""


def tail(
    view: View,
    entity: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Only this entity; its whole key.")
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Begin with rows emitted from then on: ISO 8601 with zone, epoch seconds, or `10m` ago."),
    ] = None,
    committed: Annotated[
        bool, typer.Option("--committed", help="Only rows of committed transactions, as the offline log has them.")
    ] = False,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="End after so many rows.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print each row as JSON on a line of its own.")] = False,
    state: State = DEFAULT_STATE,
    plan: PlanFile = None,
    views: ViewsPath = None,
    schemas: SchemasPath = None,
) -> None:
    """Follow a view's feature log: its rows as they are written, and how long each took to get there.

    The times are from the event to the broker, from there until the row was computed, and from there until it was read
    from the log here. A row that only the passing of time caused has no event to be late for; a row from before the
    command began was in the log already. Without `--committed`, a row may be of a transaction that is aborted later,
    and then comes once more.

    Example:  `headwater tail customer_purchases customer_id=customer-00001 --since 10m`
    """
    from headwater.pipelines.log_tail import LogTail

    settings, chosen = settings_and_plan(view, plan, views, schemas, state, None)
    key = parse_entity(chosen.entity, entity) if entity else None
    began_with = instant_ms(since, "--since")
    with (
        _ending_quietly(),
        LogTail(settings, chosen, entity=key, since_ms=began_with, committed=committed) as log,
    ):
        for row in islice(log.rows(), limit):
            _write(json.dumps(_as_json(row)) + "\n" if as_json else _as_text(row))


@contextlib.contextmanager
def _ending_quietly() -> Iterator[None]:
    """Ctrl-C, and a reader of the output that has seen enough, are how following ends."""
    try:
        yield
    except KeyboardInterrupt:
        pass
    except BrokenPipeError:
        # Python flushes the output once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _as_json(row: TailedRow | Unreadable) -> dict[str, Any]:
    from headwater.pipelines.log_tail import Unreadable

    if isinstance(row, Unreadable):
        return asdict(row)
    header = row.header
    return {
        "partition": row.partition,
        "offset": row.offset,
        "entity": {name: _plain(value) for name, value in row.entity.items()},
        "version": {"generation": header.generation, "clock": header.clock_us, "n": header.n},
        "event_time": _iso(header.event_time_us / 1e6),
        "computed_at": _iso(header.computed_at_ms / 1e3),
        "cause": CAUSES[header.cause],
        "seconds": asdict(row.times),
        "values": {name: _plain(value) for name, value in row.values.items()},
    }


def _as_text(row: TailedRow | Unreadable) -> str:
    from headwater.pipelines.log_tail import Unreadable

    place = f"{row.partition}@{row.offset}"
    if isinstance(row, Unreadable):
        text = Text(f"{place}  cannot be decoded: {row.reason}", style="red")
    else:
        emitted = datetime.fromtimestamp(row.header.computed_at_ms / 1000).astimezone()
        entity = " ".join(f"{name}={_plain(value)}" for name, value in row.entity.items())
        text = Text.assemble(
            (f"{emitted:%H:%M:%S}.{emitted.microsecond // 1000:03d}  {place:<10} ", "dim"),
            (f"{entity}  ", "bold"),
            f"n={row.header.n:<5} ",
            (f"{CAUSES[row.header.cause].lower():<6} ", "dim"),
        )
        for name, title in STAGES.items():
            seconds = getattr(row.times, name)
            text.append(f" {title} ", "dim").append("-" if seconds is None else f"{seconds:.3f} s", "cyan")
        text.append("  ")
        for name, value in row.values.items():
            text.append(f" {name}=", "dim").append("-" if value is None else str(_plain(value)))
    with out.capture() as written:
        out.print(text, soft_wrap=True, highlight=False)
    return written.get()


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return [_plain(each) for each in value] if isinstance(value, list) else value


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
