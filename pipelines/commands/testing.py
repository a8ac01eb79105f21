"""`headwater test`: the tests that lie beside feature views."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from headwater.pipelines.commands.console import new_table, out

if TYPE_CHECKING:
    from headwater.pipelines.view_tests import Outcome


def run_tests(
    path: Annotated[Path, typer.Argument(help="A directory of views and tests, or one file of tests.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print what came out as JSON.")] = False,
) -> None:
    """Run the tests that lie beside feature views, and show what failed.

    They are pytest's `test_*.py`; each gives a view a table of events and asks it for values at times (see
    `headwater.pipelines.testing`). Nothing needs to run for it, neither Flink nor Java.

    Example:  `headwater test my_views/`
    """
    from headwater.pipelines.view_tests import run_view_tests

    outcome = run_view_tests(path)
    if as_json:
        out.print_json(data=asdict(outcome))
    else:
        if outcome.failures:
            out.print(_failures_table(outcome))
        colour = "red" if outcome.failed else "green"
        skipped = f", {outcome.skipped} skipped" if outcome.skipped else ""
        out.print(f"[{colour}]{outcome.passed} passed, {outcome.failed} failed{skipped}[/]", highlight=False)
    if outcome.failed:
        raise typer.Exit(1)


def _failures_table(outcome: Outcome) -> Table:
    count = outcome.failed
    table = new_table(
        f"{count} test{'s' if count > 1 else ''} failed", "view", "test", "asked", "feature", "expected", "came out"
    )
    for each in outcome.failures:
        test = f"{each.where}  {each.test.partition('::')[2]}"
        table.add_row(*map(escape, (each.view, test, each.asked, each.feature, each.expected, each.actual)))
    return table
