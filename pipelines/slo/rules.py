"""Prometheus rules of a view: its objectives as error ratios, budgets and burn-rate alerts, and an alert per condition.

An objective is recorded as two series, of what went wrong and of all: shares of reads for `fresh_reads`, events per
second for `accepted_events`, compared rows per second for `agreeing_reads`. From their sums over several windows follow
error ratios, hence burn rates: how many times faster than allowed the budget is spent. An alert looks at a long window,
so that nobody is called for a trifle, and at a short one, so that it ends soon after the trouble does (The Site
Reliability Workbook, chapter 5, table 5-8).
"""

from __future__ import annotations

from typing import Any, NamedTuple, get_args

from headwater.schemas.conditions import CONDITIONS, Condition, Process, Severity, conditions_of
from headwater.schemas.durations import duration_text, parse_duration
from headwater.schemas.plan import Objective, ObjectiveKind, Plan

RUNBOOKS = "pipelines/operating.md"
INTERVAL = "30s"
"""Between two evaluations: with the scrape interval, the shortest stall that is seen."""

KERNEL = "flink_taskmanager_job_task_operator_headwater"

Rule = dict[str, Any]


class Burn(NamedTuple):
    """Budget is spent at `rate` times the allowed speed, over the long window and still over the short one."""

    severity: Severity
    rate: float
    long: str
    short: str


BURNS = (
    Burn("page", 14.4, "1h", "5m"),
    Burn("page", 6, "6h", "30m"),
    Burn("ticket", 3, "1d", "2h"),
    Burn("ticket", 1, "3d", "6h"),
)
WINDOWS = tuple(sorted({window for burn in BURNS for window in (burn.long, burn.short)}, key=parse_duration))

LASTS: dict[Severity, str] = {"page": "2m", "ticket": "15m", "info": "1h"}
"""For how long a condition must last before it is an alert."""
SILENT_FOR = "5m"
SILENCE: dict[Process, Severity] = {"compute": "page", "materialize": "page", "archive": "page", "watch": "ticket"}
"""How bad it is if a process tells nothing: no value depends on the one that only looks."""


_WRONG: dict[ObjectiveKind, str] = {
    "fresh_reads": "reads find values older than promised",
    "accepted_events": "events become dead letters",
    "agreeing_reads": "online rows differ from the offline log or from what their events say",
}


def rules_of(plan: Plan, runbooks: str = RUNBOOKS) -> dict[str, Any]:
    """The content of a file of rules: a group for the objectives, if there are any, and one for the conditions.

    Args:
        runbooks: where the page is to be found that alerts link to.
    """
    objectives = [rule for objective in plan.objectives for rule in _objective(plan, objective, runbooks)]
    conditions = [
        *(_condition_alert(plan, condition, runbooks) for condition in CONDITIONS),
        *(_silence_alert(plan, process, runbooks) for process in get_args(Process)),
    ]
    groups = [("objectives", objectives), ("conditions", conditions)]
    return {
        "groups": [
            {"name": f"headwater-{plan.view}-{name}", "interval": INTERVAL, "rules": rules}
            for name, rules in groups
            if rules
        ]
    }


def budget_of(objective: Objective) -> float:
    """The share that may go wrong."""
    return (1_000_000 - objective.share_per_million) / 1_000_000


def alert_name(text: str) -> str:
    """`rows_lost` as alerts are named: `HeadwaterRowsLost`."""
    return "Headwater" + "".join(word.capitalize() for word in text.split("_"))


def _objective(plan: Plan, objective: Objective, runbooks: str) -> list[Rule]:
    labels = {"view": plan.view, "objective": objective.kind, "owner": plan.owner}
    selector = f'{{view="{plan.view}",objective="{objective.kind}"}}'
    bad, total = _bad_and_total(plan, objective)

    def record(name: str, expression: str) -> Rule:
        return {"record": f"headwater:slo_{name}", "expr": expression, "labels": dict(labels)}

    def ratio(window: str) -> str:
        bad_sum, total_sum = (f"sum_over_time(headwater:slo_{each}{selector}[{window}])" for each in ("bad", "total"))
        # Where there was nothing at all, nothing went wrong.
        return f"{bad_sum}\n/ ({total_sum} > 0)\nor {total_sum} * 0"

    period = duration_text(f"{objective.over_ms}ms")
    return [
        record("bad", bad),
        record("total", total),
        record("error_budget:ratio", f"vector({budget_of(objective):g})"),
        *(record(f"error_ratio:{window}", ratio(window)) for window in WINDOWS),
        record("error_ratio:period", ratio(period)),
        record(
            "error_budget_remaining:ratio",
            f"1 - headwater:slo_error_ratio:period{selector}\n/ headwater:slo_error_budget:ratio{selector}",
        ),
        *(_burn_alert(plan, objective, burn, runbooks) for burn in BURNS),
    ]


