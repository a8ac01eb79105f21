"""Bytewax: sliding windows of a dataflow, with recovery."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bytewax.operators as op
from bytewax._bytewax import cli_main
from bytewax.connectors.kafka import KafkaSink, KafkaSinkMessage, KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.operators.windowing import EventClock, SlidingWindower, fold_window
from bytewax.recovery import RecoveryConfig, init_db_dir

from headwater.pipelines.bench.peers.task import Event, Stopwatch, Task, Totals, decoder

BATCH = 1000
ALIGN_TO = datetime(1970, 1, 1, tzinfo=UTC)


def run(task: Task) -> None:
    """Reads all events, and tells what that took."""
    watch = Stopwatch(task.events)
    recovery = Path(task.state_directory)
    recovery.mkdir(parents=True, exist_ok=True)
    init_db_dir(recovery, 1)
    cli_main(
        _flow(task, watch),
        epoch_interval=timedelta(seconds=task.checkpoint_seconds),
        recovery_config=RecoveryConfig(recovery),
    )
    watch.tell()


def _flow(task: Task, watch: Stopwatch) -> Dataflow:
    decode = decoder(task)

    def keyed(message: Any) -> tuple[str, Event]:
        watch.event()
        event = decode(message.value)
        return event[0], event

    flow = Dataflow("peer")
    source = KafkaSource([task.bootstrap_servers], [task.topic], tail=False, batch_size=BATCH)
    events = op.map("decode", op.input("events", flow, source), keyed)
    clock = EventClock(
        lambda event: datetime.fromtimestamp(event[1] / 1e6, UTC),
        wait_for_system_duration=timedelta(seconds=task.lateness_seconds),
    )
    for seconds in task.windows_seconds:
        windower = SlidingWindower(timedelta(seconds=seconds), timedelta(seconds=task.hop_seconds), ALIGN_TO)
        windows = fold_window(f"over_{seconds}", events, clock, windower, Totals, _add, _merged, ordered=False)
        results = op.map(f"results_{seconds}", windows.down, _result(task, seconds))
        op.output(f"output_{seconds}", results, KafkaSink([task.bootstrap_servers], task.results))
    return flow


def _add(totals: Totals, event: Event) -> Totals:
    totals.add(event[2])
    return totals


def _merged(one: Totals, other: Totals) -> Totals:
    one.merge(other)
    return one


def _result(task: Task, seconds: int) -> Any:
    """Windows are numbered by their start, in hops since 1970."""

    def made(found: tuple[str, tuple[int, Totals]]) -> KafkaSinkMessage[bytes, bytes]:
        user, (number, totals) = found
        end_seconds = number * task.hop_seconds + seconds
        return KafkaSinkMessage(user.encode(), totals.result(user, seconds, end_seconds).encode())

    return made


if __name__ == "__main__":
    run(Task.read())
