"""Tables of a stack: where it listens, what runs, how fresh it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headwater.pipelines.commands.console import DEFAULT_STATE, new_table
from headwater.schemas.conditions import CONDITIONS

if TYPE_CHECKING:
    from headwater.pipelines.stack.state import Endpoints, StackState, ViewRecord
    from headwater.pipelines.stack.status import ProcessStatus, StackStatus, ViewStatus


def print_ready(console: Console, stack: StackState, state: Path) -> None:
    """Says that a stack is up, where it listens, and what to do next."""
    option = "" if state.resolve() == DEFAULT_STATE.resolve() else f" --state {state}"
    console.print(_endpoints_table(stack.endpoints))
    for view in stack.views:
        console.print(_view_table(view))
    for command in ("status", "down"):
        console.print(f"headwater {command}{option}", highlight=False, soft_wrap=True)


def print_status(console: Console, stack: StackStatus) -> None:
    """Says what runs now."""
    supervised = f"supervisor pid {stack.supervisor_pid}" if stack.supervisor_pid else "no supervisor"
    console.print(f"{stack.phase}  {supervised}  {stack.state_directory}", highlight=False, soft_wrap=True)
    if stack.problem:
        console.print(f"[red]{escape(stack.problem)}[/]", highlight=False, soft_wrap=True)
    console.print(_endpoints_table(stack.endpoints))
    processes = new_table("processes", "process", "state", "pid", "up", "memory", "restarts", "last exit")
    for process in stack.processes:
        processes.add_row(*_process_cells(process))
    processes.caption = f"logs: {stack.state_directory / 'logs'}/<process>.log"
    console.print(processes)
    views = new_table("views", "view", "job", "state", "rows written", "lag", "newest event", "fresh p50", "fresh p99")
    for view in stack.views:
        views.add_row(*_view_cells(view))
    console.print(views)
    if any(view.conditions for view in stack.views):
        console.print(_conditions_table(stack.views))
    for view in stack.views:
        console.print(_view_table(view))


def _endpoints_table(endpoints: Endpoints) -> Table:
    table = new_table("endpoints", "setting", "value")
    for name, value in endpoints.model_dump().items():
        table.add_row(f"HEADWATER_{name.upper()}", value)
    return table


def _view_table(view: ViewRecord | ViewStatus) -> Table:
    table = new_table(f"view {view.view}", "what", "where")
    for source in view.sources:
        table.add_row("event topic", source)
    table.add_row("feature log", view.log_topic)
    table.add_row("offline table", view.offline_table)
    for process, url in view.metrics.items():
        table.add_row(f"{process} metrics", url)
    return table


def _conditions_table(views: Sequence[ViewStatus]) -> Table:
    table = new_table("what holds now", "view", "condition", "severity", "what it means", "what to do")
    for view in views:
        for condition in CONDITIONS:
            if condition.name in view.conditions:
                colour = {"page": "red", "ticket": "yellow"}.get(condition.severity, "dim")
                name = f"[{colour}]{condition.name}[/]"
                table.add_row(view.view, name, condition.severity, condition.summary, condition.remedy)
    return table


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
    )


def _cell(value: object) -> str:
    return "-" if value is None else str(value)


def _seconds(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
