"""A view's dead letters, or its late events, as they stand in their topic."""

from __future__ import annotations

from collections.abc import Iterator

from confluent_kafka import Message

from headwater.pipelines.dead_letters.committed_topic import CommittedTopic
from headwater.pipelines.dead_letters.framed_avro import FramedAvro
from headwater.pipelines.dead_letters.letter import DeadLetter, Position
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings
from headwater.schemas.dead_letter import DEAD_LETTER_SCHEMA
from headwater.schemas.errors import FormatError


class LettersTopic:
    """The letters that are committed when this is made; those that come later are not seen.

    Attributes:
        name: of the topic.
        unreadable: why records that the last pass met are no letters.
    """

    def __init__(self, settings: Settings, topic: str) -> None:
        """
        Raises:
            TopicError: the topic does not exist.
            BrokerError: the broker cannot be reached.
        """
        self.name = topic
        self.unreadable: list[str] = []
        self._topic = CommittedTopic(settings, topic)
        self._avro = FramedAvro(Registry(settings), DEAD_LETTER_SCHEMA)

    def __iter__(self) -> Iterator[DeadLetter]:
        """All letters, oldest first.

        Raises:
            BrokerError, RegistryError: the broker or the registry went away.
        """
        self.unreadable = []
        for message in self._topic.messages():
            letter = self._read(message)
            if letter is not None:
                yield letter

    def at(self, position: Position) -> list[DeadLetter]:
        """The letter at this position, or, if it is one of an event topic, the letters of the event that stands there.

        Raises:
            FormatError: there is none.
            BrokerError, RegistryError: the broker or the registry went away.
        """
        self.unreadable = []
        if position.topic != self.name:
            found = [letter for letter in self if letter.event == position]
            if not found:
                raise FormatError(f"{self.name} has no letter of an event at {position}; `list` shows what it has")
            return found
        message = self._topic.message(position.partition, position.offset)
        if message is None:
            raise FormatError(f"no committed letter stands at {position}; `list` shows where they stand")
        letter = self._read(message)
        if letter is None:
            raise FormatError(self.unreadable[0])
        return [letter]

    def close(self) -> None:
        """Let go of the broker."""
        self._topic.close()

    def _read(self, message: Message) -> DeadLetter | None:
        position = Position(self.name, message.partition() or 0, message.offset() or 0)
        try:
            return DeadLetter.of(position, self._avro.decode(message.value()))
        except FormatError as error:
            self.unreadable.append(f"{position} is no dead letter: {error}")
            return None
