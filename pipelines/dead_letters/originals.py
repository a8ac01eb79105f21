"""Late events as they still stand in their topics: the letters of those keep only where that is."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from headwater.pipelines.dead_letters.committed_topic import CommittedTopic
from headwater.pipelines.dead_letters.letter import DeadLetter
from headwater.pipelines.settings import Settings
from headwater.schemas.dead_letter import Reason
from headwater.schemas.errors import TopicError


def with_original(letter: DeadLetter, settings: Settings) -> DeadLetter:
    """The letter, that of a late event with the value, key and headers of the event; unchanged if its topic lost it.

    Raises:
        BrokerError: the broker cannot be reached.
    """
    if letter.reason != Reason.LATE:
        return letter
    try:
        topic = CommittedTopic(settings, letter.event.topic)
    except TopicError:
        return letter
    try:
        message = topic.message(letter.event.partition, letter.event.offset)
    finally:
        topic.close()
    # Another timestamp is that of another event, in a topic that was deleted and created anew.
    if message is None or message.timestamp()[1] != letter.record_timestamp_ms:
        return letter
    value, headers = message.value(), cast("list[tuple[str, bytes | None]]", message.headers() or [])
    return replace(
        letter,
        value=value,
        value_bytes=len(value or b""),
        record_key=message.key(),
        headers={name: content or b"" for name, content in headers},
    )
