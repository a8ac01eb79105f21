"""What the tests of the online path need besides a broker: a Redis of their own, a registry, a log, a materializer."""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, cast

import redis
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from headwater.pipelines.online_store import partition_keys
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import ProcessSpec, RunningProcess
from headwater.pipelines.stack.redis import RedisServer
from headwater.schemas.feature_log import (
    HEARTBEAT_HEADER_NAME,
    ROW_HEADER_NAME,
    VERSION_BYTES,
    Heartbeat,
    RowHeader,
    heartbeat_key,
)
from headwater.schemas.keys import partition_of
from headwater.schemas.plan import Plan
from tests.feature_log_rows import encode, key_of, make_row
from tests.online_rows import greatest
from tests.waiting import wait_until

_MATERIALIZE = (
    "import sys, pathlib; from headwater.pipelines.materialize import run;"
    " from headwater.pipelines.settings import load_settings; from headwater.schemas.plan import Plan;"
    " run(load_settings(), Plan.from_json(pathlib.Path(sys.argv[1]).read_text()))"
)


class OwnRedis:
    """A Redis that one test may kill, restart and damage."""

    def __init__(self, directory: Path) -> None:
        (port,) = free_ports(1)
        self.server = RedisServer(directory / "redis", directory / "redis.log", port)
        self.server.prepare()
        self.url = self.server.url
        self.client = redis.Redis.from_url(self.url)
        self.start()

    def start(self) -> None:
        self.process = RunningProcess.start(self.server.spec())
        self.process.wait_ready()

    def kill(self) -> None:
        self.process.kill()

    def cut_tail(self, least_bytes: int, chance: random.Random) -> int:
        """Cuts the append-only file at a random byte behind the first `least_bytes`; returns how many are gone."""
        (file,) = self.server.directory.glob("appendonlydir/*.incr.aof")
        size = file.stat().st_size
        keep = chance.randrange(least_bytes, size)
        os.truncate(file, keep)
        return size - keep

    def close(self) -> None:
        self.client.close()
        self.process.stop()


