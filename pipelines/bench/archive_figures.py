"""The figures of `headwater bench archive`, their goals and their conditions."""

from __future__ import annotations

from headwater.pipelines.archive import MOST_BYTES_IN_HAND
from headwater.pipelines.bench.archive import WAYS, Archived
from headwater.pipelines.bench.figures import Figure

SHARE_GOAL = ">= 0.8"
RATE_GOAL = ">= 150000"


def figures_of(found: Archived) -> list[Figure]:
    """The figures of a log that was archived."""
    conditions = (
        f"{found.shape.text()}, {found.log_bytes_per_row:.0f} bytes each, a log of 4 partitions read from its start;"
        f" one process, commits of {MOST_BYTES_IN_HAND // 2**20} MiB of Arrow, Parquet with ZSTD on a local disk;"
        f" medians of {found.repeats} runs in turn, from the first rows to the last; CPU is all of the process's; each"
        " record stood in the table once, and every key's newest row was the log's"
    )
    figures = []
    for way in WAYS:
        cost = found.by_way[way]
        goal = RATE_GOAL if way == "archive" else None
        figures += [
            Figure(f"rows by {way}", cost.rows_per_second, "rows/s", goal, conditions),
            Figure(f"CPU of {way}", cost.cpu_us_per_row, "us per row", None, conditions),
        ]
    archive, decode = found.by_way["archive"], found.by_way["consume + decode"]
    return [
        *figures,
        Figure(
            "archive / consume + decode",
            archive.rows_per_second / decode.rows_per_second,
            "of rows/s",
            SHARE_GOAL,
            conditions,
        ),
        Figure(
            "archive / consume + decode at equal CPU",
            decode.cpu_us_per_row / archive.cpu_us_per_row,
            "of rows",
            None,
            conditions,
        ),
        Figure("row of the feature log", found.log_bytes_per_row, "bytes", None, conditions),
        Figure("Parquet", found.parquet_bytes_per_row, "bytes per row", None, conditions),
    ]
