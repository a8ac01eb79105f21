"""A dead letter, the positions that it names, and which letters a person means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from headwater.schemas.dead_letter import (
    ORIGINAL_TIMESTAMP_HEADER,
    REPLAY_FOR_HEADER,
    REPLAY_OF_HEADER,
    Reason,
    names_not_met,
)
from headwater.schemas.errors import FormatError

_POSITION = re.compile(r"([A-Za-z0-9._-]+)-(\d+)@(\d+)")


class Position(NamedTuple):
    """Where a record stands."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}-{self.partition}@{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """The position that is written `topic-partition@offset`.

        Raises:
            FormatError: it is not written so.
        """
        match = _POSITION.fullmatch(text)
        if match is None:
            raise FormatError(f"{text}: a position is topic-partition@offset, such as shop.purchases-2@17")
        return cls(match[1], int(match[2]), int(match[3]))


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """What is kept of an event that was not aggregated. See `headwater.schemas.dead_letter` for the fields."""

    position: Position
    event: Position
    reason: str
    detail: str
    generation: int
    record_timestamp_ms: int
    schema_id: int | None
    entity_key: bytes | None
    event_time_us: int | None
    value: bytes | None
    value_bytes: int
    value_sha256: str | None
    record_key: bytes | None
    headers: Mapping[str, bytes]

    @classmethod
    def of(cls, position: Position, fields: Mapping[str, Any]) -> DeadLetter:
        """The letter that stands at this position, from its Avro fields."""
        return cls(
            position=position,
            event=Position(fields["topic"], fields["partition"], fields["offset"]),
            reason=fields["reason"],
            detail=fields["detail"],
            generation=fields["generation"],
            record_timestamp_ms=fields["record_timestamp"],
            schema_id=fields["schema_id"],
            entity_key=fields["entity_key"],
            event_time_us=fields["event_time"],
            value=fields["value"],
            value_bytes=fields["value_bytes"],
            value_sha256=fields["value_sha256"],
            record_key=fields["record_key"],
            headers=fields["headers"],
        )

    @property
    def event_id(self) -> str:
        """What letters of one event have in common, whichever generation wrote them.

        The timestamp tells an event from one that has its place in a topic that was deleted and created anew.
        """
        topic, partition, offset = self.event
        return f"{topic}/{partition}/{offset}/{self.record_timestamp_ms}"

    @property
    def expectations(self) -> frozenset[str]:
        """The names of the expectations for which the event was rejected."""
        return names_not_met(self.reason, self.detail)

    @property
    def why_not_replayable(self) -> str | None:
        """Why the event cannot be sent again from this letter; None if it can."""
        if self.reason == Reason.LATE:
            return "a late event's letter keeps its position only"
        if self.reason == Reason.NULL_VALUE:
            return "the event has no value, which no replay can mend"
        if self.value is None:
            return "the event was too long to be kept"
        return None

    def replay_headers(self, view: str) -> list[tuple[str, str | bytes | None]]:
        """The headers of the event when it is sent again for the view: its own, and what it is a copy of."""
        told = {
            REPLAY_OF_HEADER: str(self.event).encode(),
            REPLAY_FOR_HEADER: view.encode(),
            ORIGINAL_TIMESTAMP_HEADER: str(self.record_timestamp_ms).encode(),
        }
        return list({**self.headers, **told}.items())


@dataclass(frozen=True, slots=True)
class Selection:
    """Which letters a person means; None or nothing leaves a choice open. Times are those of the events' records."""

    reasons: frozenset[str] = frozenset()
    expectation: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    schema_id: int | None = None
    topic: str | None = None
    partition: int | None = None
    generation: int | None = None

    def includes(self, letter: DeadLetter) -> bool:
        """Whether the letter is meant. `since` belongs to the span, `until` does not."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (self.expectation is None or self.expectation in letter.expectations)
            and (self.since_ms is None or letter.record_timestamp_ms >= self.since_ms)
            and (self.until_ms is None or letter.record_timestamp_ms < self.until_ms)
            and self.schema_id in (None, letter.schema_id)
            and self.topic in (None, letter.event.topic)
            and self.partition in (None, letter.event.partition)
            and self.generation in (None, letter.generation)
        )
