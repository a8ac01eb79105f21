"""The figures of `headwater bench drain`, their goals and their conditions."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.pipelines.bench.drain import QUIET_SECONDS, Comparison
from headwater.pipelines.bench.figures import Figure
from headwater.pipelines.bench.graphs import STAGES, Stage
from headwater.pipelines.bench.meter import WARM_UP
from headwater.pipelines.bench.views import WINDOWS

SHARE_GOAL = ">= 0.5"
PER_CORE_GOAL = ">= 400000"
MANY_KEYS, PER_CORE_GOAL_OF_MANY_KEYS = 1_000_000, ">= 150000"
WINDOWS_GOAL = "<= 1.15"
GOAL_WINDOWS, GOAL_CHECKPOINT_MS = 5, 10_000

STAGE_NAMES: dict[Stage, str] = {
    "decode": "source + decode + discard",
    "exchange": "source + decode + keyBy + discard",
    "full": "full path",
}


def figures_of(comparisons: Sequence[Comparison]) -> list[Figure]:
    """The figures of each comparison, and of twenty windows beside one where both were run."""
    return [figure for each in comparisons for figure in _figures(each)] + _of_windows(comparisons)


def _figures(comparison: Comparison) -> list[Figure]:
    name = f"{comparison.windows} windows, {comparison.shape.distribution}"
    conditions = _conditions(comparison)
    figures = []
    for stage in STAGES:
        found = comparison.stages[stage]
        figures += [
            Figure(f"{STAGE_NAMES[stage]}, {name}", found.events_per_second, "events/s", None, conditions),
            Figure(f"CPU of {STAGE_NAMES[stage]}, {name}", found.cpu_us_per_event, "us per event", None, conditions),
        ]
    rows = comparison.stages["full"].rows_per_event
    share, per_core = _goals(comparison)
    return [
        *figures,
        Figure(f"rows of full path, {name}", rows, "rows per event", None, conditions),
        Figure(f"full path / decode, {name}", comparison.share_of_ceiling, "of events/s", share, conditions),
        Figure(f"full path / decode at equal CPU, {name}", comparison.share_by_cpu, "of events", None, conditions),
        Figure(f"full path a core, {name}", comparison.events_per_core_second, "events/s", per_core, conditions),
    ]


def _goals(comparison: Comparison) -> tuple[str | None, str | None]:
    """Of the share of the ceiling, and of the events a second for each core used."""
    if (comparison.windows, comparison.choices.checkpoint_ms) != (GOAL_WINDOWS, GOAL_CHECKPOINT_MS):
        return None, None
    if comparison.shape.distribution == "uniform":
        return None, PER_CORE_GOAL_OF_MANY_KEYS if comparison.shape.keys == MANY_KEYS else None
    return SHARE_GOAL, PER_CORE_GOAL


def _of_windows(comparisons: Sequence[Comparison]) -> list[Figure]:
    by_windows = {(each.shape, each.windows): each for each in comparisons}
    figures = []
    for (shape, windows), one in by_windows.items():
        if windows == 1 and (twenty := by_windows.get((shape, 20))) is not None:
            ratio = twenty.stages["full"].cpu_us_per_event / one.stages["full"].cpu_us_per_event
            name = f"CPU of 20 windows / 1 window, {shape.distribution}"
            figures.append(Figure(name, ratio, "ratio", WINDOWS_GOAL, _conditions(twenty)))
    return figures


def _conditions(comparison: Comparison) -> str:
    choices = comparison.choices
    started = any(stage.with_start for stage in comparison.stages.values())
    when = (
        "too few events to leave the start of the jobs out of it"
        if started
        else f"from {WARM_UP:.0%} of the events, or the end of the job's submission, to the last sample before the end"
    )
    return (
        f"{comparison.shape.text()}; 6 aggregates over each of {', '.join(WINDOWS[comparison.windows])};"
        f" parallelism {choices.parallelism}, checkpoint each {choices.checkpoint_ms / 1000:g} s,"
        f" {choices.state_backend} state, feature log exactly once, rows at most each 200 ms for a key;"
        f" medians of {comparison.repeats} runs of each stage in turn, in one TaskManager that had run each before;"
        f" {when}; CPU is all of the TaskManager's; every key's newest committed row was the reference's,"
        f" {QUIET_SECONDS:g} s after the last event"
    )
