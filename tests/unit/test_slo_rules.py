"""The rules of the example views are those of their plans, and what alerts link to is there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from typer.testing import CliRunner

from headwater.pipelines.cli import app
from headwater.pipelines.declarations import CompiledView, load_plans
from headwater.pipelines.slo.files import rules_file, rules_text
from headwater.pipelines.slo.rules import BURNS, WINDOWS, rules_of
from headwater.schemas.conditions import CONDITIONS
from headwater.schemas.plan import Objective
from tests.dockerfile import ROOT
from tests.feature_log_rows import make_plan
from tests.metrics_page import known_names
from tests.unit.test_golden_plans import EXAMPLES

VIEWS: list[CompiledView] = [view for path, schemas in EXAMPLES for view in load_plans(path, schemas)]


def alerts(rules: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield from (rule for group in rules["groups"] for rule in group["rules"] if "alert" in rule)


def test_the_rules_beside_each_example_view_are_those_of_its_plan() -> None:
    for view in VIEWS:
        assert rules_file(view).read_text() == rules_text(view.plan), f"{view.plan.view}: run `make golden`"
    files = {file for path, _ in EXAMPLES for file in path.parent.glob("*.rules.yaml")}
    assert files == {rules_file(view) for view in VIEWS}


def test_every_condition_of_every_view_has_an_alert() -> None:
    for view in VIEWS:
        watched = "".join(alert["expr"] for alert in alerts(rules_of(view.plan)))
        assert all(f'condition="{condition.name}"' in watched for condition in CONDITIONS)


def test_every_alert_says_how_bad_it_is_whose_it_is_what_to_do_and_where_that_is_told() -> None:
    anchors = page_anchors(ROOT / "pipelines/operating.md")
    for view in VIEWS:
        for alert in alerts(rules_of(view.plan)):
            assert alert["labels"]["owner"] == view.plan.owner
            assert alert["labels"].get("severity", "") in {"page", "ticket"} or "severity" in alert["expr"]
            assert {"summary", "action", "runbook_url"} == alert["annotations"].keys()
            page, _, anchor = alert["annotations"]["runbook_url"].partition("#")
            assert (page, anchor in anchors) == ("pipelines/operating.md", True), anchor


def test_rules_name_only_metrics_that_there_are() -> None:
    for view in VIEWS:
        text = rules_text(view.plan)
        recorded = set(re.findall(r"record: (\S+)", text))
        used = set(re.findall(r"\b((?:headwater|flink)[_:][A-Za-z0-9_:]+)\{", text))
        assert used <= recorded | known_names()
        assert used & known_names()


def test_each_window_of_each_alert_is_recorded() -> None:
    assert {window for burn in BURNS for window in (burn.long, burn.short)} == set(WINDOWS)
    assert WINDOWS == ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def test_a_budget_is_written_exactly() -> None:
    objective = Objective(kind="fresh_reads", share_per_million=999_990, over_ms=86_400_000 * 90, within_ms=2_500)
    text = rules_text(make_plan().model_copy(update={"objectives": (objective,)}))
    assert "expr: vector(1e-05)" in text
    assert "> bool 2.5)" in text
    assert "[90d]" in text


def test_generate_writes_the_same_bytes_where_it_is_told_to(tmp_path: Path) -> None:
    path, _ = EXAMPLES[1]
    command = ["slo", "generate", str(path), "--out", str(tmp_path), "--runbooks", "https://wiki.example/headwater"]
    for _ in range(2):
        outcome = CliRunner().invoke(app, command)
        assert outcome.exit_code == 0, outcome.output
        assert {file.name for file in tmp_path.iterdir()} == {"driver_week.rules.yaml", "rider_stops.rules.yaml"}
        for view in VIEWS[1:]:
            text = (tmp_path / f"{view.plan.view}.rules.yaml").read_text()
            assert text == rules_text(view.plan, "https://wiki.example/headwater")
            assert yaml.safe_load(text)["groups"]
            assert "https://wiki.example/headwater#stuck" in text


def page_anchors(page: Path) -> set[str]:
    """What a link into the page may end with."""
    text = page.read_text(encoding="utf-8")
    headings = (heading.lower() for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE))
    slugs = {re.sub(r"[^\w -]", "", heading).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="(\w+)"></a>', text))
