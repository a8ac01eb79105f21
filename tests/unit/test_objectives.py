"""Objectives travel in the plan, exactly, and change neither state nor values."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.pipelines.checkpoints import checkpoint_store
from headwater.pipelines.shop.views import customer_purchases
from headwater.schemas import DeclarationError, accepted_events, fresh_reads
from headwater.schemas.objectives import objective_plan
from headwater.schemas.plan import Objective
from tests.feature_log_rows import make_plan


def test_a_share_is_kept_exactly() -> None:
    assert fresh_reads("99.5%").share_per_million == 995_000
    assert fresh_reads(" 99.999 % ").share_per_million == 999_990
    assert accepted_events("95%").share_per_million == 950_000


def test_a_read_is_fresh_within_the_views_freshness_unless_the_objective_says_otherwise() -> None:
    assert objective_plan(fresh_reads("99%"), "5s").within_ms == 5_000
    assert objective_plan(fresh_reads("99%", within="30s"), "5s").within_ms == 30_000
    assert objective_plan(accepted_events("99%", over="7d"), "5s") == Objective(
        kind="accepted_events", share_per_million=990_000, over_ms=7 * 86_400_000
    )


def test_an_objective_alone_raises_for_a_share_that_leaves_no_budget() -> None:
    with pytest.raises(DeclarationError, match="error budget"):
        fresh_reads("100%")


def test_a_changed_objective_needs_no_new_generation(tmp_path: Path) -> None:
    plan = make_plan()
    store = checkpoint_store(str(tmp_path), plan)
    store.remember(plan)
    objective = objective_plan(customer_purchases.objectives[0], "5s")
    store.check_unchanged(plan.model_copy(update={"objectives": (objective,)}))


def test_a_plan_from_before_there_were_objectives_has_none() -> None:
    plan = make_plan()
    text = plan.canonical_json().replace('"objectives":[],', "")
    assert '"objectives"' not in text
    assert type(plan).from_json(text) == plan
