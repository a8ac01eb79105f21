"""The plans of the example views are what was reviewed: a change of the compiler shows as a difference in them.

`make golden` writes them anew.
"""

from __future__ import annotations

import json
from pathlib import Path

from headwater.pipelines.contracts import BUNDLED
from headwater.pipelines.declarations import load_plans
from headwater.pipelines.shop import views as shop
from headwater.pipelines.taxi import views as taxi
from headwater.schemas.plan import Plan

GOLDEN = Path(__file__).parent / "golden"
EXAMPLES = ((Path(shop.__file__), BUNDLED), (Path(taxi.__file__), None))


def example_plans() -> list[Plan]:
    return [compiled.plan for path, schemas in EXAMPLES for compiled in load_plans(path, schemas)]


def file_of(plan: Plan) -> Path:
    return GOLDEN / f"{plan.view}.plan.json"


def text_of(plan: Plan) -> str:
    return json.dumps(plan.as_dict(), indent=1, ensure_ascii=False) + "\n"


def test_each_example_view_compiles_to_its_reviewed_plan() -> None:
    for plan in example_plans():
        assert text_of(plan) == file_of(plan).read_text(), f"{plan.view}: run `make golden` and review the difference"


def test_there_is_a_reviewed_plan_for_each_example_view_and_no_other() -> None:
    assert {file_of(plan) for plan in example_plans()} == set(GOLDEN.glob("*.plan.json"))


def test_a_plan_that_is_read_again_is_the_same() -> None:
    for plan in example_plans():
        assert Plan.from_json(plan.canonical_json()) == plan
