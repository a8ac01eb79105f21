"""A real Prometheus on a real pipeline: every panel has data, a stall becomes an alert and its end the end of it."""

from __future__ import annotations

import math
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from confluent_kafka import Producer
from typer.testing import CliRunner

from headwater.pipelines.board.collector import Collector
from headwater.pipelines.board.model import Board as LiveBoard
from headwater.pipelines.board.sources import Prometheus, pages_of_stack
from headwater.pipelines.board.view import State, ViewNow
from headwater.pipelines.cli import app
from headwater.pipelines.dashboards.files import BOARDS
from headwater.pipelines.dashboards.panels import Board, Panel, Query
from headwater.pipelines.dashboards.view import VIEW
from headwater.pipelines.demo.traffic import Traffic
from headwater.pipelines.slo.rules import alert_name
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import running
from headwater.schemas.plan import Plan
from tests.integration.test_local_stack import ROOT
from tests.integration.test_watch_stack import SCHEMAS, SETTINGS, Watched, environment
from tests.more.prometheus_server import PrometheusServer
from tests.waiting import wait_until

pytestmark = pytest.mark.timeout(600)

VIEWS = """
from headwater.schemas import (
    EventSource, FeatureView, accepted_events, agreeing_reads, between, count_events, fresh_reads, last_of, mean_of,
    probe, sum_of,
)

purchases = EventSource(
    topic="shop.purchases",
    key="customer_id",
    event_time="purchased_at",
    allowed_skew="10s",
    expect=[between("amount", 0, 50)],
)

observed = FeatureView(
    name="observed",
    source=purchases,
    features=[
        count_events(over=["1m", "24h"]),
        sum_of("amount", over=["1m", "24h"]),
        mean_of("amount", over="24h"),
        last_of("item.category", over="24h", name="last_category"),
    ],
    owner="tests",
    description="For a test.",
    freshness="3s",
    objectives=[fresh_reads("99%"), accepted_events("99%"), agreeing_reads("99.9%")],
    probe=probe(
        {
            "purchase_id": "probe",
            "customer_id": "headwater-probe",
            "amount": 0.0,
            "quantity": 1,
            "discount": None,
            "item": {"sku": "none", "category": "BOOKS"},
        },
        every="5s",
    ),
)
"""
TOPIC = "shop.purchases"
MORE_SETTINGS = {
    "HEADWATER_WATCH_CHECK_SECONDS": "5",
    "HEADWATER_WATCH_ROWS_PER_SECOND": "200",
    "HEADWATER_WATCH_VALUES_SECONDS": "10",
    "HEADWATER_WATCH_REFERENCE_PERIOD_SECONDS": "10",
    "HEADWATER_WATCH_DRIFT_LIMIT": "1000",  # values drift as history comes in, which is no trouble here
}
RATE_INTERVAL = "15s"
WORKERS = ("compute", "materialize", "archive", "watch")

EMPTY_WHILE_WELL = {
    "What is wrong": "no condition holds",
    "Features that differ": "all rows agree",
}
"""Panels that are empty while nothing is wrong, and why."""


class Shown(NamedTuple):
    """A query of a panel, as Grafana sends it."""

    panel: Panel
    query: Query
    expression: str


class Observed(NamedTuple):
    """A stack with the view, and the Prometheus that scrapes it."""

    stack: Watched
    prometheus: PrometheusServer
    plan_file: Path
    rules: dict[str, Any]

    @property
    def plan(self) -> Plan:
        return Plan.from_json(self.plan_file.read_bytes())

    def spoil(self) -> None:
        """Produces a record that is rejected."""
        producer = Producer({"bootstrap.servers": self.stack.settings().kafka_bootstrap_servers})
        producer.produce(TOPIC, None)
        assert producer.flush(30) == 0

    def state_of(self, alert: str, **labels: str) -> set[str]:
        """Whether it is pending or firing; both, of several."""
        return {each["state"] for each in self.prometheus.alerts(alert, **labels)}

    def rule_of(self, alert: str, **labels: str) -> dict[str, Any]:
        """The alert as Headwater generated it."""
        (found,) = (
            rule
            for group in self.rules["groups"]
            for rule in group["rules"]
            if rule.get("alert") == alert and labels.items() <= rule["labels"].items()
        )
        return dict(found)

    def queries(self, board: Board) -> Iterator[Shown]:
        """Every query of a dashboard, with its variables set to what Grafana chooses when it is opened."""
        values = {"$__rate_interval": RATE_INTERVAL}
        if board.by_view:
            (view,) = self.prometheus.label_values("view", "headwater_view_state")
            series = f'headwater_freshness_seconds_count{{view="{view}",stage="event_to_visible"}}'
            feature = self.prometheus.label_values("feature", series)[0]
            values |= {"$view": view, "${view}": view, "$feature": feature}
        for row in board.rows:
            for panel in row.panels:
                for query in panel.queries:
                    expression = query.expression
                    for name, value in values.items():
                        expression = expression.replace(name, value)
                    yield Shown(panel, query, expression)

    def empty(self, shown: Shown) -> bool:
        """Whether a panel would show nothing for it."""
        return not any(math.isfinite(value) for _, value in self.prometheus.query(shown.expression))


