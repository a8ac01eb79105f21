"""Error budgets of a view's objectives, as far as the board has seen, and over the whole period where Prometheus tells.

The board's own figures say how fast the budget was spent over the last hour; they follow the definitions of the rules
(`pipelines/slo/rules.py`), by which Prometheus knows what is left of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headwater.pipelines.board.points import Point
from headwater.pipelines.board.samples import RATES, REJECTS
from headwater.pipelines.slo.rules import KERNEL, budget_of
from headwater.schemas.plan import Objective

_EVENTS, _REJECTED = RATES[f"{KERNEL}_events_total"], RATES[REJECTS]


@dataclass(frozen=True, slots=True)
class Budget:
    """How an objective stands.

    Attributes:
        objective: its kind.
        share: what must go well, from 0 to 1.
        over_days: the period of the budget.
        burn_rate: how many times faster than allowed it was spent over the last hour; None if there was nothing to
            judge by. At 1 the budget lasts for its period.
        left: the share of it that is left of the period, below 0 if it is overspent; None unless Prometheus tells.
    """

    objective: str
    share: float
    over_days: float
    burn_rate: float | None
    left: float | None


def budgets_of(objectives: Sequence[Objective], points: Sequence[Point], left: Mapping[str, float]) -> list[Budget]:
    """A budget for each objective, from the points of the last hour; `left` is what Prometheus tells, by kind."""
    return [
        Budget(
            objective=objective.kind,
            share=objective.share_per_million / 1e6,
            over_days=objective.over_ms / 86_400_000,
            burn_rate=None if (gone_wrong := _gone_wrong(objective, points)) is None else gone_wrong / allowed,
            left=left.get(objective.kind),
        )
        for objective in objectives
        if (allowed := budget_of(objective))
    ]


def within_seconds(objectives: Sequence[Objective]) -> frozenset[float]:
    """The ages that reads may have, of the objectives that are about reads."""
    return frozenset(each.within_ms / 1000 for each in objectives if each.within_ms is not None)


def _gone_wrong(objective: Objective, points: Sequence[Point]) -> float | None:
    bad = total = 0.0
    for point in points:
        match objective.kind:
            case "fresh_reads":
                bad += point.bad_reads.get((objective.within_ms or 0) / 1000, 0.0)
                total += point.looks
            case "accepted_events":
                bad += point.counts.get(_REJECTED, 0.0)
                total += point.counts.get(_REJECTED, 0.0) + point.counts.get(_EVENTS, 0.0)
            case "agreeing_reads":
                bad += point.compared.get("disagreed", 0.0)
                total += point.compared.get("disagreed", 0.0) + point.compared.get("agreed", 0.0)
    return bad / total if total else None
