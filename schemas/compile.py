"""From a declared feature view and its Avro schema to the plan, with every mistake found on the way."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from headwater.schemas.aggregates import AGGREGATES, Aggregation
from headwater.schemas.avro import AvroField, AvroRecord
from headwater.schemas.durations import duration_text, to_ms
from headwater.schemas.errors import ContractError, DeclarationError, Mistake
from headwater.schemas.feature_log import FIXED_FIELDS, empty_at_field, log_schema, next_change_field
from headwater.schemas.keys import EntityField, KeyType
from headwater.schemas.plan import (
    Column,
    ColumnType,
    EventTime,
    Feature,
    LogPlan,
    Path,
    Plan,
    SideTopic,
    SourcePlan,
    TimeUnit,
    Window,
)
from headwater.schemas.view import FeatureView
from headwater.schemas.windows import SlidingWindow

HEARTBEAT_INTERVAL_MS = 1000
ARCHIVE_FIELDS = ("day", "log_partition", "log_offset")

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TIMESTAMPS: dict[str, TimeUnit] = {"timestamp-millis": "ms", "timestamp-micros": "us"}


def compile_view(view: FeatureView, schema: Mapping[str, Any]) -> Plan:
    """The plan of the view over events of this Avro schema.

    Raises:
        DeclarationError: with every mistake in the view.
    """
    return _Compiler(view, schema).plan()


class _Compiler:
    def __init__(self, view: FeatureView, schema: Mapping[str, Any]) -> None:
        self._view = view
        self._mistakes: list[Mistake] = []
        self._columns: dict[Path, tuple[int, AvroField]] = {}
        self._windows: dict[tuple[int, int], tuple[int, Window]] = {}
        try:
            self._record: AvroRecord | None = AvroRecord(schema)
        except ContractError as error:
            self._record = None
            self._wrong("source", f"subject {view.source.subject_name}: {error}", "mend the Avro file")

    def plan(self) -> Plan:
        view = self._view
        entity = self._entity()
        event_time = self._event_time()
        features = self._features()
        windows = tuple(window for _, window in self._windows.values())
        self._check_times(windows)
        self._check_names(entity, features, windows)
        if self._mistakes or self._record is None or event_time is None:
            raise DeclarationError(self._mistakes)
        key = tuple(_path(name) for name in view.source.key_fields)
        source = SourcePlan(
            topic=view.source.topic,
            subject=view.source.subject_name,
            reader_schema=self._record.pruned([*key, event_time.path, *self._columns]),
            key=key,
            event_time=event_time,
            columns=tuple(self._columns),
            allowed_skew_ms=to_ms(view.source.allowed_skew),
            watermark_delay_ms=to_ms(view.source.watermark_delay),
            idle_timeout_ms=to_ms(view.source.idle_timeout),
        )
        log_topic = f"{view.name}_features_g{view.generation}"
        return Plan(
            view=view.name,
            generation=view.generation,
            owner=view.owner,
            description=view.description,
            entity=entity,
            sources=(source,),
            columns=tuple(
                Column(name="_".join(path), type=field.type, nullable=field.nullable)
                for path, (_, field) in self._columns.items()
            ),
            windows=windows,
            features=features,
            emission_interval_ms=to_ms(view.emission_interval),
            heartbeat_interval_ms=HEARTBEAT_INTERVAL_MS,
            time_to_live_ms=to_ms(view.time_to_live),
            freshness_objective_ms=to_ms(view.freshness),
            reach_ms=max(window.length_ms + window.resolution_ms for window in windows),
            log=LogPlan(
                topic=log_topic,
                subject=f"{log_topic}-value",
                partitions=view.log_partitions,
                schema=log_schema(view.name, entity, windows, features),
            ),
            dead_letters=_side_topic(f"{view.name}_dead_letters"),
            late=_side_topic(f"{view.name}_late"),
        )

    def _entity(self) -> tuple[EntityField, ...]:
        keys, names = self._view.source.key_fields, self._view.entity_names
        if len(names) != len(keys):
            self._wrong(
                "entity", f"names {len(names)} fields, but the source's key has {len(keys)}", "name each key field"
            )
        fields = []
        for name, key in zip(names, keys, strict=False):
            field = self._find("source.key", key)
            if field is None:
                continue
            if field.type == "double":
                self._wrong(
                    "source.key",
                    f"{key} is a {field.avro_type}; such keys do not compare safely",
                    "use a string or integer",
                )
                continue
            fields.append(EntityField(name=name, type=_key_type(field.type)))
        return tuple(fields)

    def _event_time(self) -> EventTime | None:
        source = self._view.source
        field = self._find("source.event_time", source.event_time)
        if field is None:
            return None
        known = _TIMESTAMPS.get(field.logical_type or "")
        if field.avro_type != "long":
            self._wrong(
                "source.event_time", f"{source.event_time} is of type {field.avro_type}", "use a long since the epoch"
            )
        elif known is None and source.event_time_unit is None:
            self._wrong(
                "source.event_time_unit", f"{source.event_time} is a plain long", "say event_time_unit='ms' or 'us'"
            )
        elif known is not None and source.event_time_unit not in (None, known):
            self._wrong(
                "source.event_time_unit",
                f"is {source.event_time_unit}, but {source.event_time} is {field.logical_type}",
            )
        unit = known or source.event_time_unit or "ms"
        return EventTime(path=_path(source.event_time), unit=unit)

    def _features(self) -> tuple[Feature, ...]:
        features: list[Feature] = []
        for aggregation in self._view.features:
            if aggregation.broken or any(window.broken for window in aggregation.windows):
                continue
            column, output = self._input(aggregation)
            if output is None:
                continue
            features.extend(
                Feature(
                    name=f"{aggregation.base_name}_{window.name}",
                    aggregate=aggregation.aggregate,
                    column=column,
                    window=self._window(window),
                    type=output,
                )
                for window in aggregation.windows
            )
        return tuple(features)

    def _input(self, aggregation: Aggregation) -> tuple[int | None, ColumnType | None]:
        traits = AGGREGATES[aggregation.aggregate]
        where = f"features.{aggregation.base_name}"
        if aggregation.field is None:
            if aggregation.aggregate != "count":
                self._wrong(where, f"{aggregation.aggregate} needs a field", "name one")
                return None, None
            return None, "long"
        field = self._find(where, aggregation.field)
        if field is None:
            return None, None
        if field.type not in traits.takes:
            takes = ", ".join(sorted(traits.takes))
            self._wrong(
                where, f"{aggregation.aggregate} of {aggregation.field}, a {field.avro_type}", f"it takes {takes}"
            )
            return None, None
        path = _path(aggregation.field)
        index, _ = self._columns.setdefault(path, (len(self._columns), field))
        if traits.gives == "same":
            return index, field.type
        if traits.gives == "sum":
            return index, "long" if field.avro_type == "int" else "double"
        return index, traits.gives

    def _window(self, declared: SlidingWindow) -> int:
        window = Window(name=declared.name, length_ms=declared.length_ms, resolution_ms=declared.resolution_ms)
        index, _ = self._windows.setdefault((window.length_ms, window.resolution_ms), (len(self._windows), window))
        return index

    def _check_times(self, windows: tuple[Window, ...]) -> None:
        view, skew = self._view, self._view.source.allowed_skew
        for window in windows:
            if window.length_ms <= to_ms(skew):
                self._wrong(
                    f"features window {window.name}",
                    f"is no longer than the allowed skew, {duration_text(skew)}: a clock that is ahead could empty it",
                    "set a smaller allowed_skew on the source, such as '10s', or use a longer window",
                )
            if window.resolution_ms > window.length_ms:
                self._wrong(f"features window {window.name}", "its resolution is longer than itself", "use a finer one")
        for name, duration, least, most in (
            ("source.allowed_skew", skew, 0, 86_400_000),
            ("source.watermark_delay", view.source.watermark_delay, 0, 86_400_000),
            ("source.idle_timeout", view.source.idle_timeout, 100, 86_400_000),
            ("emission_interval", view.emission_interval, 0, 60_000),
            ("freshness", view.freshness, 1, 86_400_000),
            ("time_to_live", view.time_to_live, 1000, 10 * 366 * 86_400_000),
        ):
            if not least <= to_ms(duration) <= most:
                self._wrong(name, f"is {duration_text(duration)}", f"choose from {least} ms to {most} ms")

    def _check_names(
        self, entity: tuple[EntityField, ...], features: tuple[Feature, ...], windows: tuple[Window, ...]
    ) -> None:
        taken = dict.fromkeys((*FIXED_FIELDS, *ARCHIVE_FIELDS), "a field of every row")
        for window in windows:
            taken |= {name(window): "a field of every row" for name in (next_change_field, empty_at_field)}
        for kind, names in (("entity", [f.name for f in entity]), ("features", [f.name for f in features])):
            for name in names:
                if not _NAME.fullmatch(name):
                    self._wrong(f"{kind}.{name}", "is not a name", "use letters, digits and underscores")
                if name in taken:
                    self._wrong(f"{kind}.{name}", f"is already {taken[name]}", "give it another name=")
                taken[name] = f"the name of another of the {kind}"

    def _find(self, where: str, dotted: str) -> AvroField | None:
        if self._record is None:
            return None
        try:
            return self._record.field(_path(dotted))
        except ContractError as error:
            self._wrong(where, str(error))
            return None

    def _wrong(self, field: str, what: str, remedy: str = "") -> None:
        mistake = Mistake(f"{self._view.where} view {self._view.name} {field}".strip(), what, remedy)
        if mistake not in self._mistakes:
            self._mistakes.append(mistake)


def _path(dotted: str) -> Path:
    return tuple(dotted.split("."))


def _key_type(column_type: ColumnType) -> KeyType:
    if column_type == "double":
        raise ValueError("a double is no key")
    return column_type


def _side_topic(topic: str) -> SideTopic:
    return SideTopic(topic=topic, subject=f"{topic}-value")
