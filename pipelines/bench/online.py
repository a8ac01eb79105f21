"""What the online store costs: rows that the materializer writes beside plain SETs, reads beside a bare MGET."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple, cast

import numpy as np
from fastavro import parse_schema, schemaless_reader
from redis import Redis

from headwater.pipelines.bench.log_rows import LoggedRow, LogShape, log_rows, newest_values, prepare_log, write_log
from headwater.pipelines.bench.servers import Servers, cpu_seconds
from headwater.pipelines.bench.views import WINDOWS, windows_view
from headwater.pipelines.online_store import connect, partition_keys
from headwater.pipelines.reader import OnlineReader, Status
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.process import RunningProcess
from headwater.schemas.avro import without_logical_types
from headwater.schemas.errors import VerificationError
from headwater.schemas.feature_log import VERSION_BYTES
from headwater.schemas.keys import KeyValue, decode_key
from headwater.schemas.plan import Plan

PIPELINE_ROWS = 500
POLL_SECONDS = 0.02
ARRIVAL_SECONDS = 600.0
SEED = 37

_ROW_START = VERSION_BYTES + 5
_CHUNK = 1000

Progress = Callable[[str, int, int], None]
Writer = str
WRITERS: tuple[Writer, ...] = ("materializer", "SET", "SET with expiry")


class Write(NamedTuple):
    """What it took to bring a log's rows into Redis; `rows_per_second` from the first rows to the last."""

    rows_per_second: float
    redis_cpu_us_per_row: float
    client_cpu_us_per_row: float


class Latency(NamedTuple):
    """Of one read, in milliseconds; and the CPU that the reading process uses for it, in microseconds."""

    p50_ms: float
    p99_ms: float
    cpu_us: float


@dataclass(frozen=True, slots=True)
class Writes:
    """One log, written by each of the writers in turn; medians."""

    shape: LogShape
    bytes_per_row: float
    redis_bytes_per_key: float
    repeats: int
    by_writer: Mapping[Writer, Write]

    def share_by_redis_cpu(self, baseline: Writer) -> float:
        """What Redis needs for the baseline's rows, of what it needs for the materializer's."""
        return self.by_writer[baseline].redis_cpu_us_per_row / self.by_writer["materializer"].redis_cpu_us_per_row


@dataclass(frozen=True, slots=True)
class Reads:
    """Reads of so many keys at once by the reader, and the bare MGET of the same keys, in turn."""

    keys: int
    calls: int
    reader: Latency
    bare: Latency


def measure(
    servers: Servers, shapes: Sequence[LogShape], windows: int, repeats: int, calls: int, progress: Progress
) -> Iterator[Writes | Reads]:
    """The writes of each log, and at last reads of 1 and of 100 keys.

    Raises:
        VerificationError: what stands in Redis, or what is read from it, is not the row of the greatest version.
        BrokerError, RegistryError, StackError: a server failed.
    """
    with servers.redis() as redis_process:
        settings = servers.settings(log_level="warning")
        client = connect(settings.redis_url)
        client.config_set("auto-aof-rewrite-percentage", 0)  # a rewrite in the midst of one run would be its alone
        for number, shape in enumerate(shapes):
            plan = windows_view(f"bench.rows{number}", WINDOWS[windows])
            schema_id = prepare_log(settings, plan)
            rows = log_rows(plan, schema_id, shape, lambda done, shape=shape: progress("making rows", done, shape.rows))  # type: ignore[misc]
            progress("writing the log", 0, 0)
            store = _Store(servers, settings, client, redis_process, plan, rows, write_log(settings, plan, rows))
            yield store.writes(shape, repeats, progress)
        for keys in (1, 100):
            yield store.reads(keys, calls, progress)
        client.close()


