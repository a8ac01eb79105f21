"""`headwater bench`: measurements, with the conditions under which they were made."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from headwater.pipelines.commands.console import err, new_table, out
from headwater.schemas.errors import SettingsError

if TYPE_CHECKING:
    from headwater.pipelines.bench.aggregates import Comparison
    from headwater.pipelines.bench.figures import Machine
    from headwater.schemas.plan import AggregateName

app = typer.Typer(no_args_is_help=True, help="Measure what the kernel costs on this machine.")


@app.callback()
def _measurements() -> None:
    """Measure what the kernel costs on this machine. Each result is compared with the reference before it is shown."""


@app.command()
def aggregates(
    names: Annotated[
        list[str] | None, typer.Argument(help="Only these aggregates; by default all.", show_default=False)
    ] = None,
    events: Annotated[int, typer.Option(min=1000, help="Events of a stream.")] = 200_000,
    keys: Annotated[int, typer.Option(min=1, help="Keys of a stream.")] = 5_000,
    rate: Annotated[int, typer.Option(min=1, help="Events for each second of event time.")] = 500,
    repeats: Annotated[int, typer.Option(min=1, help="Pairs of runs, in turn, of which the median counts.")] = 5,
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the figures to this file as well.", show_default=False)
    ] = None,
) -> None:
    """Bytes of state a key and CPU an event: of each aggregate beside the count, and of 20 windows beside 1.

    Runs the kernel's own code in one Java thread, on keys that are drawn uniformly and by Zipf's law.

    Example:  `headwater bench aggregates sum last --repeats 3 --json figures.json`
    """
    from headwater.pipelines.bench.aggregates import Effort, compare_all, figures_of
    from headwater.pipelines.bench.figures import this_machine, write_figures

    effort = Effort(events, keys, rate, repeats)
    machine = this_machine()
    comparisons: list[Comparison] = []
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as bar:
        task = bar.add_task("")

        def show(what: str, done: int, total: int) -> None:
            bar.update(task, description=what, completed=done, total=total)

        comparisons.extend(compare_all(effort, _known(names), show))
    figures = figures_of(comparisons, effort)
    out.print(_aggregates_table(comparisons))
    out.print(_windows_table(comparisons))
    out.print(_machine_line(machine), highlight=False)
    out.print(figures[0].conditions, style="dim", highlight=False)
    if json_file is not None:
        write_figures(json_file, figures, machine)


def _known(names: Sequence[str] | None) -> list[AggregateName]:
    from headwater.pipelines.bench.views import FEATURES

    unknown = [name for name in names or () if name not in FEATURES]
    if unknown:
        raise SettingsError(f"there is no aggregate {', '.join(unknown)}: choose from {', '.join(FEATURES)}")
    return cast("list[AggregateName]", list(names or FEATURES))


def _aggregates_table(comparisons: Sequence[Comparison]) -> Table:
    table = new_table(
        "aggregates", "aggregate", "keys drawn", "state B/key", "of count", "CPU µs/event", "of count", "rows/event"
    )
    for each in comparisons:
        if not each.of_windows:
            table.add_row(each.name, each.distribution, *_costs(each))
    return table


def _windows_table(comparisons: Sequence[Comparison]) -> Table:
    from headwater.pipelines.bench.aggregates import WINDOWS_GOAL

    table = new_table(
        "20 windows beside 1",
        "aggregates",
        "keys drawn",
        "state B/key",
        "of 1",
        "CPU µs/event",
        "of 1",
        "rows/event",
        f"ratio, goal {WINDOWS_GOAL}",
    )
    for each in comparisons:
        if each.of_windows:
            table.add_row(each.name, each.distribution, *_costs(each), f"{each.cpu_ratio:.2f}")
    return table


def _costs(comparison: Comparison) -> tuple[str, ...]:
    measured, baseline = comparison.measured, comparison.baseline
    return (
        f"{measured.state_bytes_per_key:.0f}",
        f"{baseline.state_bytes_per_key:.0f}",
        f"{measured.cpu_us_per_event:.3f}",
        f"{baseline.cpu_us_per_event:.3f}",
        f"{measured.rows_per_event:.2f}",
    )


def _machine_line(machine: Machine) -> str:
    return (
        f"{machine.cpu}, {machine.cores} cores, {machine.memory_bytes / 2**30:.1f} GiB; {machine.java}; "
        f"Flink {machine.flink}; Headwater {machine.headwater}; load {machine.load_average:.1f}"
    )
