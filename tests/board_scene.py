"""A deployment as a board sees it, played: views with features, each in a state that the test sets."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from headwater.operators.freshness import STAGES
from headwater.pipelines.board.model import Board, Look
from headwater.pipelines.board.samples import (
    BUCKET,
    COUNT,
    HEARTBEAT_AGE,
    LAST_EVENT,
    LOG_LAG,
    REJECTS,
    SUM,
    VIEW_STATE,
    VISIBLE,
    Sample,
)
from headwater.pipelines.slo.rules import KERNEL
from headwater.schemas.conditions import CONDITIONS
from headwater.schemas.plan import Objective, Plan
from tests.feature_log_rows import make_plan

START = 1_795_000_000.0
BOUNDS = (0.1, 0.2, 0.5, 1.0, 5.0, float("inf"))
OBJECTIVES = (
    Objective(kind="fresh_reads", share_per_million=995_000, over_ms=30 * 86_400_000, within_ms=5_000),
    Objective(kind="accepted_events", share_per_million=999_000, over_ms=30 * 86_400_000),
)
STAGE_SECONDS = (0.01, 0.05, 0.08, 0.004)


@dataclass
class PlayedView:
    """A view of the scene; change it between two looks."""

    plan: Plan
    state: str = "fresh"
    heartbeat_age: float = 0.7
    seconds: float = 0.15
    rows_per_look: int = 100
    conditions: tuple[str, ...] = ()
    rejected: Counter[str] = field(default_factory=Counter)
    rows: float = 0
    below: Counter[float] = field(default_factory=Counter)
    spent: Counter[str] = field(default_factory=Counter)

    def samples(self, at: float) -> list[Sample]:
        """What its processes say now."""
        if self.state == "silent":
            return []
        name, labels = self.plan.view, {"view": self.plan.view}
        rows = self.rows_per_look if self.state == "fresh" else 0
        self.rows += rows
        self.below.update({bound: rows for bound in BOUNDS if self.seconds <= bound})
        stages = (*STAGE_SECONDS[:-1], self.seconds - sum(STAGE_SECONDS[:-1]), self.seconds)
        self.spent.update({stage: int(1e6 * rows * each) for stage, each in zip(STAGES, stages, strict=True)})
        first = labels | {"feature": self.plan.features[0].name}
        return [
            *(
                Sample(VIEW_STATE, labels | {"state": each}, each == self.state)
                for each in ("fresh", "no_events", "stuck")
            ),
            Sample(HEARTBEAT_AGE, labels | {"partition": "0"}, self.heartbeat_age),
            Sample(LOG_LAG, labels | {"partition": "0"}, 3 if self.state == "fresh" else 4_200),
            Sample(LAST_EVENT, first, at - self.heartbeat_age),
            *(
                Sample(COUNT, labels | {"feature": each.name, "stage": VISIBLE}, self.rows)
                for each in self.plan.features
            ),
            *(Sample(BUCKET, first | {"stage": VISIBLE, "le": str(each)}, self.below[each]) for each in BOUNDS),
            *(Sample(SUM, first | {"stage": stage}, self.spent[stage] / 1e6) for stage in STAGES),
            *(Sample(REJECTS, labels | {"reason": reason}, count) for reason, count in self.rejected.items()),
            Sample(f"{KERNEL}_events_total", {"job_name": f"headwater_{name}_g1"}, self.rows),
            Sample("headwater_online_rows_written_total", labels, self.rows),
            *(
                Sample("headwater_condition", labels | {"condition": each.name}, each.name in self.conditions)
                for each in CONDITIONS
            ),
        ]


class Scene:
    """A source of looks for a board, so many seconds apart."""

    def __init__(
        self, *names: str, features: int = 3, owner: str = "growth@shop.example", step_seconds: float = 5
    ) -> None:
        self.at = START
        self.step_seconds = step_seconds
        self.silent: dict[str, str] = {}
        self.views = {}
        for name in names:
            plan = make_plan(view=name, features=[(f"{name}_feature_{number}", "long") for number in range(features)])
            changes = {"owner": owner, "objectives": OBJECTIVES, "freshness_objective_ms": 5_000}
            self.views[name] = PlayedView(plan.model_copy(update=changes))

    def look(self) -> Look:
        """The next look."""
        self.at += self.step_seconds
        samples = [sample for view in self.views.values() for sample in view.samples(self.at)]
        return Look(self.at, {"all": samples}, dict(self.silent), [view.plan for view in self.views.values()])

    def close(self) -> None:
        """There is nothing to let go of."""


def played(scene: Scene, looks: int = 2) -> Board:
    """A board that has looked at the scene so many times."""
    board = Board()
    for _ in range(looks):
        board.take(scene.look())
    return board
