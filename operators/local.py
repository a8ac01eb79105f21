"""A feature view in this process, for tests: events go in as a table, values come out, the reference is the engine.

Nothing else runs: no Flink, no Java, no broker, no store. `headwater.operators.reference` tells what the values mean,
`headwater.operators.reference_events` which events count; the kernel is held to both.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import Any

from fastavro import parse_schema, schemaless_writer

from headwater.operators.event_table import EventShape, Row, instant_us, rows_of
from headwater.operators.reading import FeatureValue, RowReader, StoredRow
from headwater.operators.reference import ReferenceEvent, clock_of, distinct_events, reach, reference_row
from headwater.operators.reference_events import FRAME, EventReader, SourceRecord
from headwater.operators.reference_windows import events_in
from headwater.operators.stored_sketches import SKETCHES, stored_sketch
from headwater.schemas.dead_letter import Reason
from headwater.schemas.errors import EventTableError, UnknownFeatureError
from headwater.schemas.feature_log import empty_at_field, next_change_field
from headwater.schemas.keys import KeyValue, encode_key
from headwater.schemas.plan import Feature, Plan

TOPIC, PARTITION, OFFSET, TIMESTAMP = "@topic", "@partition", "@offset", "@timestamp"
"""Columns of a table that say of an event's record what its fields cannot."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An event that does not count, as the author wrote it, and why."""

    reason: Reason
    event: Row
    topic: str
    partition: int
    offset: int
    detail: str = ""
    """Which expectations it did not meet, if it was refused for them."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a view was asked: the features of which entity at which time, as it was put, and which were looked at."""

    view: str
    entity: Mapping[str, KeyValue]
    at: str | datetime | float
    looked_at: list[str] = field(default_factory=list)


asked: ContextVar[list[Question] | None] = ContextVar("asked", default=None)
"""Where a list is set, every question to any view is added to it, so that a test run can tell what failed."""


class FeatureValues(dict[str, FeatureValue]):
    """Values by feature; a name that is none of them is told with those that are like it."""

    def __init__(self, values: Mapping[str, FeatureValue], question: Question) -> None:
        super().__init__(values)
        self._question = question

    def __getitem__(self, name: str) -> FeatureValue:
        """
        Raises:
            UnknownFeatureError: the view has no such feature.
        """
        self._question.looked_at.append(name)
        return super().__getitem__(name)

    def __missing__(self, name: str) -> FeatureValue:
        alike = get_close_matches(name, self, n=3) or sorted(self)
        raise UnknownFeatureError(f"{self._question.view} has no feature {name}, but {', '.join(alike)}")


@dataclass(frozen=True, slots=True)
class _Arrived:
    at_us: int
    key: bytes
    event: ReferenceEvent
    row: Row