@pytest.fixture(scope="module")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Observed]:
    directory = tmp_path_factory.mktemp("observed")
    views = directory / "views.py"
    views.write_text(VIEWS)
    stack = Watched(directory / "state")
    declared = (str(views), "--schemas", str(SCHEMAS))
    assert CliRunner().invoke(app, ["slo", "generate", *declared, "--out", str(directory)]).exit_code == 0
    rules = directory / "observed.rules.yaml"
    with ExitStack() as stopped, environment(SETTINGS | MORE_SETTINGS):
        stopped.callback(stack.run, "down")
        outcome = stack.run("up", "--views", *declared, "--detach")
        assert outcome.returncode == 0, outcome.stderr
        told = stack.told()
        pages = {each.name: urlsplit(url).netloc for each in told.processes if (url := each.addresses.get("metrics"))}
        of_flink = {name: pages.pop(name) for name in ("jobmanager", "taskmanager")}
        (port,) = free_ports(1)
        targets = {"headwater": list(pages.values()), "flink": list(of_flink.values())}
        assert {name.partition(".")[0] for name in pages} == set(WORKERS)
        prometheus = PrometheusServer(directory / "prometheus", port, targets, [rules])
        prometheus.prepare()
        stopped.enter_context(running(prometheus.spec()))
        traffic = Traffic(stack.settings(), seed=7, customers=500, rate=50)
        traffic.send_history(1_000)
        traffic.start()
        stopped.callback(traffic.stop)
        yield Observed(stack, prometheus, told.views[0].plan, yaml.safe_load(rules.read_text()))


