"""One passage over a view's event topics for the events of a few keys: once for all of them, at a bounded speed."""

from __future__ import annotations

import json
import math
import random
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from headwater.operators.reference import ReferenceEvent
from headwater.operators.reference_events import EventReader, SourceRecord
from headwater.pipelines.backoff import StopRequested
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.watch.key_filter import KeyFilter
from headwater.schemas.dead_letter import Reason
from headwater.schemas.errors import BrokerError, ExpectationError, TopicError
from headwater.schemas.plan import Plan

BROKER_TIMEOUT_SECONDS = 10.0
PATIENCE_SECONDS = 30.0
"""For so long the broker may give nothing before the end of what is committed is reached."""

MOST_EVENTS_OF_A_KEY = 100_000
KEYS_IN_PASSING = 200
DECODED_IN_PASSING = 1_000
"""Of so many records one is decoded to learn of a key that the online store may lack."""

_BATCH = 1_000
_END_OF_PARTITION = KafkaError._PARTITION_EOF  # noqa: SLF001 - the client's name for it

Place = tuple[int, int]
"""Number of the plan's source, and partition."""

Ends = Mapping[Place, int]


class SourceScan:
    """Reads on from a time, and keeps the events of the keys; use it as a context.

    Every call raises BrokerError or RegistryError if the service cannot be used, and StopRequested if the process shall
    end.

    Attributes:
        events: of each key, in the order in which they were read.
        too_many: keys with more than MOST_EVENTS_OF_A_KEY, whose events were dropped.
        passed: keys of other events, a few at random.
        bytes_read: of all records.
    """

    def __init__(
        self, settings: Settings, plan: Plan, keys: Sequence[bytes], since_ms: int, stop: threading.Event
    ) -> None:
        """
        Args:
            since_ms: the earliest Kafka timestamp that is read.
        """
        self._settings = settings
        self._plan = plan
        self._since_ms = since_ms
        self._stop = stop
        self._filter = KeyFilter(plan, keys)
        self._registry = Registry(settings)
        self._reader = EventReader(plan, self._schema)
        self._source_of = {source.topic: index for index, source in enumerate(plan.sources)}
        self._random = random.Random()  # noqa: S311 - a sample, no secret
        self._began = time.monotonic()
        self._positions: dict[Place, int] = {}
        self.events: dict[bytes, list[ReferenceEvent]] = {key: [] for key in keys}
        self.too_many: set[bytes] = set()
        self.passed: dict[bytes, None] = {}
        self.bytes_read = 0

    def __enter__(self) -> SourceScan:
        self._consumer = Consumer(_properties(self._settings))
        return self

    def __exit__(self, *_: object) -> None:
        self._consumer.close()

    def start(self) -> bool:
        """Goes to the first records that may matter; False if the broker has deleted some of them.

        Raises:
            TopicError: a topic does not exist.
        """
        try:
            assigned, is_whole = [], True
            for index, source in enumerate(self._plan.sources):
                for partition in self._partitions(source.topic):
                    place = TopicPartition(source.topic, partition)
                    first, _ = self._bounds(place)
                    offset = self._offset_at(place)
                    is_whole = is_whole and (first == 0 or offset > first or self._keeps_enough(source.topic))
                    self._positions[index, partition] = offset
                    assigned.append(TopicPartition(source.topic, partition, offset))
            self._consumer.assign(assigned)
        except KafkaException as error:
            raise BrokerError(f"the event topics cannot be read: {error.args[0].str()}") from error
        return is_whole

    def ends(self) -> Ends:
        """Where everything that is committed ends now."""
        try:
            return {
                (source, partition): self._bounds(TopicPartition(self._plan.sources[source].topic, partition))[1]
                for source, partition in self._positions
            }
        except KafkaException as error:
            raise BrokerError(f"the ends of the event topics cannot be read: {error.args[0].str()}") from error

    def read_to(self, ends: Ends, most_bytes: float = math.inf) -> bool:
        """Reads on to these ends; False if that would be more than so many bytes since the start."""
        heard = time.monotonic()
        while any(position < ends[place] for place, position in self._positions.items()):
            if self.bytes_read > most_bytes:
                return False
            for message in self._consumer.consume(_BATCH, 0.5):
                self._take(message)
                heard = time.monotonic()
            if time.monotonic() > heard + PATIENCE_SECONDS:
                raise BrokerError(f"the event topics cannot be read on: nothing came for {PATIENCE_SECONDS:.0f} s")
            self._keep_pace()
        return True

    def _take(self, message: Message) -> None:
        error, partition, offset = message.error(), message.partition() or 0, message.offset() or 0
        source = self._source_of[message.topic() or ""]
        if error is None:
            self._positions[source, partition] = offset + 1
            self._look_at(source, message)
        elif error.code() == _END_OF_PARTITION:
            # Behind the last record may stand control records, which only this tells of.
            self._positions[source, partition] = max(offset, self._positions[source, partition])
        else:
            raise BrokerError(f"{message.topic()} cannot be read: {error.str()}")

    def _look_at(self, source: int, message: Message) -> None:
        value = message.value() or b""
        self.bytes_read += len(value)
        in_passing = self._random.random() * DECODED_IN_PASSING < 1 and len(self.passed) < KEYS_IN_PASSING
        if not in_passing and not self._filter.may_hold(source, value):
            return
        record = SourceRecord(message.value(), message.timestamp()[1], message.partition() or 0, message.offset() or 0)
        try:
            found = self._reader.read(source, record)
        except ExpectationError:
            return  # the job stops at this record as well
        for key, event in [] if isinstance(found, Reason) else found:
            if key in self.events:
                self._keep(key, event)
            elif in_passing:
                self.passed[key] = None

    def _keep(self, key: bytes, event: ReferenceEvent) -> None:
        if len(self.events[key]) >= MOST_EVENTS_OF_A_KEY:
            self.too_many.add(key)
            self.events[key] = []
        if key not in self.too_many:
            self.events[key].append(event)

    def _keep_pace(self) -> None:
        ahead = self.bytes_read / self._settings.watch_reference_bytes_per_second - (time.monotonic() - self._began)
        if self._stop.wait(max(0.0, ahead)):
            raise StopRequested("event_topics")

    def _partitions(self, topic: str) -> list[int]:
        found = self._consumer.list_topics(topic, BROKER_TIMEOUT_SECONDS).topics[topic]
        if found.error is not None:
            raise TopicError(f"topic {topic} cannot be read: {found.error.str()}")
        return sorted(found.partitions)

    def _bounds(self, place: TopicPartition) -> tuple[int, int]:
        bounds: tuple[int, int] = self._consumer.get_watermark_offsets(place, BROKER_TIMEOUT_SECONDS, cached=False)
        return bounds

    def _offset_at(self, place: TopicPartition) -> int:
        asked = TopicPartition(place.topic, place.partition, max(0, self._since_ms))
        (found,) = self._consumer.offsets_for_times([asked], BROKER_TIMEOUT_SECONDS)
        return found.offset if found.offset >= 0 else self._bounds(place)[1]

    def _keeps_enough(self, topic: str) -> bool:
        """Whether the topic only ever deletes what is older than what is read."""
        admin = AdminClient({**client_properties(self._settings), "log_level": 0})
        (asked,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
        config = {name: entry.value for name, entry in asked.result(BROKER_TIMEOUT_SECONDS).items()}
        age_ms = int(config["retention.ms"] or -1)
        keeps_by_age = age_ms < 0 or age_ms >= time.time() * 1000 - self._since_ms
        return keeps_by_age and int(config["retention.bytes"] or -1) < 0 and config["cleanup.policy"] == "delete"

    def _schema(self, schema_id: int) -> Mapping[str, Any] | None:
        text = self._registry.schema_text(schema_id)
        if text is None:
            return None
        schema: Mapping[str, Any] = json.loads(text)
        return schema


def _properties(settings: Settings) -> dict[str, str | int | float | bool | None]:
    """Of a consumer that belongs to no group and leaves no trace in Kafka."""
    return {
        "log_level": 0,  # what goes wrong comes as an error, and is said once
        "queued.max.messages.kbytes": 16_384,
        **client_properties(settings),
        "group.id": f"headwater-watch-{uuid.uuid4()}",
        "client.id": f"headwater-watch-{settings.instance}",
        "isolation.level": "read_committed",
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "enable.partition.eof": True,
    }
