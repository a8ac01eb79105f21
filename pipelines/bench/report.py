"""Measured figures as a page of the documentation: goals and whether they are met, conditions, what repeats them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.pipelines.bench.figures import Figure
from headwater.schemas.errors import SettingsError

GOALS_HEAD = ("figure", "value", "goal", "")
FIGURES_HEAD = ("figure", "value")


@dataclass(frozen=True, slots=True)
class Report:
    """What one run of a measurement has written with `--json`."""

    source: str
    command: str
    measured_at: str
    machine: Mapping[str, Any]
    figures: tuple[Figure, ...]


def read_reports(files: Sequence[Path]) -> list[Report]:
    """The reports in the files.

    Raises:
        SettingsError: one cannot be read as such.
    """
    return [_read(file) for file in files]


def results_page(reports: Sequence[Report], reasons: Mapping[str, str]) -> str:
    """The page, as Markdown: all goals first, then every figure of each run.

    Args:
        reasons: why a goal is missed, by the figure's name.
    """
    sections = ["\n".join(_section(report)) for report in reports]
    return "\n".join([*HEAD, *_goals(reports), "", *_missed(reports, reasons), *sections])


def _read(file: Path) -> Report:
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        figures = tuple(Figure(**each) for each in told["figures"])
        return Report(file.name, told["command"], told["measured_at"], told["machine"], figures)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"{file}: not a file that `headwater bench ... --json` of this version writes ({error!r})"
        ) from error


HEAD = (
    "# Results",
    "",
    "Made by `headwater bench report` from the files in [`results/`](results); what the figures mean is told in",
    "[README.md](README.md), what follows for sizing in [capacity.md](capacity.md). A ratio is of two things that ran",
    "in turn in one run. The load average is the machine's before a run and, behind it, at its end, which counts the",
    "run itself; where the first is above 1, others used the machine, and only ratios mean something.",
    "",
)


def _goals(reports: Sequence[Report]) -> list[str]:
    rows = [
        (figure.name, value(figure), f"{figure.goal} {figure.unit}", _met(figure))
        for report in reports
        for figure in report.figures
        if figure.goal is not None
    ]
    return ["## Goals", "", *table(GOALS_HEAD, rows)]


def _missed(reports: Sequence[Report], reasons: Mapping[str, str]) -> list[str]:
    missed = [figure for report in reports for figure in report.figures if not figure.meets_goal()]
    if not missed:
        return []
    names = dict.fromkeys(figure.name for figure in missed)
    told = [f"* **{name}**: {reasons.get(name, 'not profiled yet.')}" for name in names]
    return ["## Why a goal is missed", "", *told, ""]


def _section(report: Report) -> Iterator[str]:
    machine = report.machine
    yield f"## `{report.command}`"
    yield ""
    yield (
        f"{report.measured_at}, [{report.source}](results/{report.source}): {machine['cpu']}, {machine['cores']} cores,"
        f" {machine['memory_bytes'] / 2**30:.0f} GiB; {machine['java']}; Flink {machine['flink']};"
        f" Kafka {machine['kafka']}; {machine['redis']}; Headwater {machine['headwater']};"
        f" load {machine['load_average']:.1f}, {machine['load_average_at_end']:.1f}"
    )
    yield ""
    for conditions in dict.fromkeys(figure.conditions for figure in report.figures):
        some = [figure for figure in report.figures if figure.conditions == conditions]
        yield from table(FIGURES_HEAD, [(figure.name, value(figure)) for figure in some])
        yield ""
        yield f"{conditions}."
        yield ""


def _met(figure: Figure) -> str:
    return "met" if figure.meets_goal() else "**missed**"


def value(figure: Figure) -> str:
    """The value with its unit, to three digits that count."""
    return f"{number(figure.value)} {figure.unit}"


def number(amount: float) -> str:
    """To three digits that count, and whole from a hundred on."""
    if abs(amount) >= 100:
        return f"{amount:,.0f}"
    return f"{amount:.1f}" if abs(amount) >= 10 else f"{amount:.2f}"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table in Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return [f"| {' | '.join(line)} |" for line in lines]