@contextmanager
def paused(observed: Observed, process: str) -> Iterator[None]:
    """The process does not run, and is not gone."""
    identity = observed.stack.process(process).identity
    assert identity is not None
    os.kill(identity.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(identity.pid, signal.SIGCONT)


def test_every_query_of_every_dashboard_has_data(observed: Observed) -> None:
    wait_until(lambda: observed.prometheus.query("headwater_view_state{state='fresh'} == 1"), 60, "fresh values")
    missing = [shown for board in BOARDS for shown in observed.queries(board)]
    assert len(missing) > 60
    deadline = time.monotonic() + 90
    while missing and time.monotonic() < deadline:
        observed.spoil()
        time.sleep(1)
        missing = [shown for shown in missing if shown.panel.title not in EMPTY_WHILE_WELL and observed.empty(shown)]
    assert not missing, "\n".join(f"{shown.panel.title}: {shown.expression}" for shown in missing)


def test_panels_that_tell_of_trouble_are_empty_without_it(observed: Observed) -> None:
    found = [shown for board in BOARDS for shown in observed.queries(board) if shown.panel.title in EMPTY_WHILE_WELL]
    assert {shown.panel.title for shown in found} == set(EMPTY_WHILE_WELL)
    for shown in found:
        wait_until(lambda shown=shown: observed.empty(shown), 60, f"{shown.panel.title} to be empty")


def test_every_series_has_the_labels_by_which_it_is_called(observed: Observed) -> None:
    nameless = [
        shown.expression
        for board in BOARDS
        for shown in observed.queries(board)
        for labels, _ in observed.prometheus.query(shown.expression)
        if not set(re.findall(r"\{\{(\w+)\}\}", shown.query.legend)) <= labels.keys()
    ]
    assert not nameless, "\n".join(nameless)


def test_a_stall_becomes_an_alert_and_ends_with_it(observed: Observed) -> None:
    stuck, burning = alert_name("stuck"), alert_name("fresh_reads_burn")
    wait_until(lambda: not observed.state_of(stuck) | observed.state_of(burning, window="1h"), 60, "no alert")
    with paused(observed, "taskmanager"):
        wait_until(lambda: observed.state_of(stuck) == {"pending"}, 60, f"{stuck} to be pending")
        wait_until(lambda: observed.state_of(stuck) == {"firing"}, 60, f"{stuck} to fire")
        wait_until(lambda: observed.state_of(burning, window="1h") == {"firing"}, 60, f"{burning} to fire")
        (alert,) = observed.prometheus.alerts(stuck)
        rule = observed.rule_of(stuck)
        labels = {"view": "observed", "condition": "stuck", "severity": "page", "alertname": stuck}
        assert alert["labels"] == labels | rule["labels"]
        assert alert["annotations"] == rule["annotations"]
        (wrong,) = {shown.expression for shown in observed.queries(VIEW) if shown.panel.title == "What is wrong"}
        wait_until(lambda: "stuck" in {labels["condition"] for labels, _ in observed.prometheus.query(wrong)})
    wait_until(lambda: not observed.state_of(stuck), 90, f"{stuck} to be resolved")
    wait_until(lambda: not observed.state_of(burning, window="1h"), 90, f"{burning} to be resolved")


def test_a_process_that_tells_nothing_becomes_an_alert_of_its_own(observed: Observed) -> None:
    silent = alert_name("process_silent")
    with (
        Collector(Prometheus(observed.prometheus.url, [observed.plan]), 1) as board,
        paused(observed, "materialize.observed"),
    ):
        wait_until(lambda: observed.state_of(silent, process="materialize") == {"firing"}, 60, f"{silent} to fire")
        assert not observed.state_of(silent, process="archive")
        wait_until(lambda: view_of(board).state is State.SILENT, 30, "the board to say so")
    wait_until(lambda: not observed.state_of(silent), 60, f"{silent} to be resolved")


def test_the_board_and_top_know_from_prometheus_what_the_processes_say(observed: Observed) -> None:
    with Collector(Prometheus(observed.prometheus.url, [observed.plan]), 1) as of_prometheus:
        # What was before it began it knows from Prometheus.
        past = of_prometheus.past("observed")
        assert past is not None
        assert [each for each in past.p99 if each is not None]
        with Collector(pages_of_stack(observed.stack.state), 1) as of_pages:
            observed.spoil()
            for board in (of_prometheus, of_pages):
                wait_until(lambda board=board: view_of(board).rates["events"] > 0, 60, "events")
                wait_until(lambda board=board: view_of(board).p99 is not None, 60, "visible events")
                wait_until(lambda board=board: view_of(board).rejected, 60, "a rejected record")
                wait_until(lambda board=board: view_of(board).state is State.FRESH, 60, "fresh values")
            told, said = view_of(of_prometheus), view_of(of_pages)
    assert (told.state, told.features, told.owner) == (said.state, said.features, said.owner)
    assert told.rates.keys() == said.rates.keys()
    for name in ("newest_event", "read_age", "lag_rows", "archive_lag_rows", "checkpoint_at"):
        assert (getattr(told, name) is None) == (getattr(said, name) is None), name
    assert told.rejected.keys() == said.rejected.keys() == {"null_value"}
    # Only Prometheus remembers what a budget was spent on.
    assert {each.objective for each in told.budgets if each.left is not None} == {
        each.kind for each in observed.plan.objectives
    }

    command = ["top", "--prometheus", observed.prometheus.url, "--plan", str(observed.plan_file), "--interval", "1"]
    printed = CliRunner().invoke(app, command).output
    rows = [[cell.strip() for cell in line.split("│")] for line in printed.splitlines() if "│ observed " in line]
    assert {row[1] for row in rows} == {feature.name for feature in observed.plan.features}, printed
    assert all(row[-2].endswith("% left") and row[-1] == "tests" for row in rows), printed


def test_watch_serves_the_board_from_prometheus_until_it_is_stopped(observed: Observed, tmp_path: Path) -> None:
    log = tmp_path / "watch.log"
    command = ("watch", "--plan", str(observed.plan_file), "--web", "127.0.0.1:0", "--prometheus")
    with environment(services(observed)), log.open("w") as output:
        watch = subprocess.Popen(
            (sys.executable, "-m", "headwater.pipelines.cli", *command, observed.prometheus.url),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: "watching" in log.read_text() or watch.poll() is not None, 60, "watch to begin")
        (url,) = re.findall(r"http://127\.0\.0\.1:\d+/(?!metrics)", log.read_text())
        (view,) = httpx.get(f"{url}api/board").json()["views"]
        assert (view["view"], view["owner"]) == ("observed", "tests")
        assert view["state"] in {"fresh", "stale"}
        watch.terminate()
        assert watch.wait(30) == 0
    finally:
        watch.kill()
        watch.wait()


def services(observed: Observed) -> dict[str, str]:
    """Where a process of its own finds the stack's."""
    endpoints = observed.stack.told().endpoints.model_dump()
    return {f"HEADWATER_{name.upper()}": value for name, value in endpoints.items()}


def view_of(board: LiveBoard) -> ViewNow:
    """The view as the newest look saw it."""
    (view,) = board.now().views
    return view
