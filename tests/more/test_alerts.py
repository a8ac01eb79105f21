"""Every alert of the example views as promtool runs it: it fires when it should, and stays quiet when it should."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
import yaml

from headwater.pipelines.declarations import CompiledView
from headwater.pipelines.slo.files import rules_file
from headwater.pipelines.slo.rules import rules_of
from tests.more.alert_cases import alerts_tested, promtool_tests
from tests.unit.test_slo_rules import VIEWS, alerts

PROMTOOL = os.environ.get("HEADWATER_PROMTOOL", "promtool")

pytestmark = pytest.mark.timeout(1800)


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.plan.view)
def test_every_alert_fires_when_it_should_and_stays_quiet_when_it_should(view: CompiledView, tmp_path: Path) -> None:
    cases = promtool_tests(view.plan, rules_file(view))
    fire, stay_quiet = alerts_tested(cases)
    for alert in alerts(rules_of(view.plan)):
        name, window = alert["alert"], alert["labels"].get("window")
        if window is None:
            assert name in {each for each, _ in fire} & {each for each, _ in stay_quiet}
        else:
            assert (name, f"{window} too much") in fire
            assert {(name, f"{window} not enough"), (name, f"{window} no longer")} <= stay_quiet
    file = tmp_path / "alerts.yaml"
    file.write_text(yaml.safe_dump(cases, sort_keys=False))
    outcome = subprocess.run((PROMTOOL, "test", "rules", file), capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
