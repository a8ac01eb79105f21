"""The board as rows of text, a row for each feature: for terminals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headwater.pipelines.board.budgets import Budget
from headwater.pipelines.board.model import BoardNow
from headwater.pipelines.board.view import State, ViewNow

COLUMNS = ("state", "feature", "view", "fresh p99", "20 minutes", "read age", "events/s", "budget", "owner")
SPARK_CHARACTERS = 20

COLOURS: Mapping[State, str] = {
    State.STUCK: "bold red",
    State.SILENT: "bold magenta",
    State.STARTING: "blue",
    State.STALE: "yellow",
    State.FRESH: "green",
    State.NO_EVENTS: "cyan",
}

_WORST_FIRST = {state: number for number, state in enumerate(State)}
_BLOCKS = "▁▂▃▄▅▆▇█"


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """One feature; state and timing are its view's."""

    feature: str
    view: ViewNow

    @property
    def cells(self) -> tuple[str, ...]:
        """Texts in the order of COLUMNS."""
        view = self.view
        return (
            view.state.value.replace("_", " "),
            self.feature,
            view.view,
            seconds_text(view.p99),
            sparkline(view.spark),
            seconds_text(view.read_age),
            f"{view.rates['events']:.1f}",
            budget_text(view.budgets),
            view.owner or "-",
        )


SORTS: Mapping[str, Callable[[FeatureRow], Any]] = {
    "state": lambda row: (_WORST_FIRST[row.view.state], row.view.view),
    "feature": lambda row: row.feature,
    "view": lambda row: row.view.view,
    "fresh p99": lambda row: -(row.view.p99 or 0.0),
    "read age": lambda row: -(row.view.read_age or 0.0),
    "events/s": lambda row: -row.view.rates["events"],
    "budget": lambda row: -max((each.burn_rate or 0.0 for each in row.view.budgets), default=0.0),
    "owner": lambda row: row.view.owner,
}
"""By what rows can be sorted: where it is a number, the greatest first."""


def feature_rows(board: BoardNow, *, sort: str = "state", wanted: str = "") -> list[FeatureRow]:
    """All features, sorted by one of SORTS, of which a cell contains each of the wanted words."""
    words = wanted.casefold().split()
    rows = [FeatureRow(feature, view) for view in board.views for feature in view.features]
    found = [row for row in rows if all(word in " ".join(row.cells).casefold() for word in words)] if words else rows
    return sorted(found, key=SORTS[sort])


def summary(board: BoardNow) -> str:
    """How many features are in which state, and who does not answer."""
    counts: Counter[State] = Counter()
    for view in board.views:
        counts[view.state] += len(view.features)
    states = ", ".join(f"{counts[state]} {state.value.replace('_', ' ')}" for state in State if counts[state])
    silent = f"; no answer from {', '.join(sorted(board.silent))}" if board.silent else ""
    views = "1 view" if len(board.views) == 1 else f"{len(board.views)} views"
    return f"{views}, {sum(counts.values())} features: {states or 'none'}{silent}"


def seconds_text(seconds: float | None) -> str:
    """A time as people read it."""
    if seconds is None:
        return "-"
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def budget_text(budgets: Iterable[Budget]) -> str:
    """The objective that stands worst: what is left of its budget if that is known, else how fast it burns."""
    left = [budget.left for budget in budgets if budget.left is not None]
    if left:
        return f"{min(left):.1%} left"
    burns = [budget.burn_rate for budget in budgets if budget.burn_rate is not None]
    return f"burns {max(burns):.1f}x" if burns else "-"


def sparkline(values: Sequence[float | None]) -> str:
    """The newest values as blocks, the greatest of them full; blank where there is none."""
    newest = values[-SPARK_CHARACTERS:]
    top = max((value for value in newest if value is not None), default=0.0)

    def block(value: float | None) -> str:
        if value is None:
            return " "
        return _BLOCKS[min(len(_BLOCKS) - 1, int(value / top * len(_BLOCKS)))] if top > 0 else _BLOCKS[0]

    return "".join(map(block, newest))
