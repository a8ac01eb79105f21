"""What a stored row is worth at an instant: exact, decayed to empty, or pending; fresh, stale or expired.

A row says for each window when its values change next if no event comes, and from when on it is empty.
So an old row is still exact until its next change, and exactly empty from its end on; only in between
is the stored value the one before some decay.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from importlib.util import find_spec
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from fastavro import parse_schema, schemaless_reader
from fastavro.schema import SchemaParseException

from headwater.operators.derived import DECAYING, decayed, derive, in_order
from headwater.operators.heartbeats import FoldedHeartbeat
from headwater.schemas.aggregation import AGGREGATES
from headwater.schemas.avro import without_attributes
from headwater.schemas.errors import FormatError
from headwater.schemas.feature_log import VERSION_BYTES, empty_at_field, next_change_field
from headwater.schemas.keys import KeyValue
from headwater.schemas.plan import Feature, Plan

if TYPE_CHECKING:
    from headwater.operators.batch_reading import BatchDecoder

FeatureItem = int | float | str | bytes | bool
FeatureValue = FeatureItem | list[FeatureItem] | dict[str, FeatureItem] | None
"""A feature's value; lists and maps are never empty: where there are no values they are None."""

_ROW_START = VERSION_BYTES + 5  # version, a zero, and the schema id
_MANY_ROWS = 16  # fewer are decoded faster one by one
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Status(StrEnum):
    """How far the values of a row can be trusted.

    FRESH: the row or its partition's heartbeat is younger than the view's freshness objective.
    STALE: neither is. EXPIRED: neither is younger than the view's time-to-live. MISSING: there is no row.
    """

    FRESH = "fresh"
    STALE = "stale"
    EXPIRED = "expired"
    MISSING = "missing"


class Version(NamedTuple):
    """Which of two rows of an entity is newer: the greater one."""

    generation: int
    clock_us: int
    n: int


@dataclass(frozen=True, slots=True)
class FeatureRow:
    """The features of one entity at an instant.

    Attributes:
        entity: the key fields that were asked for.
        values: of every feature of the view, by name.
        status: how far they can be trusted.
        as_of: the instant that was asked for.
        age: seconds from the newest time at which the values are known to be complete to `as_of`; None if there
            is neither a row nor a heartbeat.
        clock: the entity's clock at this row; values are never of an earlier instant. None if there is no row.
        event_time: of its newest event; None if there is no row.
        version: of the row; None if there is none.
        pending: features whose stored value was exact until some time before `as_of`, and has changed since, as
            events have left or entered the window; those that the row does not have, since it was written before the
            view had them by that name; and those that are made of such.
    """

    entity: Mapping[str, KeyValue]
    values: Mapping[str, FeatureValue]
    status: Status
    as_of: datetime
    age: float | None
    clock: datetime | None
    event_time: datetime | None
    version: Version | None
    pending: frozenset[str]


class _WindowFeatures(NamedTuple):
    next_change: str
    empty_at: str
    empty_values: dict[str, FeatureValue]
    unknown_values: dict[str, FeatureValue]
    names: frozenset[str]


