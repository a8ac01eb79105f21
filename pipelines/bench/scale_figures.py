"""The figures of `headwater bench scale`, their goals and their conditions."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.pipelines.bench.figures import Figure
from headwater.pipelines.bench.scale import AGAIN, OnCores, State

CORES_GOAL = ">= 1.8"
BYTES_GOAL = "<= 120"
RECOVERY_GOAL = "<= 10"
GOAL_KEYS = 1_000_000


def figures_of(cores: Sequence[OnCores], states: Sequence[State]) -> list[Figure]:
    """The figures of each number of cores, of two beside one, and of each number of keys."""
    return [*(_on_cores(each) for each in cores), *_ratio(cores), *(each for one in states for each in _state(one))]


def _on_cores(found: OnCores) -> Figure:
    return Figure(
        f"full path, {_cores(found.cores)}", found.found.events_per_second, "events/s", None, _of_cores(found)
    )


def _ratio(cores: Sequence[OnCores]) -> list[Figure]:
    by_cores = {each.cores: each for each in cores}
    if not {1, 2} <= by_cores.keys():
        return []
    one, two = by_cores[1], by_cores[2]
    conditions = _of_cores(two)
    faster = two.found.events_per_second / one.found.events_per_second
    cheaper = one.found.cpu_us_per_event / two.found.cpu_us_per_event
    return [
        Figure("two cores / one", faster, "of events/s", CORES_GOAL, conditions),
        Figure("CPU of an event, one core / two", cheaper, "ratio", None, conditions),
    ]


def _of_cores(found: OnCores) -> str:
    return (
        f"{found.shape.text()}; 6 aggregates over 5 windows, feature log exactly once; a subtask of each operator for"
        " each core, and a TaskManager that is kept on so many; broker and JobManager use any core, so they take from"
        f" the last one; medians of {found.repeats} runs after one; every key's newest row was the reference's"
    )


def _state(state: State) -> list[Figure]:
    keys, conditions = f"{state.keys:,} keys", _of_state(state)
    of_goal = state.keys == GOAL_KEYS
    live = (state.heap_bytes - state.empty_heap_bytes) / state.keys
    figures = [
        Figure(f"checkpoint of {keys}", state.checkpoint_bytes / state.keys, "bytes per key", BYTES_GOAL, conditions),
        Figure(f"heap of {keys}", live, "bytes per key", BYTES_GOAL, conditions),
        Figure(f"time of a checkpoint of {keys}", state.checkpoint_seconds, "s", None, conditions),
        Figure(f"outage, {keys}", state.outage_seconds, "s", RECOVERY_GOAL if of_goal else None, conditions),
        Figure(f"recovery, {keys}", state.recovery_seconds, "s", None, conditions),
    ]
    return [*figures, Figure("heap of a key", live, "bytes", None, conditions)] if of_goal else figures


def _of_state(state: State) -> str:
    return (
        f"{state.keys:,} keys of one event each, 6 aggregates over 5 windows, {state.choices.state_backend} state,"
        f" parallelism {state.choices.parallelism}; heap: what lived after a full collection, less what did before the"
        " job; a full checkpoint after all events; outage: from SIGKILL of the TaskManager until all tasks ran again on"
        " one that was started at once, of which recovery is from when that had registered; after it, another event of"
        f" every {AGAIN}th key, and every key's newest committed row was the reference's"
    )


def _cores(count: int) -> str:
    return f"{count} core{'s' if count > 1 else ''}"
