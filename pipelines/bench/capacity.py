"""How much of what a load needs, from measured figures: the page of capacities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from headwater.pipelines.bench.figures import Figure
from headwater.pipelines.bench.report import Report, number, table, value

HEADROOM = 2.0
"""Freshness is measured at half of what can be drained; catching up after an outage takes the other half."""

HEAP_FACTOR = 3.0
"""Of a heap, the share that live state may fill so that a copying collector works: a rule of thumb, not a figure."""

PER_CORE = "full path a core, 5 windows, uniform"
ROWS = "rows of full path, 5 windows, uniform"
HEAP = "heap of a key"
REDIS_CPU = "Redis CPU of materializer, uniform"
MATERIALIZER_CPU = "client CPU of materializer, uniform"
REDIS_MEMORY = "Redis memory of a key, uniform"
LOG_BYTES = "row of the feature log"
ARCHIVE_CPU = "CPU of archive"
PARQUET = "Parquet"
EVENT_BYTES = 100

USED: Mapping[str, str] = {
    PER_CORE: "headwater bench drain --windows 5 --drawn uniform --keys 1000000 --heap 3072",
    ROWS: "headwater bench drain --windows 5 --drawn uniform --keys 1000000 --heap 3072",
    HEAP: "headwater bench scale",
    REDIS_CPU: "headwater bench online",
    MATERIALIZER_CPU: "headwater bench online",
    REDIS_MEMORY: "headwater bench online",
    LOG_BYTES: "headwater bench archive",
    ARCHIVE_CPU: "headwater bench archive",
    PARQUET: "headwater bench archive",
}
"""The figures that everything is derived from, and what measures each."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is to be borne."""

    name: str
    events_per_second: float
    keys: float


LOADS = (
    Load("a laptop", 1_000, 100_000),
    Load("one machine", 20_000, 1_000_000),
    Load("a small cluster", 200_000, 10_000_000),
    Load("a cluster", 1_000_000, 50_000_000),
)


@dataclass(frozen=True, slots=True)
class Need:
    """What a load needs; CPU in cores that are busy, of one view of five windows with six aggregates each."""

    job_cores: float
    heap_bytes: float
    rows_per_second: float
    kafka_in_bytes: float
    kafka_log_bytes: float
    materializer_cores: float
    redis_cores: float
    redis_bytes: float
    archive_cores: float
    parquet_bytes_per_day: float

    @property
    def gives_first(self) -> str:
        """The part that has no more than one core in a process, and is nearest to using it up; or past it."""
        parts = {
            "Redis, of which a shard has one thread": self.redis_cores,
            "the materializer, of which a partition has one": self.materializer_cores,
            "the archive, which is one process": self.archive_cores,
        }
        name = max(parts, key=lambda part: parts[part])
        return f"{name}: {number(parts[name])} cores"


def capacity_page(reports: Sequence[Report]) -> str:
    """The page, as Markdown; of what was not measured it says so, and how to."""
    figures = {figure.name: figure for report in reports for figure in report.figures}
    lines = [*HEAD, "## What it is derived from", "", *_basis(figures), "", *STEPS, "## What loads need", ""]
    if missing := [name for name in USED if name not in figures]:
        return "\n".join([*lines, f"Not known before these are measured: {', '.join(missing)}.", ""])
    return "\n".join([*lines, *_needs(figures), "", *LIMITS])


def need(load: Load, figures: Mapping[str, Figure]) -> Need:
    """What the load needs, by the figures of `USED`."""
    of = {name: figures[name].value for name in USED}
    rows = load.events_per_second * of[ROWS]
    return Need(
        job_cores=load.events_per_second / of[PER_CORE] * HEADROOM,
        heap_bytes=load.keys * of[HEAP] * HEAP_FACTOR,
        rows_per_second=rows,
        kafka_in_bytes=load.events_per_second * EVENT_BYTES,
        kafka_log_bytes=rows * of[LOG_BYTES],
        materializer_cores=rows * of[MATERIALIZER_CPU] / 1e6,
        redis_cores=rows * of[REDIS_CPU] / 1e6,
        redis_bytes=load.keys * of[REDIS_MEMORY],
        archive_cores=rows * of[ARCHIVE_CPU] / 1e6,
        parquet_bytes_per_day=rows * of[PARQUET] * 86_400,
    )


HEAD = (
    "# Capacity",
    "",
    "Made by `headwater bench report` from the figures in [results.md](results.md): one view of five windows with",
    "six aggregates each, about 100 bytes an event. Uniform keys are the worst case: nearly each event makes a row.",
    "Skewed keys make fewer, by the figure `rows of full path` of a Zipf run.",
    "",
)

STEPS = (
    "1. **Cores of the job** = events/s ÷ `full path a core` × 2: half stays free, to be fresh and to catch up.",
    "2. **Heap of the job** = keys × `heap of a key` × 3: a rule of thumb for the collector, which is not measured.",
    "3. **Rows/s** = events/s × `rows of full path`. Kafka takes 100 bytes an event, and a row's bytes for each row,",
    "   before compression, times the replicas.",
    "4. **Materializers, Redis, archive** = rows/s × their CPU a row. Redis needs its memory a key for each key.",
    "5. **What gives first** is the part that cannot use a second core without being divided.",
    "",
)

LIMITS = (
    "Beyond one core a Redis is divided into shards by partition of the log, and materializers by partition; the",
    "archive's rows can be divided among views only. More windows cost what `CPU of 20 windows / 1 window` says, and",
    "bytes a row. RocksDB takes the place of a heap that is too small, at the CPU that `drain --state rocksdb` shows.",
    "",
)


def _basis(figures: Mapping[str, Figure]) -> list[str]:
    rows = [
        (name, value(figures[name]) if name in figures else "not measured yet", f"`{command}`")
        for name, command in USED.items()
    ]
    return table(("figure", "value", "measured by"), rows)


def _needs(figures: Mapping[str, Figure]) -> list[str]:
    shown: tuple[tuple[str, Callable[[Load, Need], str]], ...] = (
        ("events/s", lambda load, _: number(load.events_per_second)),
        ("keys", lambda load, _: number(load.keys)),
        ("cores of the job", lambda _, needed: number(needed.job_cores)),
        ("heap of the job", lambda _, needed: _bytes(needed.heap_bytes)),
        ("rows/s", lambda _, needed: number(needed.rows_per_second)),
        ("Kafka, events", lambda _, needed: f"{_bytes(needed.kafka_in_bytes)}/s"),
        ("Kafka, feature log", lambda _, needed: f"{_bytes(needed.kafka_log_bytes)}/s"),
        ("cores of materializers", lambda _, needed: number(needed.materializer_cores)),
        ("cores of Redis", lambda _, needed: number(needed.redis_cores)),
        ("memory of Redis", lambda _, needed: _bytes(needed.redis_bytes)),
        ("cores of the archive", lambda _, needed: number(needed.archive_cores)),
        ("Parquet", lambda _, needed: f"{_bytes(needed.parquet_bytes_per_day)}/day"),
        ("gives first", lambda _, needed: needed.gives_first),
    )
    needs = [(load, need(load, figures)) for load in LOADS]
    rows = [[what, *(told(load, needed) for load, needed in needs)] for what, told in shown]
    return table(("", *(load.name for load in LOADS)), rows)


def _bytes(amount: float) -> str:
    for unit, size in (("TiB", 2**40), ("GiB", 2**30), ("MiB", 2**20)):
        if amount >= size:
            return f"{number(amount / size)} {unit}"
    return f"{number(amount / 2**10)} KiB"
