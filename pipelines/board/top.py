"""`headwater top`: the board in a terminal, live; rows can be sorted and filtered."""

from __future__ import annotations

from typing import ClassVar

from rich.markup import escape
from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import DataTable, Footer, Input, Static

from headwater.pipelines.board.model import Board
from headwater.pipelines.board.rows import COLOURS, COLUMNS, SORTS, FeatureRow, feature_rows, seconds_text, summary
from headwater.schemas.conditions import CONDITIONS

LOOK_SECONDS = 0.5
"""Between two looks at whether the board has changed."""


class Top(App[None]):
    """The table of features, below it the view of the chosen row."""

    ENABLE_COMMAND_PALETTE = False
    CSS = """
    #summary { height: 1; background: $panel; padding: 0 1; }
    #view { height: auto; max-height: 40%; padding: 0 1; border-top: solid $panel; overflow-y: auto; }
    #filter { display: none; border: none; height: 1; padding: 0 1; }
    #filter.open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("s", "sort(1)", "Sort by next"),
        Binding("S", "sort(-1)", "Sort by previous", show=False),
        Binding("slash", "filter", "Filter", key_display="/"),
        Binding("escape", "clear", "All rows"),
        Binding("q", "quit", "Quit"),
    ]

    def __init__(self, board: Board) -> None:
        super().__init__()
        self._board = board
        self._seen = -1
        self._sort = next(iter(SORTS))
        self._rows: dict[str, FeatureRow] = {}

    def compose(self) -> ComposeResult:
        """The parts of the screen, from top to bottom."""
        yield Static(id="summary")
        yield DataTable(id="features", cursor_type="row", zebra_stripes=True)
        yield Static(id="view")
        yield Input(placeholder="words that rows must have: a state, view, feature, owner", id="filter")
        yield Footer()

    def on_mount(self) -> None:
        """Shows the board, and again whenever it has changed."""
        for column in COLUMNS:
            self._table.add_column(column, key=column)
        self._table.focus()
        self._look()
        self.set_interval(LOOK_SECONDS, self._look)

    def action_sort(self, step: int) -> None:
        """Sorts by another column."""
        names = list(SORTS)
        self._sort = names[(names.index(self._sort) + step) % len(names)]
        self._show()

    def action_filter(self) -> None:
        """Opens the line in which words can be typed."""
        self._filter.add_class("open")
        self._filter.focus()

    def action_clear(self) -> None:
        """Shows all rows again."""
        self._filter.value = ""
        self._filter.remove_class("open")
        self._table.focus()

    def on_input_changed(self) -> None:
        """Filters as one types."""
        self._show()

    def on_input_submitted(self) -> None:
        """Goes back to the rows that were found."""
        self._table.focus()

    def on_data_table_row_highlighted(self) -> None:
        """Shows the view of the row that the cursor is on."""
        self._show_view()

    @property
    def _table(self) -> DataTable[Text]:
        return self.query_one("#features", DataTable)

    @property
    def _filter(self) -> Input:
        return self.query_one("#filter", Input)

    def _look(self) -> None:
        number = self._board.wait(self._seen, 0)
        if number != self._seen:
            self._seen = number
            self._show()

    def _show(self) -> None:
        now = self._board.now()
        self.query_one("#summary", Static).update(escape(f"{summary(now)}   sorted by {self._sort}"))
        found = feature_rows(now, sort=self._sort, wanted=self._filter.value)
        rows = {f"{row.view.view}/{row.feature}": row for row in found}
        if list(rows) == list(self._rows):
            self._update(rows)
        else:
            self._replace(rows)
        self._show_view()

    def _update(self, rows: dict[str, FeatureRow]) -> None:
        before, self._rows = self._rows, rows
        for key, row in rows.items():
            for column, old, new in zip(COLUMNS, before[key].cells, row.cells, strict=True):
                if old != new:
                    self._table.update_cell(key, column, _styled(row, column, new))

    def _replace(self, rows: dict[str, FeatureRow]) -> None:
        chosen = self._chosen()
        self._table.clear()
        self._rows = rows
        for key, row in rows.items():
            cells = (_styled(row, column, cell) for column, cell in zip(COLUMNS, row.cells, strict=True))
            self._table.add_row(*cells, key=key)
        if chosen in rows:
            self._table.move_cursor(row=list(rows).index(chosen))

    def _chosen(self) -> str | None:
        keys = list(self._rows)
        return keys[self._table.cursor_row] if self._table.cursor_row < len(keys) else None

    def _show_view(self) -> None:
        chosen = self._chosen()
        panel = self.query_one("#view", Static)
        panel.update(_view_text(self._rows[chosen]) if chosen in self._rows else "")


def _styled(row: FeatureRow, column: str, cell: str) -> Text:
    return Text(cell, style=COLOURS[row.view.state] if column == COLUMNS[0] else "")


def _view_text(row: FeatureRow) -> Text:
    view = row.view
    rates = "  ".join(f"{name} {rate:.1f}/s" for name, rate in view.rates.items() if rate)
    waiting = "-" if view.lag_rows is None else f"{view.lag_rows:.0f}"
    text = Text.assemble(
        (view.view, "bold"),
        f"  p50 {seconds_text(view.p50)}  p99 {seconds_text(view.p99)}  rows that wait {waiting}  {rates}",
    )
    if view.rejected:
        text.append("\ndead letters: " + ", ".join(f"{name} {count:.0f}" for name, count in view.rejected.items()))
    for condition in CONDITIONS:
        if condition.name in view.conditions:
            text.append(f"\n{condition.name}", "bold yellow").append(f"  {condition.summary} {condition.remedy}")
    return text
