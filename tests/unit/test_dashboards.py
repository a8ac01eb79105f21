"""The dashboards in the chart and for compose are those of the code, and show only what there is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from headwater.pipelines.dashboards.files import BOARDS, DIRECTORIES, dashboard_files, dashboard_text
from headwater.pipelines.dashboards.panels import Board, Panel
from headwater.pipelines.slo.files import rules_text
from tests.dockerfile import ROOT
from tests.metrics_page import SECTIONS, known_names
from tests.query_units import unit_of
from tests.unit.test_golden_plans import example_plans

RECORDED = {name for plan in example_plans() for name in re.findall(r"record: (\S+)", rules_text(plan))}
METRIC = re.compile(r"\b(?:headwater|flink)[_:][A-Za-z0-9_:]+")
VALUES = re.compile(r"\"[^\"]*\"")
UNITS = {
    "seconds": {"s"},
    "bytes": {"bytes"},
    "share": {"percentunit"},
    "share_of_bytes": {"percentunit"},
    "share_of_number": {"percentunit"},
    "share_of_number_rate": {"percentunit"},
    "share_of_share": {"none"},
    "number": {"none", "short"},
    "number_rate": {"ops"},
}
"""What a panel may say of each kind of number; a rate of bytes, for one, has no place here yet."""

each_board = pytest.mark.parametrize("board", BOARDS, ids=lambda board: board.uid)


def panels(board: Board) -> Iterator[Panel]:
    yield from (panel for row in board.rows for panel in row.panels)


def expressions() -> Iterator[str]:
    """Every query of every panel, as Grafana sends it once its variables have values."""
    for board in BOARDS:
        for panel in panels(board):
            yield from expressions_of(panel)


def expressions_of(panel: Panel) -> Iterator[str]:
    values = {"$view": "v", "${view}": "v", "$feature": "f", "$__rate_interval": "1m"}
    for query in panel.queries:
        expression = query.expression
        for name, value in values.items():
            expression = expression.replace(name, value)
        yield expression


def test_every_file_is_what_the_code_makes_and_there_is_no_other() -> None:
    files = dashboard_files(ROOT)
    for file, board in files.items():
        assert file.read_text() == dashboard_text(board), f"{file.name}: run `make golden`"
    assert set(files) == {file for directory in DIRECTORIES for file in (ROOT / directory).iterdir()}


def test_every_query_names_only_metrics_that_the_page_of_metrics_has_or_that_rules_record() -> None:
    for expression in expressions():
        used = set(METRIC.findall(VALUES.sub('""', expression)))
        assert used, expression
        assert used <= known_names() | RECORDED


def test_the_page_lists_those_of_flinks_own_metrics_that_are_shown() -> None:
    shown = {name for expression in expressions() for name in METRIC.findall(expression)}
    listed = {row.name for row in SECTIONS["Flink's own, of those that it exports"]}
    assert listed == {name for name in shown if name.startswith("flink_") and "headwater" not in name}


@each_board
def test_each_panel_has_the_unit_of_what_its_queries_tell(board: Board) -> None:
    for panel in panels(board):
        for expression in expressions_of(panel):
            assert panel.unit in UNITS[unit_of(expression)], f"{panel.title}: {expression}"


@pytest.mark.parametrize(
    "expression",
    [
        "headwater_online_rows_written_total",
        "sum by (view) (headwater_freshness_seconds_bucket)",
        "rate(headwater_log_lag_rows[1m])",
        "max by (view) (headwater_last_checkpoint_timestamp_seconds) / headwater_heartbeat_age_seconds",
        "headwater_last_checkpoint_size_bytes / headwater_log_lag_rows",
    ],
)
def test_a_query_that_makes_no_sense_has_no_unit(expression: str) -> None:
    with pytest.raises(ValueError, match="headwater"):
        unit_of(expression)


@each_board
def test_a_dashboard_takes_its_variables_from_the_metrics(board: Board) -> None:
    made = json.loads(dashboard_text(board))
    variables = {each["name"]: each for each in made["templating"]["list"]}
    assert set(variables) == {"datasource", "runbooks"} | ({"view", "feature"} if board.by_view else set())
    for name in variables.keys() & {"view", "feature"}:
        metric, label = re.fullmatch(r"label_values\((\w+).*, (\w+)\)", variables[name]["query"]).groups()  # type: ignore[union-attr]
        assert (metric in known_names(), label) == (True, name)
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(made))) - {"__rate_interval", "__value"}
    assert used <= set(variables)


@each_board
def test_every_panel_says_what_it_shows_in_a_unit_and_the_dashboard_links_to_runbooks(board: Board) -> None:
    made = json.loads(dashboard_text(board))
    assert {"dashboards", "link"} == {link["type"] for link in made["links"]}
    found: list[dict[str, Any]] = [panel for panel in made["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in made["panels"]}) == len(made["panels"])
    assert len(found) == len(list(panels(board)))
    for panel in found:
        assert panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        for target in panel["targets"]:
            assert target["legendFormat"]
