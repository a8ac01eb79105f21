"""What all measurements share: how far they are, how they end, and where their figures go."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from headwater.pipelines.commands.console import err, new_table, out
from headwater.schemas.durations import to_ms
from headwater.schemas.errors import SettingsError

if TYPE_CHECKING:
    from headwater.pipelines.bench.figures import Figure, Machine
    from headwater.pipelines.bench.stream import Distribution

JsonFile = Annotated[
    Path | None, typer.Option("--json", help="Write the figures to this file as well.", show_default=False)
]


class Drawn(StrEnum):
    """How the events' keys are drawn."""

    ZIPF = "zipf"
    UNIFORM = "uniform"
    BOTH = "both"

    def distributions(self) -> tuple[Distribution, ...]:
        """The names that the streams have for it."""
        named: dict[str, tuple[Distribution, ...]] = {"zipf": ("Zipf 1.1",), "uniform": ("uniform",)}
        return named.get(self, named["zipf"] + named["uniform"])


Show = Callable[[str, int, int], None]
"""Told what is done, how much of it, and of how much; 0 of 0 where nobody knows."""


def conclude(
    figures: Sequence[Figure], machine: Machine, json_file: Path | None, cpu_seconds: Mapping[str, float] | None = None
) -> None:
    """Prints the goals and how far they are met, the conditions and the machine; writes the file if one is wanted."""
    from headwater.pipelines.bench.figures import write_figures

    table = new_table("goals", "figure", "value", "goal", "")
    for figure in figures:
        if figure.goal is not None:
            met = "met" if figure.meets_goal() else "not met"
            table.add_row(figure.name, f"{figure.value:,.2f} {figure.unit}", figure.goal, met)
    if table.row_count:
        out.print(table)
    for conditions in dict.fromkeys(figure.conditions for figure in figures):
        out.print(conditions, style="dim", highlight=False)
    out.print(machine.line(), highlight=False)
    if cpu_seconds:
        used = ", ".join(f"{name} {seconds:.0f} s" for name, seconds in cpu_seconds.items())
        out.print(f"CPU: {used}", highlight=False)
    if json_file is not None:
        write_figures(json_file, figures, machine, cpu_seconds)


def duration_ms(text: str, option: str) -> int:
    """The length of time that an option says, in ms.

    Raises:
        SettingsError: it says none.
    """
    try:
        return to_ms(text)
    except ValueError as error:
        raise SettingsError(f"{option} {text}: {error}") from error


def numbers_of_windows(text: str, known: Collection[int]) -> list[int]:
    """The numbers that `--windows` says.

    Raises:
        SettingsError: it says others than those that are known.
    """
    numbers = [int(each) if each.strip().isdecimal() else 0 for each in text.split(",")]
    if any(number not in known for number in numbers):
        raise SettingsError(f"--windows {text}: write some of {', '.join(map(str, known))} with commas between them")
    return numbers


@contextmanager
def measuring() -> Iterator[Show]:
    """A bar, and no more than warnings of the parts that are measured; SIGTERM stops the servers as well."""
    from headwater.pipelines.logs import configure_logging
    from headwater.pipelines.settings import load_settings

    configure_logging(load_settings(log_level="warning"))
    signal.signal(signal.SIGTERM, _exit)
    with progress_bar() as show:
        yield show


@contextmanager
def progress_bar() -> Iterator[Show]:
    """A bar on a terminal; elsewhere a line for each thing that is begun."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    ) as bar:
        task = bar.add_task("", total=None)
        begun = ""

        def show(what: str, done: int, total: int) -> None:
            nonlocal begun
            bar.update(task, description=what, completed=done, total=total or None)
            if what != begun and not err.is_terminal:
                err.print(what, style="dim", highlight=False)
            begun = what

        yield show


def _exit(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)
