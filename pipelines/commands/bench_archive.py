"""`headwater bench archive`: what the offline log costs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from headwater.pipelines.commands.bench_output import JsonFile, conclude, measuring
from headwater.pipelines.commands.console import new_table, out

if TYPE_CHECKING:
    from headwater.pipelines.bench.archive import Archived


def archive(
    rows: Annotated[int, typer.Option(min=1000, help="Rows of the log.")] = 1_000_000,
    keys: Annotated[int, typer.Option(min=1, help="Keys of the log, drawn uniformly.")] = 100_000,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each way, in turn, of which the median counts.")] = 3,
    json_file: JsonFile = None,
) -> None:
    """Rows a second, CPU and bytes a row of the archive, beside reading and decoding the same rows, and appending them.

    Example:  `headwater bench archive --rows 3000000 --json figures.json`
    """
    from headwater.pipelines.bench.archive import measure
    from headwater.pipelines.bench.archive_figures import figures_of
    from headwater.pipelines.bench.figures import this_machine
    from headwater.pipelines.bench.log_rows import LogShape
    from headwater.pipelines.bench.servers import servers

    machine = this_machine()
    with measuring() as show, servers(lambda what: show(what, 0, 0)) as found:
        archived = measure(found, LogShape(rows, keys, "uniform"), 5, repeats, show)
        cpu_seconds = found.cpu_seconds()
    out.print(_table(archived))
    conclude(figures_of(archived), machine, json_file, cpu_seconds)


def _table(found: Archived) -> Table:
    table = new_table(
        f"archiving {found.log_bytes_per_row:.0f} bytes a row of the log, {found.parquet_bytes_per_row:.0f} in Parquet",
        "way",
        "rows/s",
        "CPU µs/row",
        "rows/s of consume + decode",
    )
    decode = found.by_way["consume + decode"]
    for way, cost in found.by_way.items():
        share = f"{cost.rows_per_second / decode.rows_per_second:.2f}"
        table.add_row(way, f"{cost.rows_per_second:,.0f}", f"{cost.cpu_us_per_row:.2f}", share)
    return table
