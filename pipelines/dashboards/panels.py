"""Panels and dashboards as plain data, and what Grafana's typed SDK makes of them."""

from __future__ import annotations

from itertools import count
from typing import Any, Literal, NamedTuple

from grafana_foundation_sdk.builders import dashboard, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders.common import ReduceDataOptions, StackingConfig, VizLegendOptions
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, StackingMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardLinkType,
    DataSourceRef,
    DataTransformerConfig,
    DynamicConfigValue,
    VariableRefresh,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

RUNBOOKS = "pipelines/operating.md"
TAG = "headwater"
WIDTH, HEIGHT = 12, 8
"""Of a panel, where a dashboard is 24 wide."""

Kind = Literal["lines", "stack", "stat", "table"]
Unit = Literal["s", "ms", "bytes", "percentunit", "short", "ops", "none"]
AnyPanel = timeseries.Panel | stat.Panel | table.Panel


class Query(NamedTuple):
    """An expression, and what its series are called, with labels in double braces."""

    expression: str
    legend: str


class Panel(NamedTuple):
    """What one panel shows. In a table there is a column for each query, and `{{condition}}` links to its runbook."""

    title: str
    unit: Unit
    queries: tuple[Query, ...]
    description: str
    kind: Kind = "lines"
    width: int = WIDTH


class Row(NamedTuple):
    """Panels below a heading."""

    title: str
    panels: tuple[Panel, ...]


class Board(NamedTuple):
    """A dashboard. `by_view` has one chosen by its variables `view` and `feature`."""

    uid: str
    title: str
    description: str
    by_view: bool
    rows: tuple[Row, ...]


def built(board: Board) -> dashboard.Dashboard:
    """The dashboard, with variables, links to its siblings and to the runbooks."""
    made = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.description)
        .tags([TAG])
        .refresh("10s")
        .time("now-1h", "now")
        .readonly()
        .with_variable(dashboard.DatasourceVariable("datasource").label("Prometheus").type("prometheus"))
    )
    if board.by_view:
        made.with_variable(_label("view", "headwater_view_state"))
        made.with_variable(
            _label("feature", 'headwater_freshness_seconds_count{view="$view",stage="event_to_visible"}')
        )
    made.with_variable(dashboard.TextBoxVariable("runbooks").label("Runbooks at").default_value(RUNBOOKS))
    made.link(dashboard.DashboardLink("Headwater").type(DashboardLinkType.DASHBOARDS).tags([TAG]).include_vars(True))
    made.link(dashboard.DashboardLink("Runbooks").type(DashboardLinkType.LINK).url("${runbooks}"))
    numbers = count(1)
    for row in board.rows:
        made.with_row(dashboard.Row(row.title).id(next(numbers)))
        for panel in row.panels:
            made.with_panel(_panel(panel).id(next(numbers)))
    return made


def _label(name: str, series: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(name.capitalize())
        .datasource(_source())
        .query(f"label_values({series}, {name})")
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
    )


def _source() -> DataSourceRef:
    return DataSourceRef(type_val="prometheus", uid="${datasource}")


def _panel(panel: Panel) -> AnyPanel:
    made: AnyPanel
    match panel.kind:
        case "lines" | "stack":
            made = timeseries.Panel().axis_soft_min(0).fill_opacity(40 if panel.kind == "stack" else 5)
            made.legend(
                VizLegendOptions()
                .show_legend(True)
                .display_mode(LegendDisplayMode.TABLE)
                .placement(LegendPlacement.BOTTOM)
                .calcs(["lastNotNull", "max"])
            )
            if panel.kind == "stack":
                made.stacking(StackingConfig().mode(StackingMode.NORMAL))
        case "stat":
            made = stat.Panel().reduce_options(ReduceDataOptions().calcs(["lastNotNull"]))
        case "table":
            made = table.Panel()
            made.with_transformation(DataTransformerConfig(id_val="merge", options={}))
            made.with_transformation(DataTransformerConfig(id_val="organize", options=_columns(panel)))
            made.override_by_name("condition", [_runbook_link()])
    made.title(panel.title).description(panel.description).unit(panel.unit).datasource(_source())
    made.span(panel.width).height(HEIGHT)
    for number, query in enumerate(panel.queries):
        target = (
            prometheus.Dataquery().expr(query.expression).legend_format(query.legend).ref_id(chr(ord("A") + number))
        )
        made.with_target(target.format(PromQueryFormat.TABLE).instant() if panel.kind == "table" else target)
    return made


def _columns(panel: Panel) -> dict[str, Any]:
    values = {f"Value #{chr(ord('A') + number)}": query.legend for number, query in enumerate(panel.queries)}
    return {"excludeByName": {"Time": True}, "renameByName": values | {"Value": panel.queries[0].legend}}


def _runbook_link() -> DynamicConfigValue:
    link = {"title": "Runbook", "url": "${runbooks}#${__value.text}", "targetBlank": True}
    return DynamicConfigValue(id_val="links", value=[link])
