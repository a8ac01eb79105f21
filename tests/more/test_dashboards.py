"""Every panel's query is one that Prometheus takes."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import yaml

from tests.unit.test_dashboards import expressions

PROMTOOL = os.environ.get("HEADWATER_PROMTOOL", "promtool")


def test_every_query_is_valid(tmp_path: Path) -> None:
    # promtool parses expressions as rules.
    rules = [{"record": f"query:{number}", "expr": each} for number, each in enumerate(expressions())]
    assert len(rules) > 40
    file = tmp_path / "queries.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    outcome = subprocess.run((PROMTOOL, "check", "rules", file), capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stderr
