"""promtool's unit tests of a view's alerts, from the same tables that the rules are made from.

Each alert has a test in which it fires, with exactly the labels and annotations of its rule, and one in which it stays
quiet though something is wrong: for too short a time, too little of it, or no longer.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple, get_args

from headwater.pipelines.slo.rules import BURNS, KERNEL, LASTS, Burn, alert_name, budget_of, rules_of
from headwater.schemas.conditions import CONDITIONS, Condition, Process, conditions_of
from headwater.schemas.durations import duration_text, parse_duration
from headwater.schemas.plan import Objective, Plan

STEP = timedelta(minutes=1)
RATE_LAG = timedelta(minutes=5)
"""So long `rate` remembers what is over."""

Series = dict[str, str]
Test = dict[str, Any]


class Stretch(NamedTuple):
    """So much goes wrong for so long."""

    share: float
    lasts: timedelta


def promtool_tests(plan: Plan, rules: Path) -> dict[str, Any]:
    """The content of a file for `promtool test rules`."""
    cases = [
        *_conditions(plan),
        *_silence(plan),
        *(case for each in plan.objectives for case in _objective(plan, each)),
    ]
    return {"rule_files": [str(rules)], "evaluation_interval": duration_text(STEP), "tests": cases}


def alerts_tested(cases: dict[str, Any]) -> tuple[set[tuple[str, str]], set[tuple[str, str]]]:
    """The alerts, and what is wrong, for which a test expects that they fire; and those that should stay quiet."""
    fire, stay_quiet = set(), set()
    for case in cases["tests"]:
        alert, wrong, outcome = case["name"].split(" / ")
        (fire if outcome == "fires" else stay_quiet).add((alert, wrong))
    return fire, stay_quiet


def _conditions(plan: Plan) -> Iterator[Test]:
    for condition in CONDITIONS:
        alert, lasts = alert_name(condition.name), parse_duration(LASTS[condition.severity])
        labels = {"view": plan.view, "condition": condition.name, "severity": condition.severity}
        for fires, held in ((True, lasts), (False, lasts - STEP)):
            series = _condition_series(plan, condition, f"0 {_steps(1, held)} {'' if fires else '0'}")
            at = STEP + lasts
            expected = [_expected(plan, alert, labels)] if fires else []
            yield _case((alert, condition.name, fires), [series], at, alert, expected)


def _silence(plan: Plan) -> Iterator[Test]:
    alert, at = alert_name("process_silent"), timedelta(minutes=6)
    for process in get_args(Process):
        others = [each for each in get_args(Process) if each != process]
        there = [_condition_series(plan, each, "0x20") for other in others for each in conditions_of(other)]
        told = [_condition_series(plan, each, "0x20") for each in conditions_of(process)]
        labels = {"view": plan.view, "condition": conditions_of(process)[0].name, "process": process}
        yield _case((alert, process, True), there, at, alert, [_expected(plan, alert, labels)])
        yield _case((alert, process, False), there + told, at, alert, [])


def _objective(plan: Plan, objective: Objective) -> Iterator[Test]:
    alert = alert_name(f"{objective.kind}_burn")
    minute = timedelta(minutes=1)
    for burn in BURNS:
        limit, short = burn.rate * budget_of(objective), parse_duration(burn.short)
        lasts = min(parse_duration(burn.long), short * 1.2) + RATE_LAG
        # One of so many is less than the limit, two are more.
        parts = math.ceil(1 / (0.75 * limit))
        for name, stretches in (
            (f"{burn.long} too much", [Stretch(2 / parts, lasts)]),
            (f"{burn.long} not enough", [Stretch(1 / parts, lasts)]),
            (f"{burn.long} no longer", [Stretch(1.0, 30 * minute), Stretch(0.0, short + RATE_LAG + minute)]),
        ):
            firing = [each for each in BURNS if _burns(stretches, each, budget_of(objective))]
            fires = burn in firing
            expected = [
                _expected(plan, alert, {"view": plan.view, "objective": objective.kind, "window": each.long})
                for each in firing
            ]
            at = sum((each.lasts for each in stretches), timedelta())
            yield _case((alert, name, fires), _series(plan, objective, stretches, parts), at, alert, expected)
    if objective.kind == "fresh_reads":
        expected = [
            _expected(plan, alert, {"view": plan.view, "objective": objective.kind, "window": burn.long})
            for burn in BURNS
        ]
        yield _case((alert, "nobody tells", True), [], timedelta(minutes=10), alert, expected)


def _burns(stretches: Sequence[Stretch], burn: Burn, budget: float) -> bool:
    return all(_seen(stretches, parse_duration(each)) > burn.rate * budget for each in (burn.long, burn.short))


def _seen(stretches: Sequence[Stretch], window: timedelta) -> float:
    """The share that went wrong within the window before the end, of what there was."""
    wrong, looked_at = timedelta(), timedelta()
    for stretch in reversed(stretches):
        part = min(stretch.lasts, window - looked_at)
        wrong += part * stretch.share
        looked_at += part
    return wrong / looked_at


def _series(plan: Plan, objective: Objective, stretches: Sequence[Stretch], partitions: int) -> list[Series]:
    if objective.kind == "accepted_events":
        view = f'{{view="{plan.view}",reason="null_value"}}'
        job = f'{{job_name="headwater_{plan.view}_g{plan.generation}"}}'
        return [
            _counter(f"{KERNEL}_view_reason_rejects{view}", [(each.share * 1e6, each.lasts) for each in stretches]),
            _counter(f"{KERNEL}_events_total{job}", [((1 - each.share) * 1e6, each.lasts) for each in stretches]),
        ]
    if objective.kind == "agreeing_reads":
        rows = f'headwater_parity_rows_total{{view="{plan.view}",against="offline",outcome="%s"}}'
        return [
            _counter(rows % "disagreed", [(each.share * 1e6, each.lasts) for each in stretches]),
            _counter(rows % "agreed", [((1 - each.share) * 1e6, each.lasts) for each in stretches]),
        ]
    seconds = (objective.within_ms or 0) / 1000
    values = [
        " ".join(_steps(seconds + (partition < each.share * partitions), each.lasts) for each in stretches)
        for partition in range(partitions)
    ]
    name = f'headwater_heartbeat_age_seconds{{view="{plan.view}",partition="%d"}}'
    return [{"series": name % partition, "values": each} for partition, each in enumerate(values)]


def _counter(name: str, stretches: Sequence[tuple[float, timedelta]]) -> Series:
    written, value = [], 0.0
    for increase, lasts in stretches:
        steps = lasts // STEP
        written.append(f"{value:.0f}+{increase:.0f}x{steps}")
        value += round(increase) * (steps + 1)
    return {"series": name, "values": " ".join(written)}


def _steps(value: float, lasts: timedelta) -> str:
    return f"{value:g}x{lasts // STEP}"


def _condition_series(plan: Plan, condition: Condition, values: str) -> Series:
    labels = f'view="{plan.view}",condition="{condition.name}",severity="{condition.severity}"'
    return {"series": f"headwater_condition{{{labels}}}", "values": values.strip()}


def _expected(plan: Plan, alert: str, labels: dict[str, str]) -> dict[str, Any]:
    """What the rule of this name, and of this window or process, gives when it fires for these labels."""
    (rule,) = (
        rule
        for group in rules_of(plan)["groups"]
        for rule in group["rules"]
        if rule.get("alert") == alert
        and all(labels.get(name, value) == value for name, value in rule["labels"].items())
    )
    return {"exp_labels": labels | rule["labels"], "exp_annotations": rule["annotations"]}


def _case(
    name: tuple[str, str, bool], series: Sequence[Series], at: timedelta, alert: str, expected: list[dict[str, Any]]
) -> Test:
    told, apart, fires = name
    return {
        "name": f"{told} / {apart} / {'fires' if fires else 'stays quiet'}",
        "interval": duration_text(STEP),
        "input_series": list(series),
        "alert_rule_test": [{"eval_time": duration_text(at), "alertname": alert, "exp_alerts": expected}],
    }
