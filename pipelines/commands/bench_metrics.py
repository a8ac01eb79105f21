"""`headwater bench metrics`: what it costs to tell how a view does."""

from __future__ import annotations

from typing import Annotated

import typer

from headwater.pipelines.commands.bench_output import JsonFile, conclude
from headwater.pipelines.commands.console import new_table, out


def metrics(
    features: Annotated[list[int] | None, typer.Option(min=1, help="Features of a view; may be given again.")] = None,
    json_file: JsonFile = None,
) -> None:
    """Bytes and CPU of a page of metrics by the number of features, and CPU of counting a row; needs no servers.

    Example:  `headwater bench metrics --features 1000`
    """
    from headwater.pipelines.bench.figures import this_machine
    from headwater.pipelines.bench.metrics import counting_cpu_us_per_row, example_plan, figures_of, scrapes

    machine, plan = this_machine(), example_plan()
    told = [each for number in features or [30, 171, 1000] for each in scrapes(plan, number)]
    counting = counting_cpu_us_per_row(plan)
    table = new_table("a page of metrics", "process", "features", "bytes", "CPU ms")
    for each in told:
        table.add_row(
            each.process, f"{each.features:,}", f"{each.page_bytes:,}", f"{each.scrape_cpu_seconds * 1000:.0f}"
        )
    out.print(table)
    out.print(f"counting a row: {counting:.2f} µs", highlight=False)
    conclude(figures_of(told, counting), machine, json_file)