def _bad_and_total(plan: Plan, objective: Objective) -> tuple[str, str]:
    match objective.kind:
        case "fresh_reads":
            return _fresh_reads(plan, objective)
        case "accepted_events":
            return _accepted_events(plan)
        case "agreeing_reads":
            return _agreeing_reads(plan)


def _fresh_reads(plan: Plan, objective: Objective) -> tuple[str, str]:
    """The share of partitions whose values may be too old; all of them while nobody tells. And 1 for all reads."""
    seconds = (objective.within_ms or 0) / 1000
    view = f'{{view="{plan.view}"}}'
    late = f"avg(headwater_heartbeat_age_seconds{view} > bool {seconds:g})"
    return f"{late} or vector(1)", "vector(1)"


def _accepted_events(plan: Plan) -> tuple[str, str]:
    """Events that are rejected, and all, per second."""
    rejected = f'sum(rate({KERNEL}_view_reason_rejects{{view="{plan.view}"}}[5m])) or vector(0)'
    job = f"headwater_{plan.view}_g[0-9]+"
    passed = f'sum(rate({KERNEL}_events_total{{job_name=~"{job}"}}[5m])) or vector(0)'
    return rejected, f"({rejected})\n+ ({passed})"


def _agreeing_reads(plan: Plan) -> tuple[str, str]:
    """Online rows that differ from what they were compared with, and all that were compared, per second."""

    def rows(outcome: str) -> str:
        return f'sum(rate(headwater_parity_rows_total{{view="{plan.view}",outcome{outcome}}}[5m])) or vector(0)'

    return rows('="disagreed"'), rows('=~"agreed|disagreed"')


def _burn_alert(plan: Plan, objective: Objective, burn: Burn, runbooks: str) -> Rule:
    selector = f'{{view="{plan.view}",objective="{objective.kind}"}}'
    limit = f"{burn.rate:g} * {budget_of(objective):g}"
    return {
        "alert": alert_name(f"{objective.kind}_burn"),
        "expr": "\nand ".join(
            f"headwater:slo_error_ratio:{window}{selector} > {limit}" for window in (burn.long, burn.short)
        ),
        "labels": {"severity": burn.severity, "owner": plan.owner, "window": burn.long},
        "annotations": {
            "summary": f"{plan.view}: {_WRONG[objective.kind]}, more than {burn.rate:g} times as often as the objective"
            f" allows, over {burn.long} and still over {burn.short}.",
            "action": f"See which conditions of {plan.view} hold, or held lately, and follow their runbooks.",
            "runbook_url": f"{runbooks}#objectives",
        },
    }


def _condition_alert(plan: Plan, condition: Condition, runbooks: str) -> Rule:
    selector = f'{{view="{plan.view}",condition="{condition.name}"}}'
    return {
        "alert": alert_name(condition.name),
        "expr": f"max by (view, condition, severity) (headwater_condition{selector}) == 1",
        "for": LASTS[condition.severity],
        "labels": {"owner": plan.owner},
        "annotations": {
            "summary": f"{plan.view}: {condition.summary}",
            "action": condition.remedy,
            "runbook_url": f"{runbooks}#{condition.name}",
        },
    }


def _silence_alert(plan: Plan, process: Process, runbooks: str) -> Rule:
    # Any of its conditions does: a process that is there exports all of them.
    condition = conditions_of(process)[0].name
    return {
        "alert": alert_name("process_silent"),
        "expr": f'absent(headwater_condition{{view="{plan.view}",condition="{condition}"}})',
        "for": SILENT_FOR,
        "labels": {"severity": SILENCE[process], "owner": plan.owner, "process": process},
        "annotations": {
            "summary": f"{plan.view}: {process} does not run, or its metrics are not scraped.",
            "action": f"See if headwater {process} runs and is a target of Prometheus; its log says why it ended.",
            "runbook_url": f"{runbooks}#process_silent",
        },
    }
