"""The valid events of every key, as the reference reads them from the event topics."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from headwater.operators.reference import ReferenceEvent
from headwater.operators.reference_events import EventReader, SourceRecord
from headwater.pipelines.dead_letters.letter import Position
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings
from headwater.pipelines.verification.topics import read_committed
from headwater.schemas.dead_letter import Reason
from headwater.schemas.plan import Plan


@dataclass
class SourceEvents:
    """Events by canonical key, why records were rejected by their place, and the newest Kafka timestamp of all."""

    by_key: dict[bytes, list[ReferenceEvent]] = field(default_factory=lambda: defaultdict(list))
    rejected: dict[Position, Reason] = field(default_factory=dict)
    newest_ms: int = 0
    total: int = 0

    def take(self, place: Position, found: list[tuple[bytes, ReferenceEvent]] | Reason, timestamp_ms: int) -> None:
        """Counts a record in, with what was read from it."""
        self.total += 1
        self.newest_ms = max(self.newest_ms, timestamp_ms)
        if isinstance(found, Reason):
            self.rejected[place] = found
            return
        for key, event in found:
            self.by_key[key].append(event)


def read_events(settings: Settings, plan: Plan, timeout_seconds: float) -> SourceEvents:
    """All events of the plan's sources up to their present end; copies too.

    Raises:
        DependencyError: the broker or the registry cannot be used.
    """
    events = SourceEvents()
    registry = Registry(settings)
    reader = EventReader(plan, lambda schema_id: _schema(registry, schema_id))
    for index, source in enumerate(plan.sources):
        for message in read_committed(settings, source.topic, timeout_seconds):
            timestamp_ms = message.timestamp()[1]
            record = SourceRecord(message.value(), timestamp_ms, message.partition() or 0, message.offset() or 0)
            place = Position(source.topic, record.partition, record.offset)
            events.take(place, reader.read(index, record), timestamp_ms)
    return events


def _schema(registry: Registry, schema_id: int) -> Mapping[str, Any] | None:
    text = registry.schema_text(schema_id)
    if text is None:
        return None
    schema: Mapping[str, Any] = json.loads(text)
    return schema
