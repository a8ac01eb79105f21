"""From a declared event source and its Avro schema to how its records are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.schemas.avro import AvroField, AvroRecord
from headwater.schemas.durations import to_ms
from headwater.schemas.errors import ContractError
from headwater.schemas.keys import EntityField, KeyType
from headwater.schemas.mistakes import Mistakes
from headwater.schemas.plan import Column, ColumnType, EventTime, Input, Path, SourcePlan, TimeUnit
from headwater.schemas.view import FeatureView

_TIMESTAMPS: dict[str, TimeUnit] = {"timestamp-millis": "ms", "timestamp-micros": "us"}
_KEY_TYPES: dict[ColumnType, KeyType] = {"string": "string", "long": "long", "bytes": "bytes", "boolean": "boolean"}


class SourceCompiler:
    """Finds what features name in the events, and gathers it as the plan's columns."""

    def __init__(self, view: FeatureView, schema: Mapping[str, Any], mistakes: Mistakes) -> None:
        self._view = view
        self._mistakes = mistakes
        self._columns: dict[Path, AvroField] = {}
        self._dimensions: dict[Path, int] = {}
        try:
            self._record: AvroRecord | None = AvroRecord(schema)
        except ContractError as error:
            self._record = None
            mistakes.add("source", f"subject {view.source.subject_name}: {error}", "mend the Avro file")

    def entity(self) -> tuple[EntityField, ...]:
        """The fields of the entity's key."""
        keys, names = self._view.source.key_fields, self._view.entity_names
        if len(names) != len(keys):
            self._mistakes.add(
                "entity", f"names {len(names)} fields, but the source's key has {len(keys)}", "name each key field"
            )
        fields = []
        for name, key in zip(names, keys, strict=False):
            field = self.find("source.key", key)
            if field is None:
                continue
            key_type = _KEY_TYPES.get(field.type)
            if key_type is None:
                self._mistakes.add(
                    "source.key",
                    f"{key} is a {field.avro_type}; such keys do not compare safely",
                    "use a string or integer",
                )
                continue
            fields.append(EntityField(name=name, type=key_type))
        return tuple(fields)

    def find(self, where: str, dotted: str) -> AvroField | None:
        """The field at a dotted path; None, and a mistake is noted, if there is none."""
        if self._record is None:
            return None
        try:
            return self._record.field(_path(dotted))
        except ContractError as error:
            self._mistakes.add(where, str(error))
            return None

    def column(self, dotted: str, field: AvroField, dimensions: int | None = None) -> int:
        """The index of the plan's column that holds this field; the first to ask for it adds it.

        A vector has `dimensions`; it is a mistake to ask for one vector with several.
        """
        path = _path(dotted)
        self._columns.setdefault(path, field)
        if dimensions is not None and self._dimensions.setdefault(path, dimensions) != dimensions:
            self._mistakes.add(
                f"features.{dotted}",
                f"has {dimensions} dimensions in one feature and {self._dimensions[path]} in another",
                "its vectors can be of one length only",
            )
        return list(self._columns).index(path)

    def filter_column(self, where: str, cel: str) -> int | None:
        """The index of the boolean column that says for which events the expression is true.

        None, and a mistake is noted, if it is wrong.
        """
        self._mistakes.add(where, f"where={cel!r}: expressions cannot be compiled yet", "leave it out")
        return None

    def columns(self) -> tuple[Column, ...]:
        """The columns that were asked for."""
        return tuple(
            Column(name="_".join(path), type=field.type, nullable=field.nullable, dimensions=self._dimensions.get(path))
            for path, field in self._columns.items()
        )

    def plans(self) -> tuple[SourcePlan, ...]:
        """How each source is read. To be asked for once all columns are known; empty if there were mistakes."""
        source = self._view.source
        event_time = self._event_time()
        if self._record is None or event_time is None:
            return ()
        key = tuple(_path(name) for name in source.key_fields)
        paths = [path for path in (*key, event_time.path, *self._columns) if self._is_there(path)]
        return (
            SourcePlan(
                topic=source.topic,
                subject=source.subject_name,
                reader_schema=self._record.pruned(paths),
                key=tuple(Input(path=path) for path in key),
                event_time=event_time,
                columns=tuple(Input(path=path) for path in self._columns),
                allowed_skew_ms=to_ms(source.allowed_skew),
                watermark_delay_ms=to_ms(source.watermark_delay),
                idle_timeout_ms=to_ms(source.idle_timeout),
            ),
        )

    def _is_there(self, path: Path) -> bool:
        return self.find("source", ".".join(path)) is not None

    def _event_time(self) -> EventTime | None:
        source = self._view.source
        field = self.find("source.event_time", source.event_time)
        if field is None:
            return None
        known = _TIMESTAMPS.get(field.logical_type or "")
        if field.avro_type != "long":
            self._mistakes.add(
                "source.event_time", f"{source.event_time} is of type {field.avro_type}", "use a long since the epoch"
            )
        elif known is None and source.event_time_unit is None:
            self._mistakes.add(
                "source.event_time_unit", f"{source.event_time} is a plain long", "say event_time_unit='ms' or 'us'"
            )
        elif known is not None and source.event_time_unit not in (None, known):
            self._mistakes.add(
                "source.event_time_unit",
                f"is {source.event_time_unit}, but {source.event_time} is {field.logical_type}",
            )
        return EventTime(path=_path(source.event_time), unit=known or source.event_time_unit or "ms")


def _path(dotted: str) -> Path:
    return tuple(dotted.split("."))
