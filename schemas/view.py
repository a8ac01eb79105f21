"""Event sources and feature views as their authors declare them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from headwater.schemas.aggregates import Aggregation
from headwater.schemas.declaration import Declaration
from headwater.schemas.durations import Duration, parse_duration
from headwater.schemas.expectations import Expectation
from headwater.schemas.objectives import ServiceObjective, place_of
from headwater.schemas.plan import TimeUnit
from headwater.schemas.probes import Probe


def _as_names(value: str | Sequence[str]) -> tuple[str, ...]:
    names = (value,) if isinstance(value, str) else tuple(value)
    if not names:
        raise ValueError("is empty; name at least one field")
    return names


def _duration(text: str) -> Duration:
    return parse_duration(text)


Expectations = Annotated[Sequence[Expectation], AfterValidator(tuple)]
Names = Annotated[str | tuple[str, ...] | list[str], AfterValidator(_as_names)]


class EventSource(Declaration):
    """A Kafka topic of Avro events with a registered schema.

    Where a field is named, nested ones are named by dotted path. Where an expression may stand, it is in CEL (see
    `headwater.schemas.expressions`), and any text that is not a dotted path is one.

    Args:
        topic: the topic.
        key: the field or expression, or several, that name the entity.
        event_time: the field that says when the event happened, an Avro long.
        event_time_unit: `ms` or `us` since the epoch; not needed where the field has a timestamp logical type.
        where: an expression; events in which it is not true do not count.
        columns: fields or expressions by the name under which features use them, before any field of that name; None
            if events of this source have no such value.
        event_id: the field or expression, or several, that tell copies of an event; with its event time they are one.
        explode: the path of an array, each of whose elements is an event; its elements stand where the array was, so
            that `items.sku` is the sku of one item.
        expect: what should be true of every event that counts; see `headwater.schemas.expectations`.
        subject: the schema's subject, by default `<topic>-value`.
        allowed_skew: an event further ahead of its Kafka timestamp than this is rejected.
        watermark_delay: how far the watermark stays behind the newest event; later events still count.
        idle_timeout: a partition silent for this long no longer holds the watermark back.
    """

    topic: str = Field(
        pattern=r"^[a-zA-Z0-9._-]{1,200}$", description="use at most 200 letters, digits, dots, dashes and underscores"
    )
    key: Names = Field(description="name the field, or a list of fields, that say whose event it is")
    event_time: str = Field(description="name the field that says when the event happened")
    event_time_unit: TimeUnit | None = None
    where: str | None = None
    columns: Mapping[str, str | None] = {}
    event_id: Names | None = None
    explode: str | None = None
    expect: Expectations = Field((), description="list what should be true of events, such as not_null('amount')")
    subject: str = ""
    allowed_skew: Duration = _duration("1m")
    watermark_delay: Duration = _duration("1s")
    idle_timeout: Duration = _duration("5s")

    @property
    def key_fields(self) -> tuple[str, ...]:
        """The fields or expressions of the key."""
        return _as_names(self.key)

    @property
    def id_fields(self) -> tuple[str, ...]:
        """The fields or expressions that tell copies of an event; none if nothing does."""
        return () if self.event_id is None else _as_names(self.event_id)

    @property
    def subject_name(self) -> str:
        return self.subject or f"{self.topic}-value"


class FeatureView(Declaration):
    """Features of one kind of entity, computed together from one source or several.

    Args:
        name: lower-case, part of every topic and key name.
        source: where the events come from.
        sources: where they come from if from several topics: `source` or this.
        features: the aggregates, each over one or more windows.
        owner: who answers for it.
        description: what it is, for those who find it.
        domain: the part of the business that it belongs to; `headwater schemas check` asks for it.
        entity: the names of the key's fields in the stores, by default the last part of each key path.
        where: an expression; events in which it is not true do not count, from whatever source they come.
        expect: what should be true of every event that counts, from whatever source it comes.
        deduplicate_for: so far behind a key's clock copies of an event are recognised, by its source's event_id; by
            default as far as any window looks back.
        approximate: accepts that copies further apart than that count twice.
        generation: raised with every change of what existing values mean.
        emission_interval: a key's row is written at most once in this time.
        freshness: readers see STALE when a value may be older than this.
        objectives: what share of reads must be fresh, of events accepted; alerts are made from it.
        probe: an event that `headwater watch` sends now and then until readers see it; see `headwater.schemas.probes`.
        time_to_live: readers see EXPIRED when a value that is not fresh is older than this.
        log_partitions: partitions of the feature log; a change needs a new generation.
    """

    name: str = Field(
        pattern=r"^[a-z][a-z0-9_]{0,79}$",
        description="use a lower-case letter, then at most 79 of those, digits and underscores",
    )
    source: EventSource | None = Field(None, description="give an EventSource")
    sources: Annotated[Sequence[EventSource], AfterValidator(tuple)] = Field(
        (), validate_default=True, description="give a list of EventSources"
    )
    features: Annotated[Sequence[Aggregation], AfterValidator(tuple)] = Field(
        min_length=1, description="list what is computed, such as count_events(over='1h')"
    )
    owner: str = Field(min_length=1, description="say who answers for the view, such as a team's address")
    description: str = Field(min_length=1, description="say what the features are, for those who find them")
    domain: str | None = Field(None, min_length=1, description="name the part of the business, such as 'growth'")
    entity: Names | None = Field(None, description="name each field of the key")
    where: str | None = None
    expect: Expectations = Field((), description="list what should be true of events, such as not_null('amount')")
    deduplicate_for: Duration | None = None
    approximate: bool = False
    generation: int = Field(1, ge=1, lt=2**31, description="choose a whole number from 1")
    emission_interval: Duration = _duration("200ms")
    freshness: Duration = _duration("5s")
    objectives: Annotated[Sequence[ServiceObjective], AfterValidator(tuple)] = Field(
        (), description="give a list of objectives, such as [fresh_reads('99.5%')]"
    )
    probe: Probe | None = Field(None, description="give a probe, such as probe({'customer_id': 'headwater-probe'})")
    time_to_live: Duration = _duration("7d")
    log_partitions: int = Field(4, ge=1, le=1000, description="choose from 1 to 1000")

    @field_validator("sources")
    @classmethod
    def _check_sources(cls, sources: tuple[EventSource, ...], arguments: ValidationInfo) -> tuple[EventSource, ...]:
        if "source" in arguments.data and (arguments.data["source"] is None) == (not sources):
            raise ValueError("source and sources are both given, or neither; say source=, or sources=[...] for several")
        topics = [source.topic for source in sources]
        twice = sorted({topic for topic in topics if topics.count(topic) > 1})
        if twice:
            raise ValueError(f"two sources read the topic {twice[0]}; name it once")
        return sources

    @property
    def event_sources(self) -> tuple[EventSource, ...]:
        """All sources of the view, by topic: the order of the plan's sources."""
        declared = self.sources if self.source is None else (self.source,)
        return tuple(sorted(declared, key=lambda source: source.topic))

    def placed_sources(self) -> list[tuple[str, EventSource]]:
        """The same, each with what it is called in mistakes."""
        sources = self.event_sources
        return [("source" if len(sources) == 1 else f"sources.{source.topic}", source) for source in sources]

    @property
    def entity_names(self) -> tuple[str, ...]:
        """The names of the key's fields in the stores."""
        if self.entity is not None:
            return _as_names(self.entity)
        first = self.sources[0] if self.source is None else self.source
        return tuple(path.rpartition(".")[2] for path in first.key_fields)

    @classmethod
    def _placeholder(cls, argument: str, given: object) -> object:
        if argument == "features":
            several = given if isinstance(given, list | tuple) else (given,)
            return tuple(each for each in several if isinstance(each, Aggregation))
        if argument == "name" and isinstance(given, str):
            return given
        return super()._placeholder(argument, given)


def parts_of(view: FeatureView) -> Iterator[tuple[str, Declaration]]:
    """The view itself and all declarations in it, each once, with the place in the view where it first stands."""
    parts: dict[int, tuple[str, Declaration]] = {id(view): ("", view)}
    parts |= {id(objective): (place_of(objective), objective) for objective in view.objectives}
    if view.probe is not None:
        parts[id(view.probe)] = ("probe", view.probe)
    parts |= {id(source): (place, source) for place, source in view.placed_sources()}
    for place, declared in (("", view.expect), *((f"{place}.", each.expect) for place, each in view.placed_sources())):
        for expectation in declared:
            parts.setdefault(id(expectation), (f"{place}expect.{expectation.full_name}", expectation))
    for aggregation in view.features:
        place = f"features.{aggregation.base_name}"
        parts.setdefault(id(aggregation), (place, aggregation))
        for window in aggregation.windows:
            parts.setdefault(id(window), (f"{place}.over", window))
    yield from parts.values()
