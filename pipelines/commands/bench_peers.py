"""`headwater bench peers`: the same windows by other stream processors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from headwater.pipelines.commands.bench_output import JsonFile, conclude, duration_ms, measuring, numbers_of_windows
from headwater.pipelines.commands.console import new_table, out
from headwater.schemas.errors import SettingsError

if TYPE_CHECKING:
    from headwater.pipelines.bench.peers.catalogue import Peer
    from headwater.pipelines.bench.peers.run import Compared


def peers(
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only this peer; may be repeated.", show_default=False)
    ] = None,
    events: Annotated[int, typer.Option(min=1000, help="Events of a topic, for Headwater and Flink SQL.")] = 1_000_000,
    python_events: Annotated[int, typer.Option(min=1000, help="Events for the peers that run Python code.")] = 50_000,
    keys: Annotated[int, typer.Option(min=1, help="Keys of a topic, drawn by Zipf's law.")] = 100_000,
    rate: Annotated[int, typer.Option(min=1, help="Events for each second of event time.")] = 2_000,
    windows: Annotated[str, typer.Option(help="Numbers of windows, of 1 and 5.")] = "1,5",
    parallelism: Annotated[int, typer.Option(min=1, help="Subtasks of each operator on Flink.")] = 1,
    checkpoint: Annotated[str, typer.Option(help="Time between checkpoints.")] = "10s",
    repeats: Annotated[int, typer.Option(min=1, help="Runs of each, in turn, of which the median counts.")] = 2,
    json_file: JsonFile = None,
) -> None:
    """Events a second of other stream processors on the same topic, beside Headwater's, in turn.

    Each peer has its own environment, which is installed into the cache when it is first run. All results are compared
    with the events first.

    Example:  `headwater bench peers --only "Flink SQL" --windows 5 --json figures.json`
    """
    from headwater.pipelines.bench.drain import JobChoices
    from headwater.pipelines.bench.events import EventShape
    from headwater.pipelines.bench.figures import this_machine
    from headwater.pipelines.bench.peers.figures import figures_of
    from headwater.pipelines.bench.peers.run import MANAGED_MB, WINDOWS, Effort, compare_all
    from headwater.pipelines.bench.servers import servers

    chosen, numbers = _known(only), numbers_of_windows(windows, WINDOWS)
    choices = JobChoices(parallelism, duration_ms(checkpoint, "--checkpoint"), "hashmap")
    effort = Effort(EventShape(events, keys, rate, "Zipf 1.1"), min(events, python_events), choices, repeats)
    machine = this_machine()
    with (
        measuring() as show,
        servers(lambda what: show(what, 0, 0), slots=parallelism, managed_mb=MANAGED_MB * parallelism) as found,
    ):
        compared = list(compare_all(found, effort, numbers, chosen, show))
        cpu_seconds = found.cpu_seconds()
    out.print(_table(compared))
    conclude(figures_of(compared), machine, json_file, cpu_seconds)


def _known(only: Sequence[str] | None) -> list[Peer]:
    from headwater.pipelines.bench.peers.catalogue import PEERS

    names = {peer.name.lower(): peer for peer in PEERS}
    unknown = [name for name in only or () if name.lower() not in names]
    if unknown:
        known = ", ".join(peer.name for peer in PEERS)
        raise SettingsError(f"--only: there is no peer {', '.join(unknown)}: choose from {known}")
    return [names[name.lower()] for name in only] if only else list(PEERS)


def _table(compared: Sequence[Compared]) -> Table:
    from headwater.pipelines.bench.peers.catalogue import HEADWATER, OF_HEADWATER

    table = new_table(
        "the same windows",
        "windows",
        "processor",
        "events/s",
        "CPU µs/event",
        "Headwater's events/s",
        "its CPU",
        "delivery",
        "late events",
        "value",
    )
    for each in compared:
        theirs, ours = each.of_peer, each.of_headwater
        table.add_row(
            str(each.windows),
            each.peer.name,
            f"{theirs.events_per_second:,.0f}",
            f"{theirs.cpu_us_per_event:.1f}",
            f"{ours.events_per_second:,.0f} ({each.ratio:.1f} ×)",
            f"1 / {each.cpu_ratio:.1f}",
            each.peer.delivery,
            each.peer.late,
            each.peer.value,
        )
    table.add_row("", HEADWATER, "", "", "", "", *OF_HEADWATER)
    return table
