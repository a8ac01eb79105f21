"""`headwater bench`: measurements, with the conditions under which they were made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, cast

import typer
from rich.table import Table

from headwater.pipelines.commands.bench_archive import archive
from headwater.pipelines.commands.bench_drain import drain
from headwater.pipelines.commands.bench_freshness import freshness
from headwater.pipelines.commands.bench_metrics import metrics
from headwater.pipelines.commands.bench_online import online
from headwater.pipelines.commands.bench_output import JsonFile, conclude, progress_bar
from headwater.pipelines.commands.bench_peers import peers
from headwater.pipelines.commands.bench_report import report
from headwater.pipelines.commands.bench_scale import scale
from headwater.pipelines.commands.console import new_table, out
from headwater.schemas.errors import SettingsError

if TYPE_CHECKING:
    from headwater.pipelines.bench.aggregates import Comparison
    from headwater.schemas.plan import AggregateName

app = typer.Typer(no_args_is_help=True, help="Measure on this machine what Headwater costs.")
app.command()(drain)
app.command()(online)
app.command()(archive)
app.command()(freshness)
app.command()(metrics)
app.command()(peers)
app.command()(scale)
app.command()(report)


@app.callback()
def _measurements() -> None:
    """Measure on this machine what Headwater costs. Each result is compared with the reference before it is shown."""


@app.command()
def aggregates(
    names: Annotated[
        list[str] | None, typer.Argument(help="Only these aggregates; by default all.", show_default=False)
    ] = None,
    events: Annotated[int, typer.Option(min=1000, help="Events of a stream.")] = 200_000,
    keys: Annotated[int, typer.Option(min=1, help="Keys of a stream.")] = 5_000,
    rate: Annotated[int, typer.Option(min=1, help="Events for each second of event time.")] = 500,
    repeats: Annotated[int, typer.Option(min=1, help="Pairs of runs, in turn, of which the median counts.")] = 5,
    json_file: JsonFile = None,
) -> None:
    """Bytes of state a key and CPU an event: of each aggregate beside the count, and of 20 windows beside 1.

    Runs the kernel's own code in one Java thread, on keys that are drawn uniformly and by Zipf's law.

    Example:  `headwater bench aggregates sum last --repeats 3 --json figures.json`
    """
    from headwater.pipelines.bench.aggregates import Effort, compare_all, figures_of
    from headwater.pipelines.bench.figures import this_machine

    effort = Effort(events, keys, rate, repeats)
    machine = this_machine()
    comparisons: list[Comparison] = []
    with progress_bar() as show:
        comparisons.extend(compare_all(effort, _known(names), show))
    figures = figures_of(comparisons, effort)
    out.print(_aggregates_table(comparisons))
    out.print(_windows_table(comparisons))
    conclude(figures, machine, json_file)


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
