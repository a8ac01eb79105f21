"""The declarations and tests in the documentation, run as they stand there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from headwater.pipelines.contracts import BUNDLED, find_contract
from headwater.pipelines.taxi import views as taxi
from headwater.schemas import aggregates, compile_view

ROOT = Path(__file__).parents[2]
README, DECLARING = ROOT / "README.md", ROOT / "schemas" / "declaring.md"


def blocks_of(document: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", document.read_text(), re.DOTALL)


BLOCKS = blocks_of(README)
(DECLARATION,) = (block for block in BLOCKS if "customer_purchases = FeatureView(" in block)
(TEST,) = (block for block in BLOCKS if "def test_" in block)


def run(*blocks: str, beside: Path = README) -> dict[str, Any]:
    """What the blocks define, one after another, as if they stood in a file beside this one."""
    defined: dict[str, Any] = {}
    for block in blocks:
        exec(compile(block, str(beside), "exec"), defined)
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


def test_the_reference_of_declarations_runs_and_names_every_window_as_it_is_called() -> None:
    defined = run(*blocks_of(DECLARING), beside=Path(taxi.__file__))
    plan = compile_view(defined["driver_rides"], find_contract("taxi.rides-value", [Path(taxi.__file__).parent]).newest)
    suffixes = re.findall(r"\| `(_\w+)` \|$", DECLARING.read_text(), re.MULTILINE)
    compile_view(defined["driver_probe"], find_contract("taxi.rides-value", [Path(taxi.__file__).parent]).newest)
    assert {feature.name.removeprefix("count") for feature in plan.features} - {"_5m", "_last_month"} <= set(suffixes)


def test_the_reference_of_declarations_has_every_aggregate() -> None:
    named = set(re.findall(r"`(\w+)`", DECLARING.read_text()))
    assert set(aggregates.__all__) - {"Aggregation"} <= named
