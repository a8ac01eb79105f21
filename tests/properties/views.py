"""Random views: every aggregate, over every kind of window, of every type of field, with filters."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from headwater.schemas.aggregates import Aggregation, difference_of, ratio_of
from headwater.schemas.aggregation import AGGREGATES
from headwater.schemas.compile import compile_view
from headwater.schemas.compile_windows import FOR_EVER_MS
from headwater.schemas.plan import AggregateName, Calendar, ColumnType, Deduplication, Plan, Sliding, Window, Zone
from headwater.schemas.view import EventSource, FeatureView
from headwater.schemas.windows import CalendarWindow, DeclaredWindow, lifetime, session, sliding, tumbling

EVENT_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "user", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "price", "type": ["null", "double"], "default": None},
        {"name": "pieces", "type": "int"},
        {"name": "units", "type": ["null", "long"], "default": None},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "paid", "type": "boolean"},
        {"name": "checked", "type": ["null", "boolean"], "default": None},
        {"name": "code", "type": ["null", "bytes"], "default": None},
        {"name": "place", "type": ["null", {"type": "array", "items": "double"}], "default": None},
    ],
}
FIELDS: dict[str, ColumnType] = {
    "price": "double",
    "pieces": "long",
    "units": "long",
    "note": "string",
    "paid": "boolean",
    "checked": "boolean",
    "code": "bytes",
    "place": "vector",
}
OPTIONS: dict[AggregateName, tuple[dict[str, Any], ...]] = {
    "variance": ({}, {"sample": True}),
    "stddev": ({}, {"sample": True}),
    "first_n": ({"limit": 2},),
    "last_n": ({"limit": 3},),
    "last_n_distinct": ({"limit": 2},),
    "distinct": ({"limit": 4, "precision": 10}, {"limit": 256, "precision": 12}),
    "distinct_sketch": ({"precision": 12},),
    "quantile": ({"fractions": (0.25, 0.5, 0.99)},),
    "top_k": (
        {"limit": 3, "weight_scale": 2},
        {"limit": 2, "weight": "price", "weight_scale": 2},
        {"limit": 2, "weight": "units", "weight_scale": 2},
    ),
    "counts": ({"limit": 3},),
    "decayed_count": ({"half_life": "1m"},),
    "decayed_sum": ({"half_life": "10m"},),
    "vector_sum": ({"dimensions": 2},),
    "vector_mean": ({"dimensions": 2},),
    "vector_decayed_mean": ({"dimensions": 2, "half_life": "1m"},),
}
"""How an aggregate may be asked for beside its field and windows; nothing for those that are not here."""

WITHOUT_FIELD = ("count", "decayed_count")
DERIVED = ("ratio", "difference")
FILTERS = ("paid", "checked")

WINDOWS: dict[str, tuple[DeclaredWindow, ...]] = {
    "sliding": (
        sliding("1s"),
        sliding("7s"),
        sliding("1m"),
        sliding("5m", resolution="1m"),
        sliding("90s", resolution="1m"),
        sliding("1h"),
        sliding("1h", resolution="1s"),
        sliding("24h"),
        sliding("7d"),
    ),
    "sliding with offset": (
        sliding("10s", offset="3s"),
        sliding("1m", offset="1m"),
        sliding("5m", offset="7m", resolution="1m"),
        sliding("1h", offset="24h"),
        sliding("7d", offset="7d"),
    ),
    "calendar so far": (
        tumbling("hour"),
        tumbling("hour", zone="Asia/Kolkata"),
        tumbling("day"),
        tumbling("day", zone="Europe/Berlin"),
        tumbling("day", zone="Pacific/Apia"),
        tumbling("week", zone="America/New_York"),
        tumbling("month", zone="America/Sao_Paulo"),
        tumbling("year", zone="Australia/Lord_Howe"),
    ),
    "calendar complete": (
        tumbling("hour", zone="Europe/Berlin", complete=True),
        tumbling("hour", zone="Australia/Lord_Howe", complete=True),
        tumbling("day", zone="Pacific/Apia", complete=True),
        tumbling("day", zone="America/Sao_Paulo", complete=True),
        tumbling("week", complete=True),
        tumbling("month", zone="America/New_York", complete=True),
    ),
    "session": (
        session("3s", longest="20s"),
        session("1m"),
        session("5m", longest="1h", resolution="1m"),
        session("30m"),
        session("12h", longest="7d"),
    ),
    "lifetime": (lifetime(),),
}

ZONES = sorted(
    {window.zone for windows in WINDOWS.values() for window in windows if isinstance(window, CalendarWindow)}
)

_BY_NAME = {window.name: window for windows in WINDOWS.values() for window in windows}
_YEARS_KEPT = 8
_YEAR_S = 366 * 86_400


@dataclass(frozen=True)
class Asked:
    """One aggregate of one field over windows by their names, of the events that a boolean field picks.

    `option` is one of its `OPTIONS`.
    """

    aggregate: AggregateName
    field: str | None
    windows: tuple[str, ...]
    filter: str | None = None
    option: int = 0

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Asked:
        return cls(value["aggregate"], value["field"], tuple(value["windows"]), value["filter"], value["option"])


@dataclass(frozen=True)
class View:
    """A view in so few words that it can be printed, drawn and shrunk."""

    asked: tuple[Asked, ...]
    emission_interval: str = "200ms"
    time_to_live: str = "7d"
    ids: bool = False
    """Whether events have ids, by which copies are told."""
    derived: bool = False
    """Whether the ratio and the difference of its first two numbers are features too."""
    exploded: bool = False
    """Whether a record holds several events."""
    horizon: str | None = None
    """How far back copies are told; None: for ever."""

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> View:
        asked = tuple(Asked.from_json(each) for each in value["asked"])
        return cls(**{**value, "asked": asked})

    def plan(self, base_us: int) -> Plan:
        """The view's plan, with its zones' offsets of the years about `base_us` only, for a quick reference."""
        plan = _plan(self)
        return plan.model_copy(update={"zones": tuple(_years_about(zone, base_us) for zone in plan.zones)})

    def zones(self) -> list[str]:
        """The time zones of its calendar windows."""
        return [zone.name for zone in _plan(self).zones]


def kind_of(window: Window) -> str:
    """Of which kind, in `WINDOWS`, a plan's window is."""
    if isinstance(window, Sliding):
        return "sliding with offset" if window.offset_ms else "sliding"
    if isinstance(window, Calendar):
        return "calendar complete" if window.complete else "calendar so far"
    return window.kind


