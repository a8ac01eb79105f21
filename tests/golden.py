"""Writes the golden files of the unit tests anew: `make golden`. What has changed in them is reviewed like code."""

from __future__ import annotations

import tempfile
from pathlib import Path

from headwater.pipelines.dashboards.files import dashboard_files, dashboard_text
from headwater.pipelines.slo.files import rules_file, rules_text
from tests.dockerfile import ROOT
from tests.unit import test_dead_letters, test_golden_log, test_golden_plans, test_mistakes, test_slo_rules


def main() -> None:
    """Writes all of them."""
    for plan in test_golden_plans.example_plans():
        test_golden_plans.file_of(plan).write_text(test_golden_plans.text_of(plan))
    test_dead_letters.SCHEMA_OF_KERNEL_TESTS.write_text(test_dead_letters.schema_text())
    test_golden_log.FILE.write_text(test_golden_log.text())
    for view in test_slo_rules.VIEWS:
        rules_file(view).write_text(rules_text(view.plan))
    for file, board in dashboard_files(ROOT).items():
        file.write_text(dashboard_text(board))
    with tempfile.TemporaryDirectory() as directory:
        test_mistakes.TABLE.write_text(test_mistakes.rewritten(Path(directory)))


if __name__ == "__main__":
    main()
