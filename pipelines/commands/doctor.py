"""`headwater doctor`: looks at an environment before anything is deployed into it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from headwater.pipelines.commands.console import AsJson, new_table, out

if TYPE_CHECKING:
    from headwater.pipelines.doctor.examination import Found

COLOURS = {"ok": "green", "warning": "yellow", "fault": "red"}


def doctor(
    plan: Annotated[
        list[Path] | None,
        typer.Option("--plan", help="A compiled plan whose topics and subjects are looked at too.", show_default=False),
    ] = None,
    views: Annotated[
        Path | None, typer.Option("--views", help="Declarations to take all plans from.", show_default=False)
    ] = None,
    schemas: Annotated[
        Path | None, typer.Option("--schemas", help="Avro files, if not beside --views.", show_default=False)
    ] = None,
    skip: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PART",
            help="Leave out kafka, registry, redis, offline, checkpoints, flink or machine.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look at everything that a deployment needs, and say of each thing how it is and how to mend it.

    Set `HEADWATER_KAFKA_BOOTSTRAP_SERVERS`, `HEADWATER_REDIS_URL` and so on to where you will deploy, and run it there,
    as the user who will run the processes. It writes one record to a topic of its own, one row to Redis and one file to
    each store, and takes them away. `--skip flink` where the cluster comes with the job, as on Kubernetes. Exit code 1
    if there is a fault.

    Example:  `headwater doctor --plan purchases.plan.json --skip flink`
    """
    from headwater.pipelines.commands.processes import chosen_plan
    from headwater.pipelines.declarations import load_plans
    from headwater.pipelines.doctor.examination import examine
    from headwater.pipelines.logs import configure_logging
    from headwater.pipelines.settings import load_settings

    settings = load_settings()
    configure_logging(settings)
    plans = [chosen_plan(each, None, None, None) for each in plan or ()]
    if views is not None:
        plans += [each.plan for each in load_plans(views, schemas)]
    found = list(examine(settings, plans, skip or ()))
    if as_json:
        out.print_json(data=[{"part": part, **asdict(finding)} for part, finding in found])
    else:
        _print(found)
    if any(each.finding.level == "fault" for each in found):
        raise typer.Exit(1)


def _print(found: list[Found]) -> None:
    count = {level: sum(each.finding.level == level for each in found) for level in COLOURS}
    title = ", ".join(
        f"{count[level]} {level}{'s' if level != 'ok' and count[level] != 1 else ''}" for level in COLOURS
    )
    table = new_table(title, "part", "check", "", "how it is", "remedy")
    for part, finding in found:
        level = f"[{COLOURS[finding.level]}]{finding.level}[/]"
        table.add_row(part, escape(finding.check), level, escape(finding.what), escape(finding.remedy))
    out.print(table)
