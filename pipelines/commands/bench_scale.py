"""`headwater bench scale`: what more cores bring and more keys cost."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from headwater.pipelines.commands.bench_drain import StateBackend
from headwater.pipelines.commands.bench_output import JsonFile, conclude, duration_ms, measuring
from headwater.pipelines.commands.console import new_table, out
from headwater.schemas.errors import SettingsError

if TYPE_CHECKING:
    from headwater.pipelines.bench.scale import OnCores, State


def scale(
    cores: Annotated[str, typer.Option(help="Numbers of cores, with commas between them; empty for none.")] = "1,2",
    keys: Annotated[str, typer.Option(help="Numbers of keys of a state, with commas; empty for none.")] = "1000000",
    events: Annotated[int, typer.Option(min=1000, help="Events of 100,000 keys, for the cores.")] = 2_000_000,
    rate: Annotated[int, typer.Option(min=1, help="Events for each second of event time.")] = 2_000,
    checkpoint: Annotated[str, typer.Option(help="Time between checkpoints.")] = "10s",
    state: Annotated[StateBackend, typer.Option(help="Where Flink keeps state.")] = StateBackend.HASHMAP,
    repeats: Annotated[int, typer.Option(min=1, help="Runs with each number of cores; the median counts.")] = 2,
    heap: Annotated[int, typer.Option(min=256, help="Heap of the TaskManager in MiB.")] = 3072,
    json_file: JsonFile = None,
) -> None:
    """Two cores against one; and of states of many keys: bytes a key, time of a checkpoint, recovery after a kill.

    A million keys need about 1 GiB of heap, and some minutes to be compared with the reference.

    Example:  `headwater bench scale --cores "" --keys 1000000,5000000 --heap 8192`
    """
    from headwater.pipelines.bench.drain import JobChoices
    from headwater.pipelines.bench.events import EventShape
    from headwater.pipelines.bench.figures import this_machine
    from headwater.pipelines.bench.scale import on_cores, state_of
    from headwater.pipelines.bench.scale_figures import figures_of
    from headwater.pipelines.bench.servers import MANAGED_MB, servers

    counts, sizes, interval_ms = (
        _numbers(cores, "--cores"),
        _numbers(keys, "--keys"),
        duration_ms(checkpoint, "--checkpoint"),
    )
    machine = this_machine()
    if counts and max(counts) > machine.cores:
        raise SettingsError(f"--cores {cores}: this machine has {machine.cores}")
    shape, choices = EventShape(events, 100_000, rate, "Zipf 1.1"), JobChoices(1, interval_ms, state.value)
    managed_mb = MANAGED_MB if state == "rocksdb" else 0
    with (
        measuring() as show,
        servers(
            lambda what: show(what, 0, 0), slots=max(counts, default=1), managed_mb=managed_mb, heap_mb=heap
        ) as found,
    ):
        by_cores = list(on_cores(found, shape, counts, interval_ms, repeats, show))
        states = [state_of(found, size, choices, rate, show) for size in sizes]
        cpu_seconds = found.cpu_seconds()
    if by_cores:
        out.print(_cores_table(by_cores))
    if states:
        out.print(_states_table(states))
    conclude(figures_of(by_cores, states), machine, json_file, cpu_seconds)


def _numbers(text: str, option: str) -> list[int]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not all(word.isdecimal() and int(word) > 0 for word in words):
        raise SettingsError(f"{option} {text}: write whole numbers with commas between them")
    return [int(word) for word in words]


def _cores_table(found: Sequence[OnCores]) -> Table:
    table = new_table("cores", "cores", "events/s", "CPU µs/event")
    for each in found:
        table.add_row(str(each.cores), f"{each.found.events_per_second:,.0f}", f"{each.found.cpu_us_per_event:.2f}")
    return table


def _states_table(found: Sequence[State]) -> Table:
    table = new_table("state", "keys", "heap B/key", "checkpoint B/key", "checkpoint s", "outage s", "recovery s")
    for each in found:
        table.add_row(
            f"{each.keys:,}",
            f"{(each.heap_bytes - each.empty_heap_bytes) / each.keys:.0f}",
            f"{each.checkpoint_bytes / each.keys:.0f}",
            f"{each.checkpoint_seconds:.1f}",
            f"{each.outage_seconds:.1f}",
            f"{each.recovery_seconds:.1f}",
        )
    return table
