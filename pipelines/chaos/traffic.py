"""Sends rides at a steady rate, whatever else goes on; pauses, repeats itself and changes its schema when told."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from headwater.pipelines.chaos.rides import SUBJECT, WRONG_SCHEMA, WRONG_SUBJECT, Record, Rides, schema_of
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings, client_properties
from headwater.schemas.dead_letter import Reason
from headwater.schemas.errors import BrokerError

TICK_SECONDS = 0.02
FLUSH_SECONDS = 60.0
Delivered = Callable[[KafkaError | None, Message], None]
PARTITIONS_KNOWN_FOR_MS = 3_000
WHERE_ITS_KEY_LEADS = -1


class Traffic:
    """A producer thread that can be started and stopped.

    Attributes:
        topic: where the rides go.
        sent: records that were handed to the producer.
        poison: by partition and offset, for what a record that the broker took must be rejected.
        copies: how often each record is sent.
        only: partitions that records go to in turn; each where its key leads, if there are none.
    """

    def __init__(self, settings: Settings, topic: str, *, seed: int, drivers: int, rate: int) -> None:
        with Registry(settings) as registry:
            ids = {
                "v1": registry.register(SUBJECT, schema_of("v1")),
                "v2": registry.register(SUBJECT, schema_of("v2")),
                "wrong": registry.register(WRONG_SUBJECT, WRONG_SCHEMA),
            }
        self.topic = topic
        self.sent = 0
        self.copies = 1
        self.only: tuple[int, ...] = ()
        self.poison: dict[tuple[int, int], Reason] = {}
        self._rides = Rides(seed, drivers, ids)
        self._rate = rate
        self._producer = Producer(
            {
                **client_properties(settings),
                "linger.ms": 5,
                "enable.idempotence": True,
                "topic.metadata.refresh.interval.ms": PARTITIONS_KNOWN_FOR_MS,
                "log_level": 0,
            }
        )
        self._stopping, self._paused = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self._trouble: str | None = None

    def start(self) -> None:
        """Begins to send."""
        self._thread.start()

    def pause(self) -> None:
        """Sends nothing until `resume`."""
        self._paused.set()

    def resume(self) -> None:
        """Goes on after a pause."""
        self._paused.clear()

    def change_schema(self) -> None:
        """From now on events have the next version of their schema."""
        self._rides.version = "v2"

    def shuffle(self, *, shuffled: bool) -> None:
        """From now on the order of events is left to chance, or again nearly that of their times."""
        self._rides.is_shuffled = shuffled

    def stop(self) -> None:
        """Ends it, and waits until the broker has all of them.

        Raises:
            BrokerError: the broker did not take them.
        """
        self._stopping.set()
        self._thread.join()
        left = self._producer.flush(FLUSH_SECONDS)
        if left or self._trouble:
            raise BrokerError(f"rides could not be sent: {self._trouble or f'{left} are left after {FLUSH_SECONDS} s'}")

    def _run(self) -> None:
        due, before = 0.0, time.monotonic()
        while not self._stopping.wait(TICK_SECONDS):
            now = time.monotonic()
            due, before = due + (now - before) * self._rate, now
            if self._paused.is_set():
                due = 0.0
            while due >= 1 and self._trouble is None:
                self._send(self._rides.next(time.time_ns() // 1000))
                due -= 1
            self._producer.poll(0)

    def _send(self, record: Record) -> None:
        def delivered(error: KafkaError | None, message: Message) -> None:
            if error is not None:
                self._trouble = error.str()
            elif record.poison is not None:
                self.poison[message.partition() or 0, message.offset() or 0] = record.poison

        for _ in range(self.copies):
            while not self._offer(record, delivered):
                self._producer.poll(0.1)
            self.sent += 1

    def _offer(self, record: Record, delivered: Delivered) -> bool:
        only = self.only
        partition = only[self.sent % len(only)] if only else WHERE_ITS_KEY_LEADS
        try:
            self._producer.produce(self.topic, record.value, record.key, partition, on_delivery=delivered)
        except BufferError:
            return False
        except KafkaException as error:
            self._trouble = str(error)
        return True
