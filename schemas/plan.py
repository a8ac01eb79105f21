"""The compiled form of a feature view: immutable, canonical JSON, the only thing that a job reads."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from headwater.schemas.errors import FormatError
from headwater.schemas.keys import EntityField

PLAN_FORMAT: Literal[1] = 1

ColumnType = Literal["long", "double", "string", "bytes", "boolean"]
AggregateName = Literal["count", "sum", "mean", "min", "max", "stddev", "first", "last"]
TimeUnit = Literal["ms", "us"]

Path = tuple[str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventTime(_Part):
    """Where an event's time stands in it and in which unit since the epoch."""

    path: Path
    unit: TimeUnit


class SourcePlan(_Part):
    """One event topic: how its records are read. `key` has one path per entity field, `columns` one per plan column."""

    topic: str
    subject: str
    reader_schema: dict[str, JsonValue]
    key: tuple[Path, ...]
    event_time: EventTime
    columns: tuple[Path, ...]
    allowed_skew_ms: int
    watermark_delay_ms: int
    idle_timeout_ms: int


class Column(_Part):
    """One value that is taken from each event."""

    name: str
    type: ColumnType
    nullable: bool


class Window(_Part):
    """A sliding window: event times in [floor((c - length) / resolution) * resolution, c] at clock c."""

    name: str
    length_ms: int
    resolution_ms: int


class Feature(_Part):
    """One aggregate of one column (None: of the events themselves) over one window, by index."""

    name: str
    aggregate: AggregateName
    column: int | None
    window: int
    type: ColumnType


class LogPlan(_Part):
    """The feature log: its topic, subject, number of partitions and Avro schema."""

    topic: str
    subject: str
    partitions: int
    schema_: dict[str, JsonValue] = Field(alias="schema")


class SideTopic(_Part):
    """A topic beside the log that takes what was not aggregated."""

    topic: str
    subject: str


class Plan(_Part):
    """All that the job, the materializer, the archive and the readers need to know of a feature view."""

    format: Literal[1] = PLAN_FORMAT
    view: str
    generation: int
    owner: str
    description: str
    entity: tuple[EntityField, ...]
    sources: tuple[SourcePlan, ...]
    columns: tuple[Column, ...]
    windows: tuple[Window, ...]
    features: tuple[Feature, ...]
    emission_interval_ms: int
    heartbeat_interval_ms: int
    time_to_live_ms: int
    freshness_objective_ms: int
    reach_ms: int
    log: LogPlan
    dead_letters: SideTopic
    late: SideTopic

    def canonical_json(self) -> str:
        """The plan as JSON with sorted keys and no blanks: equal plans give equal bytes."""
        return json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def as_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values."""
        return self.model_dump(mode="json", by_alias=True)

    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """The plan that this JSON describes.

        Raises:
            FormatError: the text is not a plan of format 1.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise FormatError(f"not a plan of format {PLAN_FORMAT}: {error}") from error
