"""`headwater lineage`: which field of which topic feeds which feature in which store."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from headwater.pipelines.commands.console import AsJson, new_table, out
from headwater.schemas.errors import FormatError

if TYPE_CHECKING:
    from headwater.pipelines.settings import Settings
    from headwater.schemas.plan import Plan


def lineage(
    path: Annotated[Path, typer.Argument(help="A file of feature views, or a directory of such files.")],
    schemas: Annotated[
        Path | None, typer.Option("--schemas", help="Avro files, if not beside the views.", show_default=False)
    ] = None,
    field: Annotated[
        str | None,
        typer.Option("--field", help="Only what this field reaches, such as customer.email.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    open_lineage: Annotated[
        bool, typer.Option("--openlineage", help="Print an OpenLineage event for each view, a line each.")
    ] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Send those events where OPENLINEAGE_URL says, or openlineage.yml.")
    ] = False,
) -> None:
    """Say which field of which topic feeds which feature in which store, and what it says of people.

    What decides which events count, whose they are and when they were, is told of the view as a whole. Nothing needs to
    run for it; the names of the stores are those of the settings.

    Example:  `headwater lineage my_views/ --field customer.email`
    """
    from headwater.pipelines.declarations import load_plans
    from headwater.pipelines.settings import load_settings

    settings = load_settings()
    plans = [view.plan for view in load_plans(path, schemas)]
    if open_lineage or send:
        _openlineage(settings, plans, send)
        return
    rows = [row for plan in plans for row in _rows(settings, plan) if field in {None, row["field"]}]
    if field is not None and not rows:
        raise FormatError(f"--field {field}: no view there reads a field of this name; give its dotted path")
    if as_json:
        out.print_json(data=rows)
        return
    table = new_table("lineage", "view", "feature", "as", "topic", "field", "personal data")
    for row in rows:
        table.add_row(
            *(escape(str(row[name])) for name in ("view", "feature", "as", "topic", "field", "personal_data"))
        )
    out.print(table)
    for plan in plans:
        out.print(f"{plan.view} is in {', '.join(_stores(settings, plan))}", highlight=False, soft_wrap=True)


def _openlineage(settings: Settings, plans: list[Plan], send: bool) -> None:
    from openlineage.client.serde import Serde

    from headwater.pipelines.open_lineage import job_event, send_events

    events = [job_event(settings, plan) for plan in plans]
    if send:
        send_events(events)
        out.print(f"sent {len(events)} events", highlight=False)
        return
    for event in events:
        out.print(Serde.to_json(event), highlight=False, soft_wrap=True, markup=False)


def _rows(settings: Settings, plan: Plan) -> list[dict[str, Any]]:
    from headwater.schemas.lineage import lineage_of

    found = lineage_of(plan)
    of_features = [(each.feature, each.aggregate, each.field) for each in found.features]
    of_view = [("all features", use, each) for each, use in found.view]
    return [
        {
            "view": plan.view,
            "feature": feature,
            "as": how,
            "topic": each.topic,
            "field": each.name,
            "personal_data": each.personal_data,
            "stores": _stores(settings, plan),
        }
        for feature, how, each in (*of_features, *of_view)
    ]


def _stores(settings: Settings, plan: Plan) -> list[str]:
    from headwater.pipelines.lineage_stores import stores_of

    return [str(each) for each in stores_of(settings, plan)]
