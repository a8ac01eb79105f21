"""From a declared feature view and its Avro schema to the plan, with every mistake found on the way."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from headwater.schemas.compile_features import FeatureCompiler
from headwater.schemas.compile_source import SourceCompiler
from headwater.schemas.compile_windows import WindowCompiler
from headwater.schemas.durations import duration_text, to_ms
from headwater.schemas.feature_log import FIXED_FIELDS, empty_at_field, log_schema, next_change_field
from headwater.schemas.keys import EntityField
from headwater.schemas.mistakes import Mistakes
from headwater.schemas.objectives import FreshReads, objective_plan, place_of
from headwater.schemas.plan import Deduplication, Feature, LogPlan, Plan, ProbePlan, SideTopic, SourcePlan, Window
from headwater.schemas.probes import Probe, encoded_probe, probe_plan
from headwater.schemas.view import FeatureView

HEARTBEAT_INTERVAL_MS = 1000
ARCHIVE_FIELDS = ("day", "log_partition", "log_offset")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def compile_view(view: FeatureView, schema: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> Plan:
    """The plan of the view over events of this Avro schema; or of these, one for each of its `event_sources`.

    Raises:
        DeclarationError: with every mistake in the view.
    """
    mistakes = Mistakes(view)
    schemas = [schema] if isinstance(schema, Mapping) else schema
    source = SourceCompiler(view, schemas, mistakes)
    windows = WindowCompiler(view, mistakes)
    features = FeatureCompiler(view, source, windows, mistakes).features()
    entity = source.entity()
    _check_times(view, mistakes)
    _check_objectives(view, mistakes)
    _check_names(entity, features, windows.windows, mistakes)
    sources = source.plans()
    deduplication = _deduplication(view, windows.reach_ms(), mistakes)
    probe = None if view.probe is None else _probe(view.probe, sources, schemas, mistakes)
    mistakes.raise_if_any()
    log_topic = f"{view.name}_features_g{view.generation}"
    return Plan(
        view=view.name,
        generation=view.generation,
        owner=view.owner,
        description=view.description,
        domain=view.domain,
        entity=entity,
        sources=sources,
        columns=source.columns(),
        zones=windows.zones,
        windows=windows.windows,
        features=features,
        deduplication=deduplication,
        emission_interval_ms=to_ms(view.emission_interval),
        heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
        time_to_live_ms=to_ms(view.time_to_live),
        freshness_objective_ms=to_ms(view.freshness),
        objectives=tuple(objective_plan(each, view.freshness) for each in view.objectives),
        probe=probe,
        reach_ms=windows.reach_ms(),
        log=LogPlan(
            topic=log_topic,
            subject=f"{log_topic}-value",
            partitions=view.log_partitions,
            schema=log_schema(view.name, entity, windows.windows, features),
        ),
        dead_letters=_side_topic(f"{view.name}_dead_letters"),
        late=_side_topic(f"{view.name}_late"),
    )


def _check_times(view: FeatureView, mistakes: Mistakes) -> None:
    of_sources = [
        each
        for place, source in view.placed_sources()
        for each in (
            (f"{place}.allowed_skew", source.allowed_skew, "0s", "1d"),
            (f"{place}.watermark_delay", source.watermark_delay, "0s", "1d"),
            (f"{place}.idle_timeout", source.idle_timeout, "100ms", "1d"),
        )
    ]
    for name, duration, least, most in (
        *of_sources,
        ("emission_interval", view.emission_interval, "0s", "1m"),
        ("freshness", view.freshness, "1ms", "1d"),
        ("time_to_live", view.time_to_live, "1s", "3660d"),
    ):
        if not to_ms(least) <= to_ms(duration) <= to_ms(most):
            mistakes.add(name, f"is {duration_text(duration)}", f"choose from {least} to {most}")


def _check_objectives(view: FeatureView, mistakes: Mistakes) -> None:
    kinds = [type(objective) for objective in view.objectives]
    for objective in view.objectives:
        place = place_of(objective)
        if kinds.count(type(objective)) > 1:
            mistakes.add(place, "stands there twice", "keep one of them")
        if isinstance(objective, FreshReads) and objective.within is None and to_ms(view.freshness) < to_ms("2s"):
            what = f"is the view's freshness, {duration_text(view.freshness)}, and heartbeats come every second"
            mistakes.add(f"{place}.within", what, "say within=, from 2s on")


def _probe(
    declared: Probe, sources: Sequence[SourcePlan], schemas: Sequence[Mapping[str, Any]], mistakes: Mistakes
) -> ProbePlan | None:
    plan = probe_plan(declared, sources)
    if plan is None:
        topics = ", ".join(source.topic for source in sources)
        mistakes.add("probe.topic", f"is {declared.topic or 'missing'}", f"name one of {topics}")
        return None
    try:
        encoded_probe(plan, sources[plan.source], schemas[plan.source], at_us=0)
    except ValueError as error:
        mistakes.add("probe.event", f"does not fit the schema: {error}", "give each field a value of its type")
    return plan


def _deduplication(view: FeatureView, reach_ms: int | None, mistakes: Mistakes) -> Deduplication | None:
    declared = view.deduplicate_for
    if not any(source.id_fields for source in view.event_sources):
        if declared is not None or view.approximate:
            name = "approximate" if declared is None else "deduplicate_for"
            mistakes.add(name, "no source says what tells copies of an event", "say event_id= on the source")
        return None
    horizon_ms = reach_ms if declared is None else to_ms(declared)
    if horizon_ms is None:
        mistakes.add("deduplicate_for", "is missing, and a window has no end", "say it, and approximate=True")
        return None
    if horizon_ms < 1000 or horizon_ms % 1000:
        mistakes.add(
            "deduplicate_for", f"is {duration_text(view.deduplicate_for or '0s')}", "use whole seconds, from 1s"
        )
    if not view.approximate and (reach_ms is None or horizon_ms < reach_ms):
        reach = "without end" if reach_ms is None else duration_text(timedelta(milliseconds=reach_ms))
        horizon = duration_text(timedelta(milliseconds=horizon_ms))
        what = f"is {horizon}, but windows look back {reach}: later copies would count twice"
        mistakes.add("deduplicate_for", what, "leave it out, or accept that with approximate=True")
    return Deduplication(horizon_ms=horizon_ms)


def _check_names(
    entity: Sequence[EntityField], features: Sequence[Feature], windows: Sequence[Window], mistakes: Mistakes
) -> None:
    taken = dict.fromkeys((*FIXED_FIELDS, *ARCHIVE_FIELDS), "a field of every row")
    for window in windows:
        taken |= {name(window): "a field of every row" for name in (next_change_field, empty_at_field)}
    for kind, names in (("entity", [f.name for f in entity]), ("features", [f.name for f in features])):
        for name in names:
            if not _NAME.fullmatch(name):
                mistakes.add(f"{kind}.{name}", "is not a name", "use letters, digits and underscores")
            if name in taken:
                mistakes.add(f"{kind}.{name}", f"is already {taken[name]}", "give it another name=")
            taken[name] = f"the name of another of the {kind}"


def _side_topic(topic: str) -> SideTopic:
    return SideTopic(topic=topic, subject=f"{topic}-value")
