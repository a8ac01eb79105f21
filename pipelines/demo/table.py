"""What the demo shows while it runs: a few customers, freshness by stage, and how far both stores are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Group
from rich.table import Table
from rich.text import Text

from headwater.operators.freshness import STAGES
from headwater.pipelines.freshness_summary import Histogram
from headwater.pipelines.reader import FeatureRow

SHOWN = (
    "count_1m",
    "count_24h",
    "amount_sum_1m",
    "amount_sum_24h",
    "amount_mean_5m",
    "amount_max_1h",
    "last_category_6h",
)


@dataclass(frozen=True, slots=True)
class Picture:
    """One moment of the demo."""

    rows: Sequence[FeatureRow]
    freshness: dict[str, dict[str, Histogram]]
    events_sent: int
    rows_online: int
    rows_offline: int
    seconds_left: float

    def render(self) -> Group:
        """The picture as tables for a terminal."""
        line = (
            f"{self.events_sent:,} events sent · {self.rows_online:,} rows written online ·"
            f" {self.rows_offline:,} rows in Parquet · {max(0, self.seconds_left):.0f} s to go"
        )
        return Group(self._customers(), self._freshness(), Text(line, style="bold"))

    def plain(self) -> str:
        """The picture as one line, for a log."""
        totals = self.freshness.get(next(iter(self.freshness), ""), {}).get(STAGES[-1], Histogram())
        return (
            f"{self.events_sent:,} events, {self.rows_online:,} rows online, {self.rows_offline:,} rows offline,"
            f" freshness p50 {_seconds(totals.quantile(0.5))} p99 {_seconds(totals.quantile(0.99))}"
        )

    def _customers(self) -> Table:
        table = Table(title="Features of a few customers, as a service reads them", title_justify="left")
        for column in ("customer", *SHOWN, "status", "age"):
            table.add_column(column, justify="left" if column == "customer" else "right")
        for row in self.rows:
            values = [_value(row.values.get(name)) for name in SHOWN]
            age = "" if row.age is None else f"{row.age:.1f} s"
            table.add_row(str(row.entity["customer_id"]), *values, row.status.value, age)
        return table

    def _freshness(self) -> Table:
        table = Table(title="Freshness, p50 / p99, of events in this minute", title_justify="left")
        table.add_column("feature")
        for stage in STAGES:
            table.add_column(stage.replace("_", " "), justify="right")
        alike: dict[tuple[str, ...], list[str]] = {}
        for feature, stages in self.freshness.items():
            histograms = [stages.get(stage, Histogram()) for stage in STAGES]
            cells = tuple(f"{_seconds(each.quantile(0.5))} / {_seconds(each.quantile(0.99))}" for each in histograms)
            alike.setdefault(cells, []).append(feature)
        for cells, features in alike.items():
            more = f" and {len(features) - 1} more" if len(features) > 1 else ""
            table.add_row(f"{features[0]}{more}", *cells)
        return table


def _value(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:,.2f}" if isinstance(value, float) else str(value)


def _seconds(seconds: float | None) -> str:
    if seconds is None:
        return "–"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
