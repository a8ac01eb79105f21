"""Tables of a stack: where it listens, what runs, how fresh it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from headwater.pipelines.commands.console import DEFAULT_STATE, new_table

if TYPE_CHECKING:
    from headwater.pipelines.stack.state import Endpoints, StackState
    from headwater.pipelines.stack.status import ProcessStatus, StackStatus, ViewStatus


def print_ready(console: Console, stack: StackState, state: Path) -> None:
    """Says that a stack is up, where it listens, and what to do next."""
    option = "" if state.resolve() == DEFAULT_STATE.resolve() else f" --state {state}"
    _print_endpoints(console, stack.endpoints)
    views = new_table("views", "view", "event topics", "feature log", "offline table", "metrics")
    for view in stack.views:
        views.add_row(
            view.view, " ".join(view.sources), view.log_topic, view.offline_table, "\n".join(view.metrics.values())
        )
    console.print(views)
    console.print(f"\nnext:  headwater status{option}   headwater down{option}", highlight=False)


def print_status(console: Console, stack: StackStatus) -> None:
    """Says what runs now."""
    supervised = f"supervisor pid {stack.supervisor_pid}" if stack.supervisor_pid else "no supervisor"
    console.print(f"{stack.phase}  {supervised}  {stack.state_directory}", highlight=False)
    if stack.problem:
        console.print(f"[red]{stack.problem}[/]", highlight=False)
    _print_endpoints(console, stack.endpoints)
    processes = new_table("processes", "process", "state", "pid", "up", "memory", "restarts", "last exit", "log")
    for process in stack.processes:
        processes.add_row(*_process_cells(process))
    console.print(processes)
    views = new_table(
        "views", "view", "job", "state", "rows online", "lag", "newest event", "fresh p50", "fresh p99", "offline table"
    )
    for view in stack.views:
        views.add_row(*_view_cells(view))
    console.print(views)


def _print_endpoints(console: Console, endpoints: Endpoints) -> None:
    table = new_table("endpoints", "setting", "value")
    for name, value in endpoints.model_dump().items():
        table.add_row(f"HEADWATER_{name.upper()}", value)
    console.print(table)


def _process_cells(process: ProcessStatus) -> tuple[str, ...]:
    colour = {"ready": "green", "stopped": "dim"}.get(process.state, "yellow")
    return (
        process.name,
        f"[{colour}]{process.state}[/]",
        _cell(process.pid),
        _seconds(process.up_seconds, "{:.0f} s"),
        _seconds(process.resident_mb, "{:.0f} MB"),
        str(process.restarts),
        _cell(process.exit_code),
        str(process.log),
    )


def _view_cells(view: ViewStatus) -> tuple[str, ...]:
    return (
        f"{view.view} g{view.generation}",
        _cell(view.job),
        _cell(view.state),
        _cell(view.rows_written),
        _cell(view.lag_rows),
        _seconds(view.newest_event_age_seconds, "{:.1f} s ago"),
        _seconds(view.freshness_p50_seconds, "{:.3f} s"),
        _seconds(view.freshness_p99_seconds, "{:.3f} s"),
        view.offline_table,
    )


def _cell(value: object) -> str:
    return "-" if value is None else str(value)


def _seconds(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
