"""The figures of `headwater bench online`, their goals and their conditions."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.pipelines.bench.figures import Figure
from headwater.pipelines.bench.online import PIPELINE_ROWS, WRITERS, Reads, Writes
from headwater.pipelines.bench.stream import Distribution

WRITE_GOALS: dict[Distribution, str] = {"uniform": ">= 0.6", "Zipf 1.1": ">= 1.0"}
READ_GOALS = {100: "<= 1.5"}


def figures_of(found: Sequence[Writes | Reads]) -> list[Figure]:
    """The figures of writes and reads, in their order."""
    return [figure for each in found for figure in (_written(each) if isinstance(each, Writes) else _read(each))]


def _written(writes: Writes) -> list[Figure]:
    drawn = writes.shape.distribution
    conditions = (
        f"{writes.shape.text()}, {writes.bytes_per_row:.0f} bytes each, a log of 4 partitions read from its start;"
        f" SET by pipelines of {PIPELINE_ROWS}, without a fence, of every row of the log in its order; Redis writes its"
        f" append-only file each second; medians of {writes.repeats} runs in turn; CPU of Redis is all that it used,"
        " rows/s are from the first rows to the last, so without the process's start; every key held its row of the"
        " greatest version after each run"
    )
    figures = []
    for writer in WRITERS:
        write = writes.by_writer[writer]
        name = f"{writer}, {drawn}"
        figures += [
            Figure(f"rows by {name}", write.rows_per_second, "rows/s", None, conditions),
            Figure(f"Redis CPU of {name}", write.redis_cpu_us_per_row, "us per row", None, conditions),
            Figure(f"client CPU of {name}", write.client_cpu_us_per_row, "us per row", None, conditions),
        ]
    return [
        *figures,
        Figure(f"Redis memory of a key, {drawn}", writes.redis_bytes_per_key, "bytes", None, conditions),
        Figure(
            f"SET / materializer by Redis CPU, {drawn}",
            writes.share_by_redis_cpu("SET"),
            "of rows",
            WRITE_GOALS[drawn],
            conditions,
        ),
        Figure(
            f"SET with expiry / materializer by Redis CPU, {drawn}",
            writes.share_by_redis_cpu("SET with expiry"),
            "of rows",
            None,
            conditions,
        ),
    ]


def _read(reads: Reads) -> list[Figure]:
    conditions = (
        f"{reads.calls} calls of each in turn, keys drawn uniformly from those that are there; 30 features, decoded,"
        " with status; what is read of every key was its row of the greatest version"
    )
    keys = f"{reads.keys} key{'s' if reads.keys > 1 else ''}"
    figures = []
    for who, latency in (("reader", reads.reader), ("bare MGET", reads.bare)):
        figures += [
            Figure(f"{who}, {keys}, p50", latency.p50_ms, "ms", None, conditions),
            Figure(f"{who}, {keys}, p99", latency.p99_ms, "ms", None, conditions),
            Figure(f"{who}, {keys}, client CPU", latency.cpu_us, "us per call", None, conditions),
        ]
    ratio = reads.reader.p50_ms / reads.bare.p50_ms
    return [*figures, Figure(f"reader / MGET, {keys}, p50", ratio, "ratio", READ_GOALS.get(reads.keys), conditions)]
