"""`headwater bench report`: measured figures as pages of the documentation."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Annotated

import typer

from headwater.pipelines.commands.console import out

REASONS = "missed.toml"


def report(
    files: Annotated[list[Path], typer.Argument(help="What `headwater bench ... --json` wrote.", show_default=False)],
    page: Annotated[Path, typer.Option("--out", help="Where the page of results goes.")] = Path("results.md"),
    capacity: Annotated[
        Path | None, typer.Option(help="Where the page of capacities goes.", show_default=False)
    ] = None,
) -> None:
    """The page of results, and the page of capacities that follow from them.

    Why a goal is missed is read from missed.toml beside the first file, if there is one: figure = "reason".

    Example:  `headwater bench report pipelines/bench/results/*.json --out pipelines/bench/results.md`
    """
    from headwater.pipelines.bench.capacity import capacity_page
    from headwater.pipelines.bench.report import read_reports, results_page

    reports = read_reports(files)
    reasons_file = files[0].parent / REASONS
    reasons: dict[str, str] = tomllib.loads(reasons_file.read_text(encoding="utf-8")) if reasons_file.is_file() else {}
    page.write_text(results_page(reports, reasons), encoding="utf-8")
    out.print(f"{sum(len(each.figures) for each in reports)} figures of {len(reports)} runs: {page}")
    if capacity is not None:
        capacity.write_text(capacity_page(reports), encoding="utf-8")
        out.print(f"capacities: {capacity}")
