"""The plan: what a feature view compiles to, as canonical JSON. All that a job, a materializer or a reader is told.

Paths are field names from the root of a source's reader schema. Where a source explodes an array, its elements
stand where the array was: path `items.sku` is the sku of one item.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_serializer

from headwater.schemas.errors import FormatError
from headwater.schemas.keys import EntityField

PLAN_FORMAT: Literal[2] = 2

ColumnType = Literal["long", "double", "string", "bytes", "boolean", "vector"]
ValueType = Literal[
    "long",
    "double",
    "string",
    "bytes",
    "boolean",
    "array<long>",
    "array<double>",
    "array<string>",
    "array<bytes>",
    "array<boolean>",
    "map<long>",
    "map<double>",
]
AggregateName = Literal[
    "count",
    "sum",
    "mean",
    "min",
    "max",
    "variance",
    "stddev",
    "skewness",
    "kurtosis",
    "first",
    "last",
    "first_n",
    "last_n",
    "last_n_distinct",
    "distinct",
    "distinct_sketch",
    "quantile",
    "quantile_sketch",
    "top_k",
    "counts",
    "decayed_count",
    "decayed_sum",
    "vector_sum",
    "vector_mean",
    "vector_decayed_mean",
    "ratio",
    "difference",
]
TimeUnit = Literal["ms", "us"]
ObjectiveKind = Literal["fresh_reads", "accepted_events", "agreeing_reads"]
CalendarUnit = Literal["hour", "day", "week", "month", "year"]
Action = Literal["count", "dead_letter", "stop"]

Path = tuple[str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class _Sparse(_Part):
    """A part whose JSON leaves out what is None."""

    @model_serializer(mode="wrap")
    def _without_nulls(self, serialize: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        return {name: value for name, value in serialize(self).items() if value is not None}


class EventTime(_Part):
    """Where an event's time stands in it and in which unit since the epoch."""

    path: Path
    unit: TimeUnit


class Variable(_Part):
    """A field that expressions may read by its dotted name."""

    name: str
    path: Path
    type: ColumnType
    nullable: bool
    timestamp: TimeUnit | None = None


class Input(_Sparse):
    """Where a value comes from: a path, or an expression in CEL over the source's variables."""

    path: Path | None = None
    cel: str | None = None


class ExpectationPlan(_Sparse):
    """What should be true of an event that counts: a condition in CEL, which null meets, or that it came in time.

    It came in time if the record's timestamp is no more than `fresh_within_ms` after the event time. `action` is what
    becomes of an event that does not meet it: it is only counted, is a dead letter, or stops the job.
    """

    name: str
    action: Action
    cel: str | None = None
    fresh_within_ms: int | None = None

    @property
    def is_required(self) -> bool:
        """Whether only events that meet it count."""
        return self.action != "count"


class SourcePlan(_Part):
    """One event topic: how its records are read.

    `where` are expressions, all of which must be true for an event to count. `key` has one input per entity field,
    `columns` one per plan column, None where this source has no such value. `event_id` tells copies of an event.
    `explode` is the array whose elements are the events. `expectations` are checked last, of what would count.
    """

    topic: str
    subject: str
    reader_schema: dict[str, JsonValue]
    explode: Path | None = None
    variables: tuple[Variable, ...] = ()
    where: tuple[str, ...] = ()
    key: tuple[Input, ...]
    event_time: EventTime
    event_id: tuple[Input, ...] = ()
    columns: tuple[Input | None, ...]
    expectations: tuple[ExpectationPlan, ...] = ()
    allowed_skew_ms: int
    watermark_delay_ms: int
    idle_timeout_ms: int


class Column(_Sparse):
    """One value that is taken from each event; a vector has so many `dimensions`."""

    name: str
    type: ColumnType
    nullable: bool
    dimensions: int | None = None


class Zone(_Part):
    """A time zone as a table, so that every engine cuts days alike.

    `transitions` are pairs (second since the epoch, offset from UTC in seconds from then on); the first offset also
    holds before its second.
    """

    name: str
    tzdata: str
    transitions: tuple[tuple[int, int], ...]


