"""Which letters are done with: marks in a topic beside the letters.

A topic of letters cannot lose single records, and which letters were handled is no prefix of it, so that no consumer
group's offset could tell. Hence a compacted topic `<letters>_handled`: the key names the event, the value says what was
done. A mark outlives the letter, since a later generation of the view may write another letter of the same event.
"""

from __future__ import annotations

import io
import time
from typing import NamedTuple

from confluent_kafka.admin import AdminClient
from fastavro import parse_schema, schemaless_writer

from headwater.pipelines.dead_letters.committed_topic import CommittedTopic
from headwater.pipelines.dead_letters.framed_avro import FRAME, FramedAvro
from headwater.pipelines.dead_letters.letter import DeadLetter
from headwater.pipelines.registration import register_output
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.topics import TopicSpec, create_topics
from headwater.schemas.avro import without_logical_types
from headwater.schemas.contracts.output import Output
from headwater.schemas.dead_letter import HANDLED_SCHEMA
from headwater.schemas.errors import TopicError

REPLAYED = "replayed"
DROPPED = "dropped"

_PARSED = parse_schema(without_logical_types(HANDLED_SCHEMA))


class Mark(NamedTuple):
    """What was done about an event, and when."""

    action: str
    handled_at_ms: int


def marks_topic(letters_topic: str) -> TopicSpec:
    """The topic that holds the marks of a topic of letters."""
    return TopicSpec(f"{letters_topic}_handled", 1, {"cleanup.policy": "compact"})


def read_marks(settings: Settings, letters_topic: str) -> dict[str, Mark]:
    """The committed marks by event; none if nothing was ever handled.

    Raises:
        FormatError: the topic holds something else.
        BrokerError, RegistryError: the broker or the registry cannot be reached.
    """
    try:
        topic = CommittedTopic(settings, marks_topic(letters_topic).name)
    except TopicError:
        return {}
    avro = FramedAvro(Registry(settings), HANDLED_SCHEMA)
    marks: dict[str, Mark] = {}
    try:
        for message in topic.messages():
            event_id, value = bytes(message.key() or b"").decode(), message.value()
            if value is None:
                marks.pop(event_id, None)
            else:
                fields = avro.decode(value)
                marks[event_id] = Mark(fields["action"], fields["handled_at"])
    finally:
        topic.close()
    return marks


class MarkWriter:
    """Makes the values of marks; its topic and schema are there once it is made."""

    def __init__(self, settings: Settings, letters_topic: str) -> None:
        """
        Raises:
            TopicError, BrokerError: the topic cannot be created.
            ContractError, RegistryError: the schema cannot be registered.
        """
        self.topic = marks_topic(letters_topic).name
        with Registry(settings) as registry:
            self._schema_id = register_output(registry, Output(letters_topic, f"{self.topic}-value", HANDLED_SCHEMA))
        create_topics(AdminClient({**client_properties(settings), "log_level": 0}), [marks_topic(letters_topic)])

    def value(self, letter: DeadLetter, action: str) -> bytes:
        """The mark of a letter that is handled now."""
        buffer = io.BytesIO()
        buffer.write(FRAME.pack(0, self._schema_id))
        fields = {
            "action": action,
            "handled_at": time.time_ns() // 1_000_000,
            "letter_partition": letter.position.partition,
            "letter_offset": letter.position.offset,
        }
        schemaless_writer(buffer, _PARSED, fields)
        return buffer.getvalue()
