"""A rollout as a person wants to read it."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from headwater.pipelines.rollout.actions import Action
from headwater.pipelines.rollout.rollout import Rollout, ViewRollout
from headwater.schemas.evolution.changes import Verdict

_COLOURS: dict[Verdict, str] = {
    "nothing": "green",
    "new": "green",
    "compatible": "yellow",
    "needs history": "magenta",
    "incompatible": "red",
    "removed": "red",
}
_MEANINGS: dict[Verdict, str] = {
    "nothing": "is as declared",
    "new": "is not deployed yet",
    "compatible": "its state is kept",
    "needs history": "a new generation computes all of it from the events that the topics still have",
    "incompatible": "a new generation keeps its answers apart from the old ones",
    "removed": "is deployed, but not declared",
}


def print_rollout(console: Console, rollout: Rollout, file: Path | None) -> None:
    """Prints what becomes of each view, and how to go on; `file`: where the plan was written."""
    for view in rollout.views:
        _print_view(console, view)
    counts = Counter(view.verdict for view in rollout.views)
    total = ", ".join(f"{count} {verdict}" for verdict, count in counts.items())
    _say(console, f"{len(rollout.views)} views: {total}; {len(rollout.actions)} actions")
    if rollout.refusals:
        _say(console, "cannot be applied as it is declared")
    elif rollout.actions and file is not None:
        _say(console, f"apply it with `headwater apply {file}`")
    elif rollout.actions:
        _say(console, "write it with --out FILE, and apply it with `headwater apply FILE`")


def _print_view(console: Console, view: ViewRollout) -> None:
    colour = _COLOURS[view.verdict]
    generations = [str(each) for each in (view.deployed, view.declared) if each is not None]
    generation = " → ".join(dict.fromkeys(generations))
    console.print(
        f"[bold]{escape(view.view)}[/] generation {generation}: [{colour}]{view.verdict}[/], {_MEANINGS[view.verdict]}",
        highlight=False,
        soft_wrap=True,
    )
    for change in view.changes:
        _say(console, f"  · {change.verdict}: {change}")
    for refusal in view.refusals:
        console.print(f"  [red]✗ {escape(refusal)}[/]", highlight=False, soft_wrap=True)
    for action in view.actions:
        mark, action_colour = _mark(action)
        console.print(f"  [{action_colour}]{mark} {escape(str(action))}[/]", highlight=False, soft_wrap=True)
    for line in (*view.costs, *view.notes):
        _say(console, f"    {line}")


def _mark(action: Action) -> tuple[str, str]:
    if action.kind in ("delete topic", "forget plan", "revoke acls"):
        return "-", "red"
    if action.kind == "alter topic" or getattr(action, "before", None):
        return "~", "yellow"
    return "+", "green"


def _say(console: Console, line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True, markup=False)
