"""Event sources and feature views as their authors declare them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import AfterValidator, Field

from headwater.schemas.aggregates import Aggregation
from headwater.schemas.declaration import Declaration
from headwater.schemas.durations import Duration, parse_duration
from headwater.schemas.plan import TimeUnit


def _as_names(value: str | Sequence[str]) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    if not names:
        raise ValueError("name at least one field")
    return names


def _duration(text: str) -> Duration:
    return parse_duration(text)


Names = Annotated[str | tuple[str, ...] | list[str], AfterValidator(_as_names)]


class EventSource(Declaration):
    """A Kafka topic of Avro events with a registered schema.

    Args:
        topic: the topic.
        key: the field, or fields, that name the entity; nested fields by dotted path.
        event_time: the field that says when the event happened, an Avro long.
        event_time_unit: `ms` or `us` since the epoch; not needed where the field has a timestamp logical type.
        subject: the schema's subject, by default `<topic>-value`.
        allowed_skew: an event further ahead of its Kafka timestamp than this is rejected.
        watermark_delay: how far the watermark stays behind the newest event; later events still count.
        idle_timeout: a partition silent for this long no longer holds the watermark back.
    """

    topic: str = Field(pattern=r"^[a-zA-Z0-9._-]{1,200}$")
    key: Names
    event_time: str
    event_time_unit: TimeUnit | None = None
    subject: str = ""
    allowed_skew: Duration = _duration("1m")
    watermark_delay: Duration = _duration("1s")
    idle_timeout: Duration = _duration("5s")

    @property
    def key_fields(self) -> tuple[str, ...]:
        """The dotted paths of the key's fields."""
        return _as_names(self.key)

    @property
    def subject_name(self) -> str:
        return self.subject or f"{self.topic}-value"


class FeatureView(Declaration):
    """Features of one kind of entity, computed together from one source.

    Args:
        name: lower-case, part of every topic and key name.
        source: where the events come from.
        features: the aggregates, each over one or more windows.
        owner: who answers for it.
        description: what it is, for those who find it.
        entity: the names of the key's fields in the stores, by default the last part of each key path.
        generation: raised with every change of what existing values mean.
        emission_interval: a key's row is written at most once in this time.
        freshness: readers see STALE when a value may be older than this.
        time_to_live: readers see EXPIRED when a value that is not fresh is older than this.
        log_partitions: partitions of the feature log; a change needs a new generation.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,79}$")
    source: EventSource
    features: Annotated[Sequence[Aggregation], AfterValidator(tuple), Field(min_length=1)]
    owner: str = Field(min_length=1)
    description: str = Field(min_length=1)
    entity: Names | None = None
    generation: int = Field(1, ge=1, lt=2**31)
    emission_interval: Duration = _duration("200ms")
    freshness: Duration = _duration("5s")
    time_to_live: Duration = _duration("7d")
    log_partitions: int = Field(4, ge=1, le=1000)

    @property
    def entity_names(self) -> tuple[str, ...]:
        """The names of the key's fields in the stores."""
        if self.entity is not None:
            return _as_names(self.entity)
        return tuple(path.rpartition(".")[2] for path in self.source.key_fields)
