"""`headwater watch`: one process that looks whether views keep what they promise."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headwater.pipelines.commands.board import (
    WEB,
    Anyone,
    PrometheusUrl,
    Scrape,
    State,
    collector,
    served,
)
from headwater.pipelines.commands.console import DEFAULT_STATE
from headwater.pipelines.commands.processes import SchemasPath, chosen_plan, require
from headwater.schemas.errors import SettingsError

if TYPE_CHECKING:
    from headwater.schemas.plan import Plan


def watch(
    plan: Annotated[
        list[Path] | None, typer.Option("--plan", help="A compiled plan; may be given again.", show_default=False)
    ] = None,
    views: Annotated[
        Path | None, typer.Option("--views", help="Declarations to take all views from instead.", show_default=False)
    ] = None,
    schemas: SchemasPath = None,
    web: Annotated[
        str | None,
        typer.Option("--web", metavar="HOST:PORT", help="Serve the board there as well.", show_default=False),
    ] = None,
    state: State = DEFAULT_STATE,
    scrape: Scrape = None,
    prometheus: PrometheusUrl = None,
    anyone: Anyone = False,
) -> None:
    """Look whether views keep what they promise: compare both stores and the reference, send probes, find drift.

    Example:  `headwater watch --plan purchases.plan.json --plan clicks.plan.json`

    It serves what it finds at /metrics, and says each row that differs in its log. One process may watch many views.
    With `--web` it also serves the page of `headwater board`, which has the same rules and looks where `--scrape`,
    `--prometheus` or the local stack say: this process itself hears nothing from the others.
    """
    require("deltalake", "watch")
    import structlog

    from headwater.pipelines.board.collector import INTERVAL_SECONDS
    from headwater.pipelines.logs import configure_logging
    from headwater.pipelines.settings import load_settings
    from headwater.pipelines.watch import process

    if web is None and (scrape or prometheus or anyone):
        raise SettingsError(
            f"--scrape, --prometheus and --anyone are for the board: give --web HOST:PORT, such as {WEB}"
        )
    settings = load_settings()
    configure_logging(settings)
    plans = _all_plans(plan or [], views, schemas)
    if web is None:
        process.run(settings, plans)
        return
    looks = collector(state, scrape, prometheus, plans, INTERVAL_SECONDS)
    with served(looks, settings, web, anyone=anyone) as url:
        structlog.get_logger(__name__).info("board_listening", url=url)
        process.run(settings, plans)


def _all_plans(files: list[Path], views: Path | None, schemas: Path | None) -> list[Plan]:
    if bool(files) == (views is not None):
        raise SettingsError("give either --plan FILE, once or more often, or --views PATH")
    if views is None:
        return [chosen_plan(file, None, None, None) for file in files]
    from headwater.pipelines.declarations import load_plans

    return [each.plan for each in load_plans(views, schemas)]
