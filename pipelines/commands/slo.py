"""`headwater slo generate`: alerts and error budgets from the objectives of views."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from headwater.pipelines.commands.console import new_table, out

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.callback()
def _slo() -> None:
    """Service-level objectives: what views promise, as rules for Prometheus."""


@app.command()
def generate(
    path: Annotated[Path, typer.Argument(help="A file of feature views, or a directory of such files.")],
    destination: Annotated[
        Path | None,
        typer.Option("--out", help="Where to write `<view>.rules.yaml`, if not beside the views.", show_default=False),
    ] = None,
    schemas: Annotated[
        Path | None, typer.Option("--schemas", help="Avro files, if not beside the views.", show_default=False)
    ] = None,
    runbooks: Annotated[
        str | None,
        typer.Option("--runbooks", help="Where people find `operating.md`, for alerts' links.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Write the Prometheus rules of feature views: burn-rate alerts, error budgets, an alert for each condition.

    Keep the files beside the views, under version control: the same view gives the same bytes.

    Example:  `headwater slo generate my_views/ --runbooks https://docs.example/operating.html`
    """
    from headwater.pipelines.declarations import load_plans
    from headwater.pipelines.slo.files import write_rules
    from headwater.pipelines.slo.rules import RUNBOOKS

    views = load_plans(path, schemas)
    files = write_rules(views, destination, runbooks or RUNBOOKS)
    rows = [
        {"view": view.plan.view, "objectives": [each.kind for each in view.plan.objectives], "rules": str(file)}
        for view, file in zip(views, files, strict=True)
    ]
    if as_json:
        out.print_json(data=rows)
        return
    table = new_table(f"rules for {path}", "view", "objectives", "rules")
    for view, file in zip(views, files, strict=True):
        table.add_row(view.plan.view, ", ".join(each.kind for each in view.plan.objectives) or "none", str(file))
    out.print(table)