class _Window(_Part):
    name: str
    resolution_ms: int


class Sliding(_Window):
    """At clock c with no offset: event times in [floor((c - length) / resolution) * resolution, c].

    With an offset both edges snap: from floor((c - offset - length) / resolution) * resolution up to, but without,
    floor((c - offset) / resolution) * resolution.
    """

    kind: Literal["sliding"] = "sliding"
    length_ms: int
    offset_ms: int = 0


class Calendar(_Window):
    """The unit of local time that the clock is in, so far; or, if `complete`, the whole of the one before it."""

    kind: Literal["calendar"] = "calendar"
    unit: CalendarUnit
    zone: int
    complete: bool


class Session(_Window):
    """The events up to the newest, no two neighbours of which lie more than `gap` apart; empty once the gap is over.

    Gaps are measured between steps of the resolution. The session looks back as the sliding window of `longest` does.
    """

    kind: Literal["session"] = "session"
    gap_ms: int
    longest_ms: int


class Lifetime(_Window):
    """All events up to the clock."""

    kind: Literal["lifetime"] = "lifetime"


Window = Annotated[Sliding | Calendar | Session | Lifetime, Field(discriminator="kind")]


class Feature(_Sparse):
    """One aggregate over one window, by index; a ratio or a difference has `inputs`, two features, and no window.

    `column` is None for an aggregate of the events themselves. `filter` is a boolean column: only events in which it
    is true count. What other parameters mean is told in `headwater.schemas.aggregates`.
    """

    name: str
    aggregate: AggregateName
    column: int | None = None
    window: int | None = None
    type: ValueType
    filter: int | None = None
    inputs: tuple[int, int] | None = None
    weight: int | None = None
    limit: int | None = None
    sample: bool | None = None
    fraction: float | None = None
    half_life_ms: int | None = None
    weight_scale: int | None = None
    precision: int | None = None


class Deduplication(_Part):
    """For how long behind a key's clock copies of an event are recognised."""

    horizon_ms: int


class Objective(_Sparse):
    """The share of reads or events that must go well within `over_ms`; a fresh read is no older than `within_ms`."""

    kind: ObjectiveKind
    share_per_million: int
    over_ms: int
    within_ms: int | None = None


class ProbePlan(_Part):
    """An event that is sent to a source, by index, every so often, its event time set to that moment."""

    source: int
    event: dict[str, JsonValue]
    every_ms: int


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
    """All that the job, the materializer, the archive and the readers need to know of a feature view.

    `reach_ms` is how far behind its clock an event of a key can matter at most; None: without end.
    """

    format: Literal[2] = PLAN_FORMAT
    view: str
    generation: int
    owner: str
    description: str
    domain: str | None = None
    entity: tuple[EntityField, ...]
    sources: tuple[SourcePlan, ...]
    columns: tuple[Column, ...]
    zones: tuple[Zone, ...] = ()
    windows: tuple[Window, ...]
    features: tuple[Feature, ...]
    deduplication: Deduplication | None = None
    emission_interval_ms: int
    heartbeat_interval_ms: int
    time_to_live_ms: int
    freshness_objective_ms: int
    objectives: tuple[Objective, ...] = ()
    probe: ProbePlan | None = None
    reach_ms: int | None
    log: LogPlan
    dead_letters: SideTopic
    late: SideTopic

    def canonical_json(self) -> str:
        """The plan as JSON with sorted keys and no blanks: equal plans give equal bytes."""
        return json.dumps(self.as_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    def as_dict(self) -> dict[str, Any]:
        """The plan as plain JSON values; without a domain if nobody named one, as plans were before there were any."""
        return self.model_dump(mode="json", by_alias=True, exclude=None if self.domain else {"domain"})

    def digest(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()

    @classmethod
    def from_json(cls, text: str | bytes) -> Plan:
        """The plan that this JSON describes.

        Raises:
            FormatError: the text is not a plan of format 2.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise FormatError(f"not a plan of format {PLAN_FORMAT}: {error}") from error
