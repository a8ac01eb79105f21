"""Events that are sent at a set rate, whatever becomes of them: a process of its own, so that nothing delays it."""

from __future__ import annotations

import time
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from multiprocessing.queues import SimpleQueue

import numpy as np
import numpy.typing as npt
from confluent_kafka import Producer

from headwater.pipelines.bench.events import PARTITIONS, BenchEvents, Destination, EventShape
from headwater.schemas.errors import BrokerError

TICK_SECONDS = 0.005


def steady_events(shape: EventShape, start_us: int) -> BenchEvents:
    """Events in order, evenly spread over time from `start_us`: each happens when it shall be sent."""
    events = BenchEvents(shape, start_us)
    events.times_us = start_us + np.arange(shape.events, dtype=np.int64) * 1_000_000 // shape.per_second
    return events


class OpenLoop:
    """A process that sends each event when it happens, or as soon after as it can."""

    def __init__(self, shape: EventShape, start_us: int, destination: Destination) -> None:
        context = get_context("spawn")
        self._answer: SimpleQueue[npt.NDArray[np.float64] | str] = context.SimpleQueue()
        self._process: BaseProcess = context.Process(
            target=_send, args=(shape, start_us, destination, self._answer), daemon=True
        )

    def start(self) -> None:
        """Begins."""
        self._process.start()

    def finish(self) -> npt.NDArray[np.float64]:
        """Waits until all are sent; of each batch the place of its first event, and by how many ms that was late.

        Raises:
            BrokerError: the broker did not take all of them.
        """
        answer = self._answer.get()
        self._process.join()
        if isinstance(answer, str):
            raise BrokerError(answer)
        return answer

    def stop(self) -> None:
        """Ends it, if it has not ended by itself."""
        self._process.kill()
        self._process.join()


def _send(
    shape: EventShape,
    start_us: int,
    destination: Destination,
    answer: SimpleQueue[npt.NDArray[np.float64] | str],
) -> None:
    events = steady_events(shape, start_us)
    partitions = events.keys % (PARTITIONS - 1)
    producer = Producer(
        {
            "bootstrap.servers": destination.bootstrap_servers,
            "linger.ms": 2,
            "queue.buffering.max.messages": 2_000_000,
            "queue.buffering.max.kbytes": 1_000_000,
        }
    )
    sent, delays = 0, []
    while sent < shape.events:
        now_us = time.time_ns() // 1000
        due = min(shape.events, max(sent, (now_us - start_us) * shape.per_second // 1_000_000 + 1))
        if due > sent:
            delays.append((sent, (now_us - int(events.times_us[sent])) / 1000))
            values = events.values(destination.schema_id, sent, due)
            of = partitions[sent:due]
            for partition in range(PARTITIONS - 1):
                messages = [{"value": values[place]} for place in np.flatnonzero(of == partition).tolist()]
                if messages and producer.produce_batch(destination.topic, messages, partition=partition) < len(
                    messages
                ):
                    answer.put(f"{destination.topic}: the broker does not take {shape.per_second:,} events a second")
                    return
            sent = due
        producer.poll(0)
        time.sleep(TICK_SECONDS)
    left = producer.flush(60)
    answer.put(f"{destination.topic}: {left} events were not sent" if left else np.array(delays))
