"""The declarations and tests in the documentation, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from headwater.pipelines.contracts import BUNDLED, find_contract
from headwater.schemas import compile_view

README = Path(__file__).parents[2] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
(DECLARATION,) = (block for block in BLOCKS if "customer_purchases = FeatureView(" in block)
(TEST,) = (block for block in BLOCKS if "def test_" in block)


def run(*blocks: str) -> dict[str, Any]:
    """What the blocks define, one after another, as if they stood in a file beside the README."""
    defined: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), defined)
    return defined


def test_the_view_that_is_explained_line_by_line_compiles_to_the_features_it_names() -> None:
    view = run(DECLARATION)["customer_purchases"]
    plan = compile_view(view, find_contract("shop.purchases-value", [BUNDLED]).newest)
    named = re.findall(r"# (\w+(?:, \w+)*)$", DECLARATION, re.MULTILINE)
    features = [feature.name for feature in plan.features]
    assert features == [name for names in named for name in names.split(", ") if name in features]
    assert len(features) == 6


def test_the_test_that_is_shown_passes() -> None:
    run(DECLARATION, TEST)["test_a_purchase_counts_for_a_minute"]()
