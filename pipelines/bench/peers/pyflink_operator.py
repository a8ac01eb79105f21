"""PyFlink: a keyed operator in Python with tiles of one hop, from which each window is merged when it closes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyflink.common import Row, Types
from pyflink.datastream import KeyedProcessFunction, RuntimeContext
from pyflink.datastream.state import ValueStateDescriptor
from pyflink.table import StreamTableEnvironment

from headwater.pipelines.bench.peers.flink_tables import submit
from headwater.pipelines.bench.peers.task import Task

_Tile = list[float]
_RESULT = Types.ROW_NAMED(
    ["user", "window_seconds", "end_seconds", "count", "sum", "mean", "min", "max", "stddev"],
    [Types.STRING(), Types.INT(), Types.LONG(), Types.LONG(), *[Types.DOUBLE()] * 5],
)


def build(tables: StreamTableEnvironment, task: Task) -> str:
    """The job, which is decoded and written by Flink's tables; its id."""
    events = tables.to_data_stream(tables.sql_query("SELECT `user`, `at`, amount, happened FROM events"))
    results = events.key_by(lambda event: event[0], Types.STRING()).process(_windows(task), _RESULT)
    statements = tables.create_statement_set()
    statements.add_insert("results", tables.from_data_stream(results))
    client = statements.execute().get_job_client()
    if client is None:
        raise RuntimeError("Flink submitted no job")
    return str(client.get_job_id())


def _windows(task: Task) -> KeyedProcessFunction:
    """The function. Its class is made here, so that Python sends the worker its code: that cannot import Headwater."""
    hop_ms, windows_ms = task.hop_seconds * 1000, [seconds * 1000 for seconds in task.windows_seconds]

    class Windows(KeyedProcessFunction):  # type: ignore[misc] # PyFlink is not typed
        """State of a key: its tiles by their end, and the end of the next window."""

        def open(self, runtime_context: RuntimeContext) -> None:
            self._state = runtime_context.get_state(ValueStateDescriptor("tiles", Types.PICKLED_BYTE_ARRAY()))

        def process_element(self, value: Any, ctx: KeyedProcessFunction.Context) -> None:
            at_ms, amount = value[1] // 1000, value[2]
            end_ms = at_ms - at_ms % hop_ms + hop_ms
            tiles: dict[int, _Tile] = self._state.value() or {}
            tile = tiles.get(end_ms)
            if tile is None:
                tiles[end_ms] = [1, amount, amount * amount, amount, amount]
                ctx.timer_service().register_event_time_timer(end_ms - 1)
            else:
                tile[0] += 1
                tile[1] += amount
                tile[2] += amount * amount
                tile[3] = min(tile[3], amount)
                tile[4] = max(tile[4], amount)
            self._state.update(tiles)

        def on_timer(self, timestamp: int, ctx: KeyedProcessFunction.OnTimerContext) -> Iterator[Row]:
            now_ms = timestamp + 1
            tiles = {end: tile for end, tile in self._state.value().items() if end > now_ms - max(windows_ms)}
            for window_ms in windows_ms:
                held = [tile for end, tile in tiles.items() if now_ms - window_ms < end <= now_ms]
                if held:
                    counts, totals, squares, least, greatest = zip(*held, strict=True)
                    count, total = int(sum(counts)), sum(totals)
                    mean = total / count
                    stddev = max(0.0, sum(squares) / count - mean * mean) ** 0.5
                    extremes = min(least), max(greatest)
                    yield Row(
                        ctx.get_current_key(), window_ms // 1000, now_ms // 1000, count, total, mean, *extremes, stddev
                    )
            if tiles:
                ctx.timer_service().register_event_time_timer(now_ms + hop_ms - 1)
                self._state.update(tiles)
            else:
                self._state.clear()

    return Windows()


if __name__ == "__main__":
    submit(build)
