"""`headwater compile` and `headwater get`: declarations in, features out."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group

from headwater.pipelines.commands.console import DEFAULT_STATE, new_table, out
from headwater.pipelines.commands.local_stack import running_stack, settings_as
from headwater.schemas.durations import to_ms
from headwater.schemas.errors import FormatError

if TYPE_CHECKING:
    from headwater.pipelines.reader import FeatureRow
    from headwater.pipelines.settings import Settings
    from headwater.schemas.keys import EntityField, KeyValue


def compile_views(
    path: Annotated[Path, typer.Argument(help="A file of feature views, or a directory of such files.")],
    destination: Annotated[Path, typer.Option("--out", help="Where to write `<view>.plan.json`.")] = Path(),
    schemas: Annotated[
        Path | None, typer.Option("--schemas", help="Avro files, if not beside the views.", show_default=False)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Check feature views and write their plans, the only thing that a job reads.

    All mistakes are shown at once, each with its file and field. Nothing needs to run for it.

    Example:  `headwater compile my_views/ --out plans/`
    """
    from headwater.pipelines.declarations import load_plans

    compiled = load_plans(path, schemas)
    destination.mkdir(parents=True, exist_ok=True)
    rows = []
    for each in compiled:
        file = destination / f"{each.plan.view}.plan.json"
        file.write_text(each.plan.canonical_json(), encoding="utf-8")
        rows.append(
            {
                "view": each.plan.view,
                "generation": each.plan.generation,
                "features": len(each.plan.features),
                "plan": str(file),
                "sha256": each.plan.digest(),
            }
        )
    if as_json:
        out.print_json(data=rows)
        return
    table = new_table(f"compiled {path}", "view", "generation", "features", "plan", "sha256")
    for row in rows:
        table.add_row(*(str(value) for value in {**row, "sha256": str(row["sha256"])[:12]}.values()))
    out.print(table)


def get(
    view: Annotated[str, typer.Argument(help="Name of the feature view.")],
    entity: Annotated[list[str], typer.Argument(metavar="KEY=VALUE...", help="The entity's key, field by field.")],
    as_of: Annotated[
        str | None,
        typer.Option("--as-of", help="Instant to let windows decay to: ISO 8601 with zone, or epoch seconds."),
    ] = None,
    state: Annotated[
        Path, typer.Option(help="State directory of the local stack, used unless HEADWATER_REDIS_URL is set.")
    ] = DEFAULT_STATE,
    as_json: Annotated[bool, typer.Option("--json", help="Print the row as JSON.")] = False,
) -> None:
    """Read an entity's features from the online store, and how far to trust them.

    FRESH: as new as the view promises. STALE: not. EXPIRED: too old to use. MISSING: no such entity.

    Example:  `headwater get customer_purchases customer_id=customer-00001`
    """
    from headwater.pipelines.reader import OnlineReader

    with OnlineReader(_reader_settings(state, view), view) as reader:
        key = parse_entity(reader.plan().entity, entity)
        row = reader.get(None if as_of is None else parse_instant(as_of), **key)
    if as_json:
        out.print_json(data=_as_json(row))
    else:
        out.print(_row_table(view, row))


def parse_entity(fields: Sequence[EntityField], texts: Sequence[str]) -> dict[str, KeyValue]:
    """The key fields of texts such as `customer_id=42`, of the types that the view declares.

    Raises:
        FormatError: a field is missing, unknown, or not of its type.
    """
    given = dict(text.partition("=")[::2] for text in texts)
    names = [field.name for field in fields]
    if sorted(given) != sorted(names) or len(given) != len(texts):
        raise FormatError(f"the entity's key is {' '.join(f'{name}=...' for name in names)}, not {' '.join(texts)}")
    return {field.name: _key_value(field, given[field.name]) for field in fields}


def parse_instant(text: str, option: str = "--as-of") -> datetime | float:
    """An instant from ISO 8601 with a zone, or from seconds since the epoch; `option` is where it was given.

    Raises:
        FormatError: it is neither.
    """
    try:
        return float(text)
    except ValueError:
        pass
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise FormatError(f"{option} {text}: write 2026-01-31T12:00:00Z or seconds since the epoch") from error
    if instant.tzinfo is None:
        raise FormatError(f"{option} {text}: has no time zone; write {text}Z for UTC")
    return instant


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


def _key_value(field: EntityField, text: str) -> KeyValue:
    try:
        if field.type == "long":
            return int(text)
        if field.type == "boolean":
            return {"true": True, "false": False}[text.lower()]
        return bytes.fromhex(text) if field.type == "bytes" else text
    except (ValueError, KeyError) as error:
        forms = {"long": "a whole number", "boolean": "true or false", "bytes": "hexadecimal digits"}
        raise FormatError(f"{field.name}={text}: must be {forms[field.type]}") from error


def _reader_settings(state: Path, view: str) -> Settings:
    if "HEADWATER_REDIS_URL" in os.environ:
        from headwater.pipelines.settings import load_settings

        return load_settings()
    stack = running_stack(state, "set HEADWATER_REDIS_URL to the online store of a deployment")
    return settings_as(stack, "reader", view)


def _as_json(row: FeatureRow) -> dict[str, Any]:
    data = asdict(row)
    for name in ("as_of", "clock", "event_time"):
        data[name] = data[name] and data[name].isoformat()
    data["entity"], data["values"] = ({k: _plain(v) for k, v in data[name].items()} for name in ("entity", "values"))
    return {**data, "version": row.version and row.version._asdict(), "pending": sorted(row.pending)}


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


def _row_table(view: str, row: FeatureRow) -> Group:
    entity = ", ".join(f"{name}={_plain(value)}" for name, value in row.entity.items())
    colour = {"fresh": "green", "stale": "yellow", "expired": "red", "missing": "red"}[row.status.value]
    age = "unknown" if row.age is None else f"{row.age:.3f} s"
    table = new_table(f"{view}  {entity}", "feature", "value", "")
    for name, value in row.values.items():
        table.add_row(name, "-" if value is None else str(_plain(value)), "decaying" if name in row.pending else "")
    newest = f", newest event {row.event_time.isoformat()}" if row.event_time else ""
    return Group(table, f"[{colour}]{row.status.value.upper()}[/]  age {age}{newest}")
