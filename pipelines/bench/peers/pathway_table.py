"""Pathway: sliding windows of a table, each given out once when it closes."""

from __future__ import annotations

from typing import Any

import pathway as pw

from headwater.pipelines.bench.peers.task import Stopwatch, Task, decoder, result

COMMIT_MS = 1000


def run(task: Task) -> None:
    """Reads all events, and tells what that took; does not end by itself."""
    watch, decode = Stopwatch(task.events), decoder(task)

    def decoded(value: bytes) -> tuple[str, int, float]:
        watch.event()
        user, at_us, amount = decode(value)
        return user, at_us // 1_000_000, amount

    raw = pw.io.kafka.read(
        {"bootstrap.servers": task.bootstrap_servers, "group.id": task.results, "auto.offset.reset": "earliest"},
        topic=task.topic,
        format="raw",
        autocommit_duration_ms=COMMIT_MS,
    )
    event = raw.select(event=pw.apply_with_type(decoded, tuple[str, int, float], pw.this.data))
    events = event.select(user=pw.this.event[0], at=pw.this.event[1], amount=pw.this.event[2])
    events = events.with_columns(square=pw.this.amount * pw.this.amount)
    lines = [_results(events, task, seconds) for seconds in task.windows_seconds]
    table = lines[0].concat_reindex(*lines[1:]) if len(lines) > 1 else lines[0]
    pw.io.kafka.write(table, {"bootstrap.servers": task.bootstrap_servers}, task.results, format="plaintext")

    def at_end(_time: int) -> None:
        """Of a batch; each tells anew, and the first that has all events counts."""
        if watch.has_all:
            watch.tell()

    pw.io.subscribe(table, on_change=lambda *_, **__: None, on_time_end=at_end)
    pw.run(monitoring_level=pw.MonitoringLevel.NONE)


def _results(events: Any, task: Task, seconds: int) -> Any:
    windows = events.windowby(
        events.at,
        window=pw.temporal.sliding(hop=task.hop_seconds, duration=seconds, origin=0),
        instance=events.user,
        behavior=pw.temporal.exactly_once_behavior(shift=task.lateness_seconds),
    )
    found = windows.reduce(
        user=pw.this._pw_instance,  # noqa: SLF001 - Pathway's own names of what a window is of
        end=pw.this._pw_window_end,  # noqa: SLF001
        count=pw.reducers.count(),
        total=pw.reducers.sum(pw.this.amount),
        squares=pw.reducers.sum(pw.this.square),
        least=pw.reducers.min(pw.this.amount),
        greatest=pw.reducers.max(pw.this.amount),
    )

    def line(user: str, end: int, count: int, total: float, squares: float, least: float, greatest: float) -> str:
        return result(user, seconds, end, (count, total, squares, least, greatest))

    this = pw.this
    numbers = (this.count, this.total, this.squares, this.least, this.greatest)
    return found.select(line=pw.apply_with_type(line, str, this.user, this.end, *numbers))


if __name__ == "__main__":
    run(Task.read())
