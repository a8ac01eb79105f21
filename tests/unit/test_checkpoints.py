"""State is not handed to a view whose definition has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.pipelines.checkpoints import checkpoint_store
from headwater.schemas import Plan, count_events, sum_of
from headwater.schemas.errors import ClusterError
from tests.unit.test_declaring import plan_of

PLAN = plan_of(count_events(over="1h"), sum_of("fare", over="1h"))


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (plan_of(count_events(over="1h"), sum_of("fare", over="2h")), r"windows\.2h is new"),
        (
            plan_of(count_events(over="1h"), sum_of("tips", over="1h")),
            r"features\.tips_sum_1h is new: the state has no",
        ),
        (plan_of(count_events(over="1h"), sum_of("fare", over="1h"), entity="who"), "entity has other fields"),
    ],
)
def test_a_changed_view_is_told_to_raise_its_generation(tmp_path: Path, changed: Plan, said: str) -> None:
    store = checkpoint_store(str(tmp_path), PLAN)
    store.remember(PLAN)
    with pytest.raises(ClusterError, match=rf"(?s)set generation=2 in the view.*{said}"):
        store.check_unchanged(changed)


def test_a_change_that_leaves_the_state_alone_passes(tmp_path: Path) -> None:
    store = checkpoint_store(str(tmp_path), PLAN)
    store.check_unchanged(PLAN)
    store.remember(PLAN)
    store.check_unchanged(plan_of(count_events(over="1h"), sum_of("fare", over="1h"), emission_interval="1s"))


def test_the_note_of_the_plan_is_not_taken_for_a_job(tmp_path: Path) -> None:
    store = checkpoint_store(str(tmp_path), PLAN)
    store.remember(PLAN)
    assert store.origin().url is None
