"""`headwater bench drain`: how fast a job catches up."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from headwater.pipelines.commands.bench_output import (
    Drawn,
    JsonFile,
    conclude,
    duration_ms,
    measuring,
    numbers_of_windows,
)
from headwater.pipelines.commands.console import new_table, out

if TYPE_CHECKING:
    from headwater.pipelines.bench.drain import Comparison


class StateBackend(StrEnum):
    """Where Flink keeps state."""

    HASHMAP = "hashmap"
    ROCKSDB = "rocksdb"


def drain(
    events: Annotated[int, typer.Option(min=1000, help="Events of a topic.")] = 3_000_000,
    keys: Annotated[int, typer.Option(min=1, help="Keys of a topic.")] = 100_000,
    drawn: Annotated[Drawn, typer.Option("--drawn", help="How the keys are drawn: Zipf 1.1, uniformly.")] = Drawn.BOTH,
    rate: Annotated[int, typer.Option(min=1, help="Events for each second of event time.")] = 2_000,
    windows: Annotated[str, typer.Option(help="Numbers of windows, of 1, 5 and 20.")] = "1,5,20",
    parallelism: Annotated[int, typer.Option(min=1, help="Subtasks of each operator.")] = 1,
    checkpoint: Annotated[str, typer.Option(help="Time between checkpoints.")] = "10s",
    state: Annotated[StateBackend, typer.Option(help="Where Flink keeps state.")] = StateBackend.HASHMAP,
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each stage, in turn, of which the median counts.")] = 3,
    heap: Annotated[int, typer.Option(min=256, help="Heap of the TaskManager in MiB.")] = 1536,
    json_file: JsonFile = None,
) -> None:
    """Events a second and CPU an event to catch up on a topic, beside what decoding alone, and an exchange, take.

    The feature log is written exactly once, and every key's newest row compared with the reference before anything is
    measured.

    Example:  `headwater bench drain --windows 5 --drawn zipf --repeats 5 --json figures.json`
    """
    from headwater.pipelines.bench.drain import JobChoices, compare_all
    from headwater.pipelines.bench.drain_figures import figures_of
    from headwater.pipelines.bench.events import EventShape
    from headwater.pipelines.bench.figures import this_machine
    from headwater.pipelines.bench.servers import MANAGED_MB, servers
    from headwater.pipelines.bench.views import WINDOWS

    managed_mb = MANAGED_MB if state == "rocksdb" else 0
    choices = JobChoices(parallelism, duration_ms(checkpoint, "--checkpoint"), state.value)
    shapes = [EventShape(events, keys, rate, each) for each in drawn.distributions()]
    numbers = numbers_of_windows(windows, WINDOWS)
    machine = this_machine()
    with (
        measuring() as show,
        servers(lambda what: show(what, 0, 0), slots=parallelism, managed_mb=managed_mb, heap_mb=heap) as found,
    ):
        comparisons = list(compare_all(found, shapes, numbers, choices, repeats, show))
        cpu_seconds = found.cpu_seconds()
    out.print(_table(comparisons))
    conclude(figures_of(comparisons), machine, json_file, cpu_seconds)


def _table(comparisons: Sequence[Comparison]) -> Table:
    from headwater.pipelines.bench.drain_figures import STAGE_NAMES
    from headwater.pipelines.bench.graphs import STAGES

    table = new_table(
        "catching up", "windows", "keys drawn", "stage", "events/s", "CPU µs/event", "rows/event", "events/s of decode"
    )
    for each in comparisons:
        for stage in STAGES:
            found = each.stages[stage]
            table.add_row(
                str(each.windows),
                each.shape.distribution,
                STAGE_NAMES[stage],
                f"{found.events_per_second:,.0f}",
                f"{found.cpu_us_per_event:.2f}",
                f"{found.rows_per_event:.2f}",
                f"{found.events_per_second / each.stages['decode'].events_per_second:.2f}",
            )
    return table
