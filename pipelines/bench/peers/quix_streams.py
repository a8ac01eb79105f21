"""Quix Streams: hopping windows of a StreamingDataFrame, with exactly-once processing."""

from __future__ import annotations

from typing import Any

from quixstreams import Application
from quixstreams.dataframe.windows.aggregations import Aggregator
from quixstreams.models.serializers import Deserializer

from headwater.pipelines.bench.peers.task import Event, Stopwatch, Task, decoder, result

QUIET_SECONDS = 3.0

_State = tuple[int, float, float, float, float]


class Six(Aggregator):  # type: ignore[misc] # Quix is not installed here
    """All six aggregates in one state, so that a window is read and written once for each event."""

    def initialize(self) -> _State:
        return 0, 0.0, 0.0, float("inf"), float("-inf")

    def agg(self, old: _State, new: float, timestamp: int) -> _State:  # noqa: ARG002 - Quix's signature
        count, total, squares, least, greatest = old
        return count + 1, total + new, squares + new * new, min(least, new), max(greatest, new)

    def result(self, value: _State) -> _State:
        return value


class Decoded(Deserializer):  # type: ignore[misc]
    """Events from framed Avro."""

    def __init__(self, task: Task, watch: Stopwatch) -> None:
        super().__init__()
        self._watch = watch
        self._decode = decoder(task)

    def __call__(self, value: bytes, ctx: Any) -> Event:  # noqa: ARG002 - Quix's signature
        self._watch.event()
        return self._decode(value)


def run(task: Task) -> None:
    """Reads all events, and tells what that took."""
    watch = Stopwatch(task.events)
    app = Application(
        broker_address=task.bootstrap_servers,
        consumer_group=task.results,
        auto_offset_reset="earliest",
        processing_guarantee="exactly-once",
        commit_interval=task.checkpoint_seconds,
        state_dir=task.state_directory,
        loglevel="WARNING",
    )
    source = app.topic(
        task.topic,
        value_deserializer=Decoded(task, watch),
        timestamp_extractor=lambda event, *_: event[1] // 1000,
    )
    results = app.topic(task.results, value_serializer="str", key_serializer="bytes")
    amounts = app.dataframe(source).apply(lambda event: event[2])
    grace_ms = task.lateness_seconds * 1000
    for seconds in task.windows_seconds:
        windows = amounts.hopping_window(seconds * 1000, task.hop_seconds * 1000, grace_ms, name=f"over_{seconds}")
        final = windows.agg(six=Six()).final(closing_strategy="partition")
        final.apply(
            lambda found, key, *_, seconds=seconds: result(
                key.decode(), seconds, found["end"] // 1000, tuple(found["six"])
            ),
            metadata=True,
        ).to_topic(results)
    app.run(timeout=QUIET_SECONDS)
    watch.tell(idle_seconds=QUIET_SECONDS)


if __name__ == "__main__":
    run(Task.read())