class RowReader:
    """Reads stored rows of one plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._schema = _plain(plan.log.schema_)
        self._empty = empty_values(plan)
        self._feature_values = _values_of([feature.name for feature in plan.features])
        self._stored = frozenset(feature.name for feature in plan.features if not feature.inputs)
        self._decaying = [feature for feature in plan.features if feature.aggregate in DECAYING]
        self._derived = in_order(plan)
        self._windows = tuple(_window_features(plan, window) for window in range(len(plan.windows)))
        self._objective_seconds = plan.freshness_objective_ms / 1000
        self._time_to_live_seconds = plan.time_to_live_ms / 1000

    def decoder(self, schema_json: bytes | str) -> RowDecoder:
        """What decodes the rows that were written with this Avro schema.

        Raises:
            FormatError: it is not a schema.
        """
        try:
            return RowDecoder(json.loads(schema_json), self._schema)
        except (ValueError, KeyError, TypeError, AttributeError, SchemaParseException) as error:
            raise FormatError(f"not an Avro schema: {error}") from error

    def read(
        self, entity: Mapping[str, KeyValue], row: StoredRow | None, heartbeat: FoldedHeartbeat | None, as_of_us: int
    ) -> FeatureRow:
        """The features of an entity at an instant, in microseconds since the epoch.

        Args:
            row: what is stored of it, None if nothing is.
            heartbeat: of its partition, None if none is known.
        """
        if row is None:
            age = _age_seconds(as_of_us, heartbeat.as_of_ms if heartbeat else None)
            values: dict[str, FeatureValue] = dict(self._empty)
            return FeatureRow(entity, values, Status.MISSING, _time(as_of_us), age, None, None, None, frozenset())
        fields = row.fields
        values, pending = self._values_at(row, max(as_of_us, fields["clock"]))
        complete_ms = fields["ingested_at"] if heartbeat is None else max(fields["ingested_at"], heartbeat.as_of_ms)
        age = _age_seconds(as_of_us, complete_ms) or 0.0
        return FeatureRow(
            entity,
            values,
            self._status(age),
            _time(as_of_us),
            age,
            _time(fields["clock"]),
            _time(fields["event_time"]),
            Version(fields["generation"], fields["clock"], fields["n"]),
            pending,
        )

    def _values_at(self, row: StoredRow, time_us: int) -> tuple[dict[str, FeatureValue], frozenset[str]]:
        fields = row.fields
        values: dict[str, Any] = dict(zip(self._empty, self._feature_values(fields), strict=True))
        pending = self._stored - row.written
        for window in self._windows:
            if window.empty_at not in row.written:
                values.update(window.unknown_values)
                pending |= window.names
                continue
            empty_at, next_change = fields[window.empty_at], fields[window.next_change]
            if empty_at is None or time_us >= empty_at:
                values.update(window.empty_values)
                pending -= window.names
            elif next_change is not None and time_us >= next_change:
                pending |= window.names
        for feature in self._decaying:
            if values[feature.name]:
                values[feature.name] = decayed(feature, values[feature.name], time_us - fields["clock"])
        if self._derived:
            derive(self._plan, values)
            for feature in self._derived:
                if any(self._plan.features[number].name in pending for number in feature.inputs or ()):
                    pending |= {feature.name}
        return values, pending

    def _status(self, age: float) -> Status:
        if age < self._objective_seconds:
            return Status.FRESH
        return Status.EXPIRED if age > self._time_to_live_seconds else Status.STALE


class StoredRow(NamedTuple):
    """A decoded row: its fields by name, times as whole numbers, and which of them its writer knew."""

    fields: dict[str, Any]
    written: frozenset[str]


class RowDecoder:
    """Decodes the rows of one writer schema into the fields of a plan's."""

    def __init__(self, writer: Mapping[str, Any], reader: dict[str, Any]) -> None:
        plain = _plain(writer)
        self._writer = parse_schema(plain, named_schemas={})
        self._reader = None if _shape(plain) == _shape(reader) else parse_schema(reader, named_schemas={})
        self._written = frozenset(field["name"] for field in plain["fields"])
        self._batches = _batch_decoder(plain) if self._reader is None else None

    def decode_many(self, stored: Sequence[bytes]) -> list[StoredRow]:
        """The rows in stored values, as `decode` gives them; faster where there are many and pyruhvro is installed.

        Raises:
            FormatError: one of them is no such row.
        """
        if self._batches is not None and len(stored) >= _MANY_ROWS:
            with suppress(FormatError):  # one by one says which it is
                return [
                    StoredRow(fields, self._written)
                    for fields in self._batches.decode([value[_ROW_START:] for value in stored])
                ]
        return [self.decode(value) for value in stored]

    def decode(self, stored: bytes) -> StoredRow:
        """The row in a stored value: 24 bytes of version, the frame and the Avro body.

        Raises:
            FormatError: the bytes are no such row.
        """
        stream = io.BytesIO(stored)
        stream.seek(_ROW_START)
        try:
            fields = cast("dict[str, Any]", schemaless_reader(stream, self._writer, self._reader))
        except (EOFError, ValueError, IndexError, TypeError, KeyError) as error:
            raise FormatError(f"a stored row cannot be decoded: {error!r}") from error
        if stream.tell() != len(stored):
            raise FormatError(f"a stored row has {len(stored) - stream.tell()} bytes behind its end")
        return StoredRow(fields, self._written)


def schema_id_of(stored: bytes) -> int:
    """The registry id of the schema that a stored row was written with.

    Raises:
        FormatError: the bytes are not a stored row.
    """
    if len(stored) <= _ROW_START or stored[VERSION_BYTES] != 0:
        raise FormatError(f"a stored row has a version and a framed Avro value; these {len(stored)} bytes do not")
    return int.from_bytes(stored[VERSION_BYTES + 1 : _ROW_START], "big")


def empty_values(plan: Plan) -> dict[str, FeatureValue]:
    """Each feature's value over no events."""
    empty = {feature.name: _empty_value(feature) for feature in plan.features}
    derive(plan, empty)
    return empty


def micros(as_of: datetime | float) -> int:
    """An aware time, or seconds since the epoch, in microseconds.

    Raises:
        FormatError: the time has no time zone.
    """
    if not isinstance(as_of, datetime):
        return round(as_of * 1_000_000)
    if as_of.tzinfo is None:
        raise FormatError("as_of has no time zone: give an aware datetime, or seconds since the epoch")
    return (as_of - _EPOCH) // timedelta(microseconds=1)


def _batch_decoder(schema: Mapping[str, Any]) -> BatchDecoder | None:
    """What decodes rows of this schema at once, if that can be done here."""
    if find_spec("pyruhvro") is None or find_spec("pyarrow") is None:
        return None
    from headwater.operators.batch_reading import BatchDecoder, can_decode

    return BatchDecoder(schema) if can_decode(schema) else None


def _empty_value(feature: Feature) -> FeatureValue:
    empty = AGGREGATES[feature.aggregate].empty
    return float(empty) if empty is not None and feature.type == "double" else empty


def _values_of(names: Sequence[str]) -> Callable[[Mapping[str, Any]], tuple[Any, ...]]:
    if len(names) == 1:
        return lambda fields: (fields[names[0]],)
    return itemgetter(*names)


def _window_features(plan: Plan, index: int) -> _WindowFeatures:
    window = plan.windows[index]
    features = [feature for feature in plan.features if feature.window == index]
    return _WindowFeatures(
        next_change_field(window),
        empty_at_field(window),
        {feature.name: _empty_value(feature) for feature in features},
        {feature.name: None for feature in features},
        frozenset(feature.name for feature in features),
    )


def _age_seconds(as_of_us: int, complete_ms: int | None) -> float | None:
    return None if complete_ms is None else max(0.0, (as_of_us - complete_ms * 1000) / 1e6)


def _time(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)


def _plain(schema: Mapping[str, Any]) -> dict[str, Any]:
    """The schema without what decoding does not need: documentation, and logical types, whose objects cost time."""
    return cast("dict[str, Any]", without_attributes(schema, {"doc", "logicalType"}))


def _shape(schema: Mapping[str, Any]) -> str:
    return json.dumps(schema, sort_keys=True)
