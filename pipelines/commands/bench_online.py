"""`headwater bench online`: what writing to Redis and reading from it cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from headwater.pipelines.commands.bench_output import Drawn, JsonFile, conclude, measuring
from headwater.pipelines.commands.console import new_table, out

if TYPE_CHECKING:
    from headwater.pipelines.bench.online import Reads, Writes


def online(
    rows: Annotated[int, typer.Option(min=20_000, help="Rows of a log.")] = 500_000,
    keys: Annotated[int, typer.Option(min=1, help="Keys of a log.")] = 100_000,
    drawn: Annotated[Drawn, typer.Option("--drawn", help="How the keys are drawn: Zipf 1.1, uniformly.")] = Drawn.BOTH,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each writer, in turn, of which the median counts.")] = 3,
    calls: Annotated[int, typer.Option(min=10, help="Reads of each kind.")] = 2000,
    json_file: JsonFile = None,
) -> None:
    """Rows a second and Redis CPU a row of the materializer, beside plain SETs; reads of features beside a bare MGET.

    Example:  `headwater bench online --rows 1000000 --json figures.json`
    """
    from headwater.pipelines.bench.figures import this_machine
    from headwater.pipelines.bench.log_rows import LogShape
    from headwater.pipelines.bench.online import Reads, Writes, measure
    from headwater.pipelines.bench.online_figures import figures_of
    from headwater.pipelines.bench.servers import servers

    machine = this_machine()
    shapes = [LogShape(rows, keys, each) for each in drawn.distributions()]
    with measuring() as show, servers(lambda what: show(what, 0, 0)) as found:
        results = list(measure(found, shapes, 5, repeats, calls, show))
        cpu_seconds = found.cpu_seconds()
    out.print(_writes_table([each for each in results if isinstance(each, Writes)]))
    out.print(_reads_table([each for each in results if isinstance(each, Reads)]))
    conclude(figures_of(results), machine, json_file, cpu_seconds)


def _writes_table(found: Sequence[Writes]) -> Table:
    table = new_table(
        "writing", "keys drawn", "writer", "rows/s", "Redis CPU µs/row", "client CPU µs/row", "Redis CPU, SET is 1"
    )
    for each in found:
        for writer, write in each.by_writer.items():
            table.add_row(
                each.shape.distribution,
                writer,
                f"{write.rows_per_second:,.0f}",
                f"{write.redis_cpu_us_per_row:.2f}",
                f"{write.client_cpu_us_per_row:.2f}",
                f"{write.redis_cpu_us_per_row / each.by_writer['SET'].redis_cpu_us_per_row:.2f}",
            )
    return table


def _reads_table(found: Sequence[Reads]) -> Table:
    table = new_table("reading", "keys", "by", "p50 ms", "p99 ms", "client CPU µs", "p50, MGET is 1")
    for each in found:
        for who, latency in (("reader", each.reader), ("bare MGET", each.bare)):
            table.add_row(
                str(each.keys),
                who,
                f"{latency.p50_ms:.3f}",
                f"{latency.p99_ms:.3f}",
                f"{latency.cpu_us:.0f}",
                f"{latency.p50_ms / each.bare.p50_ms:.2f}",
            )
    return table