def _choices() -> Iterator[tuple[AggregateName, str | None]]:
    for aggregate, traits in AGGREGATES.items():
        if aggregate in WITHOUT_FIELD:
            yield aggregate, None
        for field, kind in FIELDS.items():
            if kind in traits.takes:
                yield aggregate, field


def any_view(chance: random.Random) -> View:
    """One to four windows of any kinds, and one to five aggregates, most of them over all of the windows."""
    kinds = [chance.choice(list(WINDOWS)) for _ in range(chance.randint(1, 4))]
    windows = list(dict.fromkeys(chance.choice(WINDOWS[kind]).name for kind in kinds))
    asked = []
    for aggregate in chance.sample([name for name in AGGREGATES if name not in DERIVED], chance.randint(1, 5)):
        field = chance.choice([field for name, field in _choices() if name == aggregate])
        some = windows if chance.random() < 0.75 else [chance.choice(windows)]
        option = chance.randrange(len(OPTIONS.get(aggregate, ({},))))
        asked.append(Asked(aggregate, field, tuple(some), chance.choice([None, None, None, *FILTERS]), option))
    return View(
        tuple(asked),
        emission_interval=chance.choice(["0ms", "200ms", "5s"]),
        time_to_live=chance.choice(["1s", "7d"]),
        ids=chance.random() < 0.25,
        derived=chance.random() < 0.25,
        exploded=chance.random() < 0.2,
        horizon=chance.choice([None, "1s", "10s", "1m", "1h", "24h"]),
    )


@cache
def _plan(view: View) -> Plan:
    asked = [
        Aggregation(
            aggregate=each.aggregate,
            field=each.field,
            over=tuple(_BY_NAME[name] for name in each.windows),
            where=each.filter,
            name=f"f{number}",
            **OPTIONS.get(each.aggregate, ({},))[each.option],
        )
        for number, each in enumerate(view.asked)
    ]
    plan = _compiled(view, asked)
    numbers = [feature.name for feature in plan.features if feature.type in ("long", "double")][:2]
    if not view.derived or len(numbers) < 2:
        return plan
    return _compiled(view, [*asked, ratio_of(*numbers, name="ratio"), difference_of(*numbers, name="difference")])


def _compiled(view: View, features: Sequence[Aggregation]) -> Plan:
    declared = FeatureView(
        name="random_view",
        source=EventSource(
            topic="events", key="user", event_time="at", event_id="user" if view.ids else None, allowed_skew="0s"
        ),
        approximate=view.ids,
        deduplicate_for=(view.horizon or "400d") if view.ids else None,
        features=features,
        owner="tests",
        description="Random.",
        emission_interval=view.emission_interval,
        time_to_live=view.time_to_live,
    )
    plan = compile_view(declared, EVENT_SCHEMA)
    if view.exploded:
        # What the kernel is told of it is that events of one offset differ by their places in the array.
        sources = tuple(source.model_copy(update={"explode": ("items",)}) for source in plan.sources)
        plan = plan.model_copy(update={"sources": sources})
    if view.ids and view.horizon is None:
        return plan.model_copy(update={"deduplication": Deduplication(horizon_ms=FOR_EVER_MS)})
    return plan


def _years_about(zone: Zone, base_us: int) -> Zone:
    earliest, latest = (base_us // 1_000_000 + sign * _YEARS_KEPT * _YEAR_S for sign in (-1, 1))
    before = [each for each in zone.transitions if each[0] < earliest][-1:]
    within = [each for each in zone.transitions if earliest <= each[0] <= latest]
    return zone.model_copy(update={"transitions": tuple(before + within)})
