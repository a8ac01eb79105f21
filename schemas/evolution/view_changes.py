"""Changes of what a view says as a whole: its entity, its windows, its log, its intervals and texts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from headwater.schemas.contracts.parse import parse
from headwater.schemas.contracts.resolution import breaks
from headwater.schemas.durations import duration_text
from headwater.schemas.evolution.findings import Change, ChangeVerdict
from headwater.schemas.plan import Calendar, Deduplication, Plan, Window

_SIMPLE: dict[str, tuple[ChangeVerdict, str]] = {
    "owner": ("compatible", "no value depends on it"),
    "description": ("compatible", "no value depends on it"),
    "domain": ("compatible", "no value depends on it"),
    "objectives": ("compatible", "alerts are made of them, not values"),
    "probe": ("compatible", "its events are like any other's"),
    "emission_interval_ms": ("compatible", "how often a key's row is written at most changes no value"),
    "heartbeat_interval_ms": ("compatible", "heartbeats are no rows"),
    "time_to_live_ms": ("compatible", "when rows are forgotten, not what they say; the log's retention follows"),
    "freshness_objective_ms": ("compatible", "what readers call fresh, not what they read"),
    "dead_letters": ("compatible", "rejected events go there from now on"),
    "late": ("compatible", "late events go there from now on"),
}

_TOO_LONG_TO_SAY = {"owner", "description", "objectives", "probe"}

ELSEWHERE = {
    "format": "one format is read",
    "view": "views are compared by name",
    "generation": "told by `compare`",
    "entity": "below",
    "windows": "below",
    "deduplication": "below",
    "zones": "with the windows that they cut",
    "reach_ms": "follows from the windows",
    "log": "below",
    "sources": "in `event_changes`",
    "columns": "in `event_changes`",
    "features": "in `feature_changes`",
}
"""The plan's other parts, and where their changes are told."""


def view_changes(deployed: Plan, declared: Plan) -> Iterator[Change]:
    """Every change but those of sources, columns and features."""
    for name, (verdict, why) in _SIMPLE.items():
        before, now = getattr(deployed, name), getattr(declared, name)
        if before != now:
            told = "is another" if name in _TOO_LONG_TO_SAY else f"is {_said(name, now)}, was {_said(name, before)}"
            yield Change(verdict, name.removesuffix("_ms"), f"{told}: {why}")
    if deployed.entity != declared.entity:
        yield Change("incompatible", "entity", "has other fields: every key is another")
    yield from _window_changes(deployed, declared)
    yield from _copy_changes(deployed, declared)
    yield from _log_changes(deployed, declared)


def window_meaning(plan: Plan, window: Window) -> tuple[Any, ...]:
    """What a window says, with its zone's table in place of the zone's number."""
    if isinstance(window, Calendar):
        zone = plan.zones[window.zone]
        return (window.model_copy(update={"zone": 0}), zone.name, zone.transitions)
    return (window,)


def _window_changes(deployed: Plan, declared: Plan) -> Iterator[Change]:
    before, now = ({window_meaning(plan, each) for each in plan.windows} for plan in (deployed, declared))
    for window in declared.windows:
        if window_meaning(declared, window) not in before:
            yield Change(
                "needs history",
                f"windows.{window.name}",
                "is new: keys' clocks move with its ticks, and the state was kept for the windows that there were",
            )
    for window in deployed.windows:
        if window_meaning(deployed, window) not in now:
            yield Change(
                "incompatible",
                f"windows.{window.name}",
                "is gone or cut otherwise: keys' clocks would not move with its ticks any more, and versions go back",
            )


def _copy_changes(deployed: Plan, declared: Plan) -> Iterator[Change]:
    before, now = deployed.deduplication, declared.deduplication
    if before == now:
        return
    told = f"is {_horizon(now)}, was {_horizon(before)}"
    if (
        before
        and now
        and _recognises_all(deployed)
        and _recognises_all(declared)
        and now.horizon_ms > before.horizon_ms
    ):
        why = "it follows the windows; the same copies count, but ids were kept for the shorter time"
        yield Change("needs history", "deduplicate_for", f"{told}: {why}")
    else:
        yield Change("incompatible", "deduplicate_for", f"{told}: which copies of an event count changes")


def _recognises_all(plan: Plan) -> bool:
    """Whether every copy that could count is recognised."""
    horizon = plan.deduplication
    return horizon is not None and plan.reach_ms is not None and horizon.horizon_ms >= plan.reach_ms


def _log_changes(deployed: Plan, declared: Plan) -> Iterator[Change]:
    before, now = deployed.log, declared.log
    if deployed.generation != declared.generation:
        return
    if (before.topic, before.subject) != (now.topic, now.subject):
        yield Change("incompatible", "log", f"is {now.topic}, was {before.topic}: the rows so far are not in it")
    if before.partitions != now.partitions:
        yield Change(
            "incompatible",
            "log_partitions",
            f"is {now.partitions}, was {before.partitions}: keys would move to other partitions",
        )
    old, _ = parse(before.schema_)
    new, _ = parse(now.schema_)
    if old is not None and new is not None:
        for each in dict.fromkeys(found.what for found in (*breaks(new, old), *breaks(old, new))):
            yield Change("incompatible", "log", f"has rows that old and new readers read differently: {each}")


def _said(name: str, value: Any) -> str:
    if value is None:
        return "none"
    return duration_text(timedelta(milliseconds=value)) if name.endswith("_ms") else str(getattr(value, "topic", value))


def _horizon(deduplication: Deduplication | None) -> str:
    return "none" if deduplication is None else duration_text(timedelta(milliseconds=deduplication.horizon_ms))
