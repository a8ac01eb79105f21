"""Where the dashboards lie as JSON, in the chart and for compose; `make golden` writes them."""

from __future__ import annotations

import json
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from headwater.pipelines.dashboards.features import FEATURES
from headwater.pipelines.dashboards.panels import Board, built
from headwater.pipelines.dashboards.pipeline import PIPELINE
from headwater.pipelines.dashboards.view import VIEW

BOARDS = (FEATURES, VIEW, PIPELINE)
DIRECTORIES = ("helm/headwater/dashboards", "pipelines/deploy/compose/dashboards")
"""From the root of the repository; a chart and compose can each take only what lies with them."""


def dashboard_text(board: Board) -> str:
    """The dashboard as Grafana loads it."""
    made = json.loads(JSONEncoder().encode(built(board).build()))
    return json.dumps(made, indent=1, sort_keys=True) + "\n"


def dashboard_files(root: Path) -> dict[Path, Board]:
    """Every file and the dashboard that it holds."""
    return {root / directory / f"{board.uid}.json": board for directory in DIRECTORIES for board in BOARDS}