class _Store:
    """A Redis, a log, and what must come of it."""

    def __init__(
        self,
        servers: Servers,
        settings: Settings,
        client: Redis,
        process: RunningProcess,
        plan: Plan,
        rows: list[LoggedRow],
        ends: dict[int, int],
    ) -> None:
        self._servers = servers
        self._settings = settings
        self._client = client
        self._process = process
        self._plan = plan
        self._rows = rows
        self._ends = ends
        self._newest = newest_values(rows)

    def writes(self, shape: LogShape, repeats: int, progress: Progress) -> Writes:
        runs: dict[Writer, list[Write]] = {writer: [] for writer in WRITERS}
        for _ in range(repeats):
            for writer in reversed(WRITERS):  # the materializer last: its store is then read
                progress(f"{writer}, {shape.distribution}", 0, 0)
                self._client.flushall()
                runs[writer].append(self._materialize() if writer == "materializer" else self._set(writer))
                self._check()
        size = sum(len(row.online_value) for row in self._rows) / len(self._rows)
        return Writes(
            shape, size, self._bytes_per_key(), repeats, {writer: _middle(found) for writer, found in runs.items()}
        )

    def reads(self, keys: int, calls: int, progress: Progress) -> Reads:
        online_keys = list(self._newest)
        entities = [decode_key(self._plan.entity, key[len(_prefix_of(self._plan, key)) :]) for key in online_keys]
        random = np.random.default_rng(SEED)
        by_reader, bare = _Clock(), _Clock()
        with OnlineReader(self._settings.redis_url.get_secret_value(), self._plan.view) as reader:
            if keys == 1:
                self._check_reads(reader, online_keys, entities, progress)
            for call in range(calls):
                chosen = random.integers(0, len(online_keys), keys).tolist()
                asked, wanted = [entities[i] for i in chosen], [online_keys[i] for i in chosen]
                with by_reader:
                    reader.get_many(asked)
                with bare:
                    self._client.mget(wanted)
                if call % 100 == 0:
                    progress(f"reading {keys} keys", call, calls)
        return Reads(keys, calls, by_reader.latency(), bare.latency())

    def _set(self, writer: Writer) -> Write:
        began, redis_cpu, own_cpu = time.monotonic(), cpu_seconds(self._process.pid), time.process_time()
        for start in range(0, len(self._rows), PIPELINE_ROWS):
            pipeline = self._client.pipeline(transaction=False)
            for row in self._rows[start : start + PIPELINE_ROWS]:
                if writer == "SET":
                    pipeline.set(row.online_key, row.online_value)
                else:
                    pipeline.set(row.online_key, row.online_value, pxat=row.expires_at_ms)
            pipeline.execute()
        count = len(self._rows)
        return Write(
            count / (time.monotonic() - began),
            (cpu_seconds(self._process.pid) - redis_cpu) * 1e6 / count,
            (time.process_time() - own_cpu) * 1e6 / count,
        )

    def _materialize(self) -> Write:
        redis_cpu = cpu_seconds(self._process.pid)
        total = sum(self._ends.values())
        with self._servers.running(self._servers.materializer_spec(self._plan)) as process:
            deadline = time.monotonic() + ARRIVAL_SECONDS
            while not (first := self._stored()):
                self._wait(deadline)
            first_at, first_cpu = time.monotonic(), cpu_seconds(process.pid)
            while (last := self._stored()) < total:
                self._wait(deadline)
            last_at, last_cpu = time.monotonic(), cpu_seconds(process.pid)
            redis_cpu = cpu_seconds(self._process.pid) - redis_cpu
        moved = max(1, last - first)
        return Write(
            moved / (last_at - first_at), redis_cpu * 1e6 / len(self._rows), (last_cpu - first_cpu) * 1e6 / moved
        )

    def _wait(self, deadline: float) -> None:
        if time.monotonic() > deadline:
            raise VerificationError(f"after {ARRIVAL_SECONDS:.0f} s the materializer has not brought all rows to Redis")
        time.sleep(POLL_SECONDS)

    def _stored(self) -> int:
        keys = [partition_keys(self._plan.view, self._plan.generation, partition).offset for partition in self._ends]
        return sum(int(offset) for offset in cast("list[bytes | None]", self._client.mget(keys)) if offset is not None)

    def _bytes_per_key(self) -> float:
        """Redis's memory for keys and values, less what it has when it is empty, for each key of the log."""
        memory = cast("dict[str, int]", self._client.info("memory"))
        return (memory["used_memory"] - memory["used_memory_startup"]) / len(self._newest)

    def _check(self) -> None:
        """Every key holds its row of the greatest version."""
        keys = list(self._newest)
        for start in range(0, len(keys), _CHUNK):
            chunk = keys[start : start + _CHUNK]
            for key, value in zip(chunk, cast("list[bytes | None]", self._client.mget(chunk)), strict=True):
                if value != self._newest[key]:
                    raise VerificationError(
                        f"{key!r} does not hold its newest row after {len(self._rows)} were written"
                    )

    def _check_reads(
        self,
        reader: OnlineReader,
        online_keys: list[bytes],
        entities: Sequence[Mapping[str, KeyValue]],
        progress: Progress,
    ) -> None:
        """What is read of every key is its newest row."""
        schema = parse_schema(without_logical_types(self._plan.log.schema_), named_schemas={})
        names = [feature.name for feature in self._plan.features]
        for start in range(0, len(online_keys), _CHUNK):
            rows = reader.get_many(entities[start : start + _CHUNK])
            for key, row in zip(online_keys[start : start + _CHUNK], rows, strict=True):
                fields = cast(
                    "dict[str, object]", schemaless_reader(io.BytesIO(self._newest[key][_ROW_START:]), schema, None)
                )
                if row.status is Status.MISSING or row.values != {name: fields[name] for name in names}:
                    raise VerificationError(f"{row.entity}: read {row.values} ({row.status}) instead of {fields}")
            progress("checking what is read", start, len(online_keys))


class _Clock:
    """Takes the time of each of its `with` blocks."""

    def __init__(self) -> None:
        self._took_ns: list[int] = []
        self._cpu_ns = 0

    def __enter__(self) -> None:
        self._began_cpu_ns, self._began_ns = time.process_time_ns(), time.perf_counter_ns()

    def __exit__(self, *_: object) -> None:
        self._took_ns.append(time.perf_counter_ns() - self._began_ns)
        self._cpu_ns += time.process_time_ns() - self._began_cpu_ns

    def latency(self) -> Latency:
        p50, p99 = np.percentile(np.array(self._took_ns), (50, 99)) / 1e6
        return Latency(float(p50), float(p99), self._cpu_ns / 1000 / len(self._took_ns))


def _prefix_of(plan: Plan, online_key: bytes) -> bytes:
    prefixes = (
        partition_keys(plan.view, plan.generation, partition).row_prefix for partition in range(plan.log.partitions)
    )
    return next(prefix for prefix in prefixes if online_key.startswith(prefix))


def _middle(runs: Sequence[Write]) -> Write:
    return Write(*(median(values) for values in zip(*runs, strict=True)))
