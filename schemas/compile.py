"""From a declared feature view and its Avro schema to the plan, with every mistake found on the way."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from headwater.schemas.compile_features import FeatureCompiler
from headwater.schemas.compile_source import SourceCompiler
from headwater.schemas.compile_windows import WindowCompiler
from headwater.schemas.durations import duration_text, to_ms
from headwater.schemas.feature_log import FIXED_FIELDS, empty_at_field, log_schema, next_change_field
from headwater.schemas.keys import EntityField
from headwater.schemas.mistakes import Mistakes
from headwater.schemas.plan import Feature, LogPlan, Plan, SideTopic, Window
from headwater.schemas.view import FeatureView

HEARTBEAT_INTERVAL_MS = 1000
ARCHIVE_FIELDS = ("day", "log_partition", "log_offset")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def compile_view(view: FeatureView, schema: Mapping[str, Any]) -> Plan:
    """The plan of the view over events of this Avro schema.

    Raises:
        DeclarationError: with every mistake in the view.
    """
    mistakes = Mistakes(f"{view.declared_at} view {view.name}")
    source = SourceCompiler(view, schema, mistakes)
    windows = WindowCompiler(view, mistakes)
    features = FeatureCompiler(view, source, windows, mistakes).features()
    entity = source.entity()
    _check_times(view, mistakes)
    _check_names(entity, features, windows.windows, mistakes)
    sources = source.plans()
    mistakes.raise_if_any()
    log_topic = f"{view.name}_features_g{view.generation}"
    return Plan(
        view=view.name,
        generation=view.generation,
        owner=view.owner,
        description=view.description,
        entity=entity,
        sources=sources,
        columns=source.columns(),
        zones=windows.zones,
        windows=windows.windows,
        features=features,
        emission_interval_ms=to_ms(view.emission_interval),
        heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
        time_to_live_ms=to_ms(view.time_to_live),
        freshness_objective_ms=to_ms(view.freshness),
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
    for name, duration, least, most in (
        ("source.allowed_skew", view.source.allowed_skew, 0, 86_400_000),
        ("source.watermark_delay", view.source.watermark_delay, 0, 86_400_000),
        ("source.idle_timeout", view.source.idle_timeout, 100, 86_400_000),
        ("emission_interval", view.emission_interval, 0, 60_000),
        ("freshness", view.freshness, 1, 86_400_000),
        ("time_to_live", view.time_to_live, 1000, 10 * 366 * 86_400_000),
    ):
        if not least <= to_ms(duration) <= most:
            mistakes.add(name, f"is {duration_text(duration)}", f"choose from {least} ms to {most} ms")


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