class LocalView:
    """One view and the events that it has been given."""

    def __init__(self, plan: Plan, schemas: Mapping[str, Mapping[str, Any]]) -> None:
        """
        Args:
            plan: the view's plan.
            schemas: the Avro schema of each topic's events, by topic.
        """
        self._plan = plan
        self._shapes = [
            EventShape(schemas[source.topic], source.reader_schema, source.event_time) for source in plan.sources
        ]
        self._writers = [parse_schema(dict(source.reader_schema), named_schemas={}) for source in plan.sources]
        self._reader = EventReader(plan, lambda source: plan.sources[source].reader_schema)
        self._arrived: list[_Arrived] = []
        self._offsets: dict[tuple[str, int], int] = {}
        self.rejected: list[LeftOut] = []
        """The events that were refused, with the reasons that their dead letters would have."""

    def add(self, events: str | Iterable[Row], topic: str | None = None) -> None:
        """Let events arrive.

        Each is a mapping by field name, or a line of a text table (see `headwater.operators.event_table`). Times are
        ISO 8601 with a zone, aware datetimes, or seconds since the epoch. Fields that the view does not read may be
        left out. These columns may stand beside the fields: `@topic`; `@partition`, 0 by default; `@offset`, by
        default the next one; `@timestamp`, when Kafka got the event, by default when it happened.

        Args:
            events: the table.
            topic: where they come from; needed, here or in the table, if the view has several sources.

        Raises:
            EventTableError: a row does not fit the topic's schema; names the row and the field.
            ExpectationError: an event does not meet an expectation that would stop the job; those before it are in.
        """
        for number, row in enumerate(rows_of(events)):
            try:
                self._add(row, row.get(TOPIC) or topic)
            except EventTableError as error:
                raise EventTableError(f"row {number}: {error}") from None

    def values(self, at: str | datetime | float, **entity: KeyValue) -> FeatureValues:
        """What a reader of the online store sees of an entity at a time, by feature.

        It is the row of the events that arrived by then (`@timestamp`, or event time where none is given), once the
        watermark has passed `at` and the row has been written: the entity's clock is the latest tick up to `at`, or
        its greatest event time. Where nothing has arrived, the values are those of no events. Sketches are made by
        DataSketches (the extra `testing`): of the same values as the kernel's, but perhaps not the same bytes.

        Args:
            at: ISO 8601 with a zone, an aware datetime, or seconds since the epoch.
            entity: the fields of the entity's key.

        Raises:
            FormatError: the key's fields are others, or of other types.
            EventTableError: `at` is not a time.
        """
        questions, question = asked.get(), Question(self._plan.view, entity, at)
        if questions is not None:
            questions.append(question)
        key, at_us = encode_key(self._plan.entity, entity), instant_us(at)
        events = [each.event for each in self._arrived if each.key == key and each.at_us <= at_us]
        row = self._row(events, at_us) if events else None
        return FeatureValues(RowReader(self._plan).read(entity, row, None, at_us).values, question)

    @property
    def unmet(self) -> Counter[str]:
        """How many events so far did not meet each expectation, whatever its action, by its name."""
        readers = map(self._reader.expectations, range(len(self._plan.sources)))
        return sum((reader.failed for reader in readers), Counter[str]())

    @property
    def late(self) -> list[LeftOut]:
        """The events that were older than every window of their entity when they arrived."""
        late, before = list[LeftOut](), dict[bytes, list[ReferenceEvent]]()
        for arrived in sorted(self._arrived, key=lambda each: each.at_us):
            earlier = before.setdefault(arrived.key, [])
            if earlier and arrived.event.time_us < reach(self._plan, clock_of(self._plan, earlier, arrived.at_us)):
                late.append(self._left_out(Reason.LATE, arrived.row, arrived.event))
            earlier.append(arrived.event)
        return late

    def _add(self, row: dict[str, Any], topic: str | None) -> None:
        fields = {name: value for name, value in row.items() if not name.startswith("@")}
        if unknown := row.keys() - fields.keys() - {TOPIC, PARTITION, OFFSET, TIMESTAMP}:
            raise EventTableError(f"{min(unknown)} is not one of {TOPIC}, {PARTITION}, {OFFSET}, {TIMESTAMP}")
        topics = list(dict.fromkeys(source.topic for source in self._plan.sources))
        if topic is None and len(topics) == 1:
            topic = topics[0]
        if topic not in topics:
            raise EventTableError(f"say which topic the event is of: {', '.join(topics)}, not {topic}")
        partition = int(row.get(PARTITION) or 0)
        offset = int(row.get(OFFSET) or self._offsets.get((topic, partition), 0))
        self._offsets[topic, partition] = offset + 1
        for index, source in enumerate(self._plan.sources):
            if source.topic == topic:
                self._read(index, fields, row, partition, offset)

    def _read(self, source: int, fields: Row, row: Row, partition: int, offset: int) -> None:
        event = self._shapes[source].event(fields)
        body = io.BytesIO()
        body.write(FRAME.pack(0, source))
        schemaless_writer(body, self._writers[source], event)
        times = list(_at(fields, self._plan.sources[source].event_time.path))
        arrived_us = _arrival_us(row, times)
        record = SourceRecord(body.getvalue(), -(-arrived_us // 1000), partition, offset)
        found = self._reader.read(source, record)
        if isinstance(found, Reason):
            topic = self._plan.sources[source].topic
            self.rejected.append(LeftOut(found, row, topic, partition, offset, self._reader.detail))
        else:
            self._arrived += [_Arrived(arrived_us, key, event, row) for key, event in found]

    def _row(self, events: list[ReferenceEvent], watermark_us: int) -> StoredRow:
        """The row that the online store has of an entity with these events."""
        row = reference_row(self._plan, events, watermark_us)
        fields: dict[str, Any] = {
            "generation": row.generation,
            "clock": row.clock_us,
            "n": row.n,
            "event_time": row.event_time_us,
            "ingested_at": row.ingested_at_ms,
        }
        for window in self._plan.windows:
            fields[next_change_field(window)] = row.next_change_us[window.name]
            fields[empty_at_field(window)] = row.empty_at_us[window.name]
        for feature in self._plan.features:
            fields[feature.name] = _stored(feature, row.values[feature.name])
        for feature in self._plan.features:
            if feature.aggregate in SKETCHES and feature.window is not None:
                window = self._plan.windows[feature.window]
                ordered = sorted(distinct_events(events), key=lambda event: event.order)
                fields[feature.name] = stored_sketch(feature, events_in(self._plan, window, ordered, row.clock_us))
        return StoredRow(fields, frozenset(fields))

    def _left_out(self, reason: Reason, row: Row, event: ReferenceEvent) -> LeftOut:
        return LeftOut(reason, row, self._plan.sources[event.source].topic, event.partition, event.offset)


def _arrival_us(row: Row, event_times: Sequence[Any]) -> int:
    if row.get(TIMESTAMP) is not None:
        return max(0, instant_us(row[TIMESTAMP]))
    return max((max(0, instant_us(each)) for each in event_times), default=0)


def _at(fields: Any, path: tuple[str, ...]) -> Iterator[Any]:
    """What an author wrote at a path, in each element of an array on the way; a key may be a dotted path itself."""
    if isinstance(fields, Mapping):
        for depth in range(1, len(path) + 1):
            yield from _at(fields.get(".".join(path[:depth])), path[depth:])
    elif isinstance(fields, list | tuple):
        for each in fields:
            yield from _at(each, path)
    elif fields is not None and not path:
        yield fields


def _stored(feature: Feature, value: Any) -> Any:
    """The value as a reader gets it: doubles, lists and dictionaries."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, tuple):
        return list(value)
    return float(value) if feature.type == "double" and isinstance(value, int) else value
