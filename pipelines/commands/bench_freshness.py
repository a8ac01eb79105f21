"""`headwater bench freshness`: how long after it happened a reader sees an event."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from headwater.pipelines.commands.bench_output import Drawn, JsonFile, conclude, duration_ms, measuring
from headwater.pipelines.commands.bench_plot import columns
from headwater.pipelines.commands.console import new_table, out

if TYPE_CHECKING:
    from headwater.pipelines.bench.freshness import Freshness

PLOT_COLUMNS = 100


def freshness(
    rate: Annotated[int, typer.Option(min=10, help="Events a second.")] = 5_000,
    seconds: Annotated[int, typer.Option(min=2, help="How long, after warming up.")] = 90,
    keys: Annotated[int, typer.Option(min=1, help="Keys of the events.")] = 10_000,
    drawn: Annotated[Drawn, typer.Option("--drawn", help="How the keys are drawn: Zipf 1.1, uniformly.")] = Drawn.ZIPF,
    checkpoints: Annotated[
        str, typer.Option(help="Times between checkpoints, with commas between them.")
    ] = "1s,10s,60s",
    emission: Annotated[str, typer.Option(help="A key's row is written at most once in this time.")] = "200ms",
    parallelism: Annotated[int, typer.Option(min=1, help="Subtasks of each operator.")] = 1,
    kill: Annotated[bool, typer.Option("--kill", help="Kill the TaskManager in the middle.")] = False,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Write latency over time there, as a PNG.", show_default=False)
    ] = None,
    json_file: JsonFile = None,
) -> None:
    """From when an event is to be sent to when a reader that polls Redis sees it, at a set rate, in an open loop.

    A stall counts for every event that should have been sent meanwhile. The sender, the servers and the reader share
    this machine.

    Example:  `headwater bench freshness --rate 20000 --checkpoints 10s --kill`
    """
    from headwater.pipelines.bench.events import EventShape
    from headwater.pipelines.bench.figures import this_machine
    from headwater.pipelines.bench.freshness import WARM_UP_SECONDS, Load, measure
    from headwater.pipelines.bench.freshness_figures import figures_of
    from headwater.pipelines.bench.freshness_plot import save_plot
    from headwater.pipelines.bench.servers import servers

    intervals_ms = [duration_ms(each, "--checkpoints") for each in checkpoints.split(",")]
    duration_ms(emission, "--emission")
    machine = this_machine()
    results: list[Freshness] = []
    with measuring() as show, servers(lambda what: show(what, 0, 0), slots=parallelism) as found:
        for distribution in drawn.distributions():
            shape = EventShape((WARM_UP_SECONDS + seconds) * rate, keys, rate, distribution)
            results.extend(measure(found, Load(shape, seconds, emission, kill), intervals_ms, show))
        cpu_seconds = found.cpu_seconds()
    for each in results:
        out.print(_table(each))
        out.print("the worst of each span of time:", style="dim")
        out.print(columns(_worst(each), "ms"), highlight=False, markup=False)
    conclude(figures_of(results), machine, json_file, cpu_seconds)
    if plot is not None:
        save_plot(results, plot)


def _table(found: Freshness) -> Table:
    from headwater.pipelines.bench.freshness_figures import STAGES, stage

    title = f"freshness, checkpoint each {found.checkpoint_ms / 1000:g} s, {found.load.shape.distribution}, in ms"
    table = new_table(title, "stage", "p50", "p90", "p99", "p99.9", "max")
    for name, text in STAGES.items():
        table.add_row(text, *(f"{value:,.1f}" for value in stage(found, name).values()))
    return table


def _worst(found: Freshness) -> Sequence[float | None]:
    """The greatest latency of each of the spans of time into which the run is cut."""
    worst: list[float | None] = [None] * min(PLOT_COLUMNS, found.load.seconds)
    for seen in found.seen:
        place = (seen.at_us - found.start_us) * len(worst) // (found.load.seconds * 1_000_000)
        place = min(max(place, 0), len(worst) - 1)
        worst[place] = max(worst[place] or 0.0, seen.total_ms, 0.1)
    return worst
