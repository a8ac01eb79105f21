"""Sends purchases to the shop's topic: a day of history first, then live ones at a steady rate."""

from __future__ import annotations

import threading
import time

from confluent_kafka import KafkaException, Producer

from headwater.pipelines.contracts import BUNDLED, find_contract
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.shop.purchases import SUBJECT, TOPIC, Purchase, Purchases
from headwater.schemas.errors import BrokerError

DAY_MS = 86_400_000
HISTORY_ENDS_BEFORE_MS = 60_000
TICK_SECONDS = 0.01
FLUSH_SECONDS = 30.0


class Traffic:
    """The shop's customers, as a producer thread that can be started and stopped."""

    def __init__(self, settings: Settings, *, seed: int, customers: int, rate: int) -> None:
        with Registry(settings) as registry:
            schema_id = registry.register(SUBJECT, find_contract(SUBJECT, [BUNDLED]).newest)
        self._purchases = Purchases(seed, customers, schema_id)
        self._rate = rate
        self._producer = Producer({**client_properties(settings), "linger.ms": 5, "enable.idempotence": True})
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)
        self._trouble: Exception | None = None
        self.sent = 0

    def send_history(self, count: int) -> None:
        """Sends this many purchases of the last day as fast as the broker takes them, and waits for it.

        Raises:
            BrokerError: the broker did not take them.
        """
        now_ms = int(time.time() * 1000)
        for purchase in self._purchases.history(count, now_ms - DAY_MS, now_ms - HISTORY_ENDS_BEFORE_MS):
            self._send(purchase)
        self._flush()

    def start(self) -> None:
        """Begins to send live purchases."""
        self._thread.start()

    def stop(self) -> None:
        """Ends it, and waits until the broker has all of them.

        Raises:
            BrokerError: the broker did not take them.
        """
        self._stopping.set()
        self._thread.join()
        if self._trouble is not None:
            raise BrokerError(f"purchases could not be sent: {self._trouble}") from self._trouble
        self._flush()

    def _run(self) -> None:
        started, sent = time.monotonic(), 0
        try:
            while not self._stopping.wait(TICK_SECONDS):
                due = int((time.monotonic() - started) * self._rate)
                for _ in range(due - sent):
                    self._send(self._purchases.live(int(time.time() * 1000)))
                sent = due
        except (KafkaException, BufferError) as error:
            self._trouble = error

    def _send(self, purchase: Purchase) -> None:
        while True:
            try:
                self._producer.produce(TOPIC, purchase.value, purchase.customer_id.encode())
                break
            except BufferError:
                self._producer.poll(0.1)
        self._producer.poll(0)
        self.sent += 1

    def _flush(self) -> None:
        if left := self._producer.flush(FLUSH_SECONDS):
            raise BrokerError(f"the broker did not take {left} purchases within {FLUSH_SECONDS:.0f} s")