class FakeRegistry:
    """Serves one schema under every id, or refuses while `healthy` is not set."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.healthy = threading.Event()
        self.healthy.set()
        self.requests = 0
        body = json.dumps({"schema": json.dumps(schema)}).encode()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.requests += 1
                self.send_response(200 if outer.healthy.is_set() else 503)
                content = body if outer.healthy.is_set() else b'{"error_code":503,"message":"starting"}'
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class LogWriter:
    """Writes a view's feature log as its job does, in transactions of which some are aborted."""

    def __init__(self, bootstrap_servers: str, plan: Plan, **topic_config: str) -> None:
        self.plan = plan
        self.rows: list[tuple[int, bytes, bytes]] = []
        self._admin = AdminClient({"bootstrap.servers": bootstrap_servers})
        topic = NewTopic(
            plan.log.topic, plan.log.partitions, 1, config={"cleanup.policy": "compact,delete", **topic_config}
        )
        self._admin.create_topics([topic])[plan.log.topic].result(30)
        self._producer = Producer({"bootstrap.servers": bootstrap_servers, "transactional.id": plan.log.topic})
        self._producer.init_transactions(30)
        self._schema = dict(plan.log.schema_)

    @contextmanager
    def transaction(self, *, commit: bool = True) -> Iterator[None]:
        self._producer.begin_transaction()
        yield
        self._producer.flush(30)
        if commit:
            self._producer.commit_transaction(30)
        else:
            self._producer.abort_transaction(30)

    def row(
        self,
        number: int,
        clock_us: int | None = None,
        n: int = 1,
        *,
        lives_ms: int = 3_600_000,
        computed_ago_us: int = 0,
    ) -> None:
        """A row of entity `number`; its clock is now if none is given."""
        now_us = time.time_ns() // 1000
        computed_ms = (now_us - computed_ago_us) // 1000
        clock_us = now_us if clock_us is None else clock_us
        empty_at_us = now_us + lives_ms * 1000
        times = {"clock": clock_us, "event_time": clock_us, "ingested_at": now_us // 1000, "computed_at": computed_ms}
        windows = {"next_change_5m": empty_at_us, "empty_at_5m": empty_at_us, "cause": "EVENT", "n": n}
        fields = make_row(number, **times, **windows, amount_sum_5m=float(len(self.rows)))
        header = RowHeader(1, clock_us, n, clock_us, now_us // 1000, computed_ms, empty_at_us, empty_at_us, 0).pack()
        key, value = key_of(fields), encode(self._schema, fields)
        partition = partition_of(key, self.plan.log.partitions)
        self._send(partition, key, value, ROW_HEADER_NAME, header)
        self.rows.append((partition, key, header[:VERSION_BYTES] + value))

    def heartbeat(self, as_of_ms: int | None = None, subtasks: int = 2) -> int:
        """A heartbeat of every subtask to every partition; returns its time."""
        as_of_ms = time.time_ns() // 1_000_000 if as_of_ms is None else as_of_ms
        for partition in range(self.plan.log.partitions):
            for subtask in range(subtasks):
                beat = Heartbeat(1, subtask, subtasks, as_of_ms, as_of_ms).pack()
                self._send(partition, heartbeat_key(subtask), None, HEARTBEAT_HEADER_NAME, beat)
        return as_of_ms

    def delete_before(self, offsets: Mapping[int, int]) -> None:
        """Lets each partition begin at an offset, as retention does in time."""
        wanted = [TopicPartition(self.plan.log.topic, partition, offset) for partition, offset in offsets.items()]
        for deletion in self._admin.delete_records(wanted).values():
            deletion.result(30)

    def expected(self) -> dict[bytes, bytes]:
        """What must stand online once all is read: by key of Redis."""
        prefixes = [keys_of(self.plan, partition).row_prefix for partition in range(self.plan.log.partitions)]
        return greatest((prefixes[partition] + key, value) for partition, key, value in self.rows)

    def _send(self, partition: int, key: bytes, value: bytes | None, name: str, header: bytes) -> None:
        self._producer.produce(self.plan.log.topic, key=key, value=value, partition=partition, headers=[(name, header)])
        self._producer.poll(0)


def keys_of(plan: Plan, partition: int) -> Any:
    return partition_keys(plan.view, plan.generation, partition)


def online_rows(client: redis.Redis, plan: Plan) -> dict[bytes, bytes]:
    """Every row of the view's generation that stands online."""
    keys = [key for key in client.scan_iter(f"hw:{{{plan.view}.g{plan.generation}.*", count=1000) if b"}:r:" in key]
    values = cast("list[bytes | None]", client.mget(keys)) if keys else []
    return {key: value for key, value in zip(keys, values, strict=True) if value is not None}


class MaterializerProcess:
    """`run` of the materializer in a process of its own; `prelude` is Python that the process runs first."""

    def __init__(self, directory: Path, plan: Plan, *, prelude: str = "", **settings: str) -> None:
        self.prelude = prelude
        self._plan_file = directory / "plan.json"
        self._plan_file.write_text(plan.canonical_json())
        self.log = directory / "materializer.log"
        self._environment = {f"HEADWATER_{name.upper()}": value for name, value in settings.items()}
        self.start()

    def start(self) -> None:
        self._assigned_before = len(self.logged("partitions_assigned"))
        command = (sys.executable, "-c", f"{self.prelude}\n{_MATERIALIZE}", str(self._plan_file))
        environment = {**os.environ, "HEADWATER_LOG_FORMAT": "json", **self._environment}
        self.process = RunningProcess.start(
            ProcessSpec("materialize", command, self.log, ready=lambda: True, environment=environment)
        )

    def kill(self) -> None:
        self.process.kill()

    def stop(self) -> None:
        self.process.stop()

    def is_reading(self) -> bool:
        """Whether it has got its partitions since it was last started."""
        return len(self.logged("partitions_assigned")) > self._assigned_before

    def exit_code(self, seconds: float = 30.0) -> int:
        wait_until(lambda: self.process.exit_code is not None, seconds, "the materializer does not end")
        return cast("int", self.process.exit_code)

    def logged(self, event: str) -> list[dict[str, Any]]:
        """The log lines of this event so far."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        parsed = [json.loads(line) for line in lines if line.startswith("{")]
        return [line for line in parsed if line["event"] == event]

    def metric(self, line_start: str) -> float:
        """The value of the metric whose line begins so."""
        import httpx

        url = self.logged("metrics_listening")[-1]["url"]
        text = httpx.get(url, timeout=10).text
        (line,) = [line for line in text.splitlines() if line.startswith(line_start)]
        return float(line.rsplit(" ", 1)[1])
