"""What the tests of the archive share: a log to write to in transactions, and archives as processes."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pyarrow as pa
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic  # type: ignore[attr-defined]
from deltalake import DeltaTable
from pydantic import SecretStr

from headwater.pipelines.offline_store import OfflineStore
from headwater.pipelines.offline_table import storage_options, table_location
from headwater.pipelines.settings import Settings
from headwater.schemas.feature_log import HEARTBEAT_HEADER_NAME, Heartbeat, heartbeat_key
from headwater.schemas.plan import Plan
from tests.feature_log_rows import encode, key_of, make_row
from tests.waiting import wait_until

SEED = 20261123

RUN_ARCHIVE = """
import sys
from pathlib import Path
from headwater.pipelines.archive import run
from headwater.pipelines.settings import Settings
from headwater.schemas.plan import Plan
run(Settings(), Plan.from_json(Path(sys.argv[1]).read_text()))
"""


class LogWriter:
    """Writes rows by number to a plan's log, as a compute job would: in transactions, beside heartbeats."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.plan = plan
        self._settings = settings
        admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
        topic = NewTopic(plan.log.topic, plan.log.partitions, 1, config={"cleanup.policy": "compact,delete"})
        for created in admin.create_topics([topic]).values():
            created.result(20)
        self.schema_id = self.register(plan)
        self._producer = self.new_producer()

    def register(self, plan: Plan) -> int:
        """The id of the plan's log schema, from the registry."""
        answer = httpx.post(
            f"{self._settings.registry_url}/subjects/{plan.log.subject}/versions",
            json={"schema": json.dumps(plan.log.schema_)},
        )
        return int(answer.raise_for_status().json()["id"])

    def new_producer(self, name: str = "0") -> Producer:
        """A transactional producer; another one of the same name aborts what the first left open."""
        producer = Producer(
            {
                "bootstrap.servers": self._settings.kafka_bootstrap_servers,
                "transactional.id": f"{self.plan.log.topic}-{name}",
                "transaction.timeout.ms": 60_000,
                "linger.ms": 1,
            }
        )
        producer.init_transactions(20)
        return producer

    def write(self, numbers: Iterable[int], producer: Producer | None = None, plan: Plan | None = None) -> None:
        """Rows of these numbers, in a transaction that is left open."""
        producer, plan = producer or self._producer, plan or self.plan
        producer.begin_transaction()
        for number in numbers:
            row = make_row(number, note_last_1h=f"note {number}")
            partition = number % plan.log.partitions
            producer.produce(plan.log.topic, encode(plan.log.schema_, row, self.schema_id), key_of(row), partition)
            if number % 50 == 0:
                self._heartbeat(producer, partition)
        if producer.flush(20):
            raise TimeoutError("rows were not acknowledged")

    def commit(self, numbers: Iterable[int], plan: Plan | None = None) -> None:
        """Rows of these numbers, committed."""
        self.write(numbers, plan=plan)
        self._producer.commit_transaction(20)

    def abort(self, numbers: Iterable[int]) -> None:
        """Rows of these numbers, aborted."""
        self.write(numbers)
        self._producer.abort_transaction(20)

    def heartbeats(self, count: int) -> None:
        """This many heartbeats in each partition, committed."""
        self._producer.begin_transaction()
        for _ in range(count):
            for partition in range(self.plan.log.partitions):
                self._heartbeat(self._producer, partition)
        self._producer.commit_transaction(20)

    def raw(self, value: bytes, partition: int = 0) -> None:
        """A record of any value, committed."""
        self._producer.begin_transaction()
        self._producer.produce(self.plan.log.topic, value, b"raw", partition)
        self._producer.commit_transaction(20)

    def _heartbeat(self, producer: Producer, partition: int) -> None:
        header = Heartbeat(epoch_ms=1, subtask=0, parallelism=1, as_of_ms=2, watermark_ms=3).pack()
        producer.produce(
            self.plan.log.topic, None, heartbeat_key(0), partition, headers=[(HEARTBEAT_HEADER_NAME, header)]
        )


class ArchiveProcess:
    """An archive that runs as a process of its own; `prelude` is Python that the process runs first."""

    def __init__(self, settings: Settings, plan: Plan, directory: Path, name: str = "0", *, prelude: str = "") -> None:
        plan_file = directory / f"plan-{name}.json"
        plan_file.write_text(plan.canonical_json())
        self.log = directory / f"archive-{name}.log"
        self._listened_before = len(self.events("metrics_listening"))
        environment = {
            f"HEADWATER_{name.upper()}": _written(getattr(settings, name)) for name in settings.model_fields_set
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", prelude + RUN_ARCHIVE, str(plan_file)],
            env={**os.environ, **environment, "HEADWATER_LOG_FORMAT": "json", "HEADWATER_INSTANCE": name},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        self._copying = threading.Thread(target=self._copy_log)
        self._copying.start()

    def terminate(self) -> int:
        """SIGTERM; the exit code, within the 20 seconds that are allowed."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait(20)

    def wait(self, seconds: float) -> int:
        """The exit code, and its log complete."""
        code = self.process.wait(seconds)
        self._copying.join()
        return code

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.wait(20)

    def events(self, name: str) -> list[dict[str, object]]:
        """The log lines of this event, of all processes of this name."""
        text = self.log.read_text() if self.log.exists() else ""
        lines = (json.loads(line) for line in text.splitlines() if line.startswith("{"))
        return [line for line in lines if line.get("event") == name]

    def metric(self, name: str, partition: int | None = None) -> float:
        """The value of a metric now, once there are any, summed over partitions unless one is given."""
        wait_until(lambda: len(self.events("metrics_listening")) > self._listened_before)
        text = httpx.get(str(self.events("metrics_listening")[-1]["url"])).text
        label = "" if partition is None else f'[^}}]*partition="{partition}"'
        return sum(
            float(value) for value in re.findall(rf"^headwater_{name}{{{label}[^}}]*}} (\S+)$", text, re.MULTILINE)
        )

    def _copy_log(self) -> None:
        # Written by this process: what the other can write is limited in some tests.
        if self.process.stdout is not None:
            with self.process.stdout as lines, self.log.open("ab", buffering=0) as log:
                for line in lines:
                    log.write(line)


@contextmanager
def archiving(settings: Settings, plan: Plan, directory: Path, name: str = "0") -> Iterator[ArchiveProcess]:
    """An archive for the length of a `with` block, killed behind it if it still runs."""
    archive = ArchiveProcess(settings, plan, directory, name)
    try:
        yield archive
    finally:
        archive.kill()


@contextmanager
def steady_writes(log: LogWriter) -> Iterator[list[int]]:
    """Transactions of 1 to 60 rows, one in four aborted, for the length of a block; yields the committed numbers."""
    committed: list[int] = []
    stop = threading.Event()
    choice = random.Random(SEED)

    def write() -> None:
        number = 0
        while not stop.wait(0.05):
            numbers = range(number, number + choice.randint(1, 60))
            number = numbers.stop
            if choice.random() < 0.25:
                log.abort(numbers)
            else:
                log.commit(numbers)
                committed.extend(numbers)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield committed
    finally:
        stop.set()
        thread.join()


def caught_up(archive: ArchiveProcess, settings: Settings, plan: Plan, rows: int) -> None:
    """Returns once so many rows are archived and none waits, and the archive has ended well."""
    wait_until(lambda: archived(settings, plan).num_rows >= rows, 60)
    wait_until(lambda: archive.metric("archive_lag_rows") == 0)
    assert archive.terminate() == 0


def archived(settings: Settings, plan: Plan) -> pa.Table:
    """All rows of the offline log; none if there is no table yet."""
    location, options = table_location(settings, plan.view, plan.generation), storage_options(settings)
    if not DeltaTable.is_deltatable(location, storage_options=options):
        return OfflineStore(settings, plan).schema.empty_table()
    return DeltaTable(location, storage_options=options).to_pyarrow_table()


def _written(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return json.dumps({name: _written(each) for name, each in value.items()}) if isinstance(value, dict) else str(value)


def numbers_in(table: pa.Table) -> list[int]:
    """The numbers of the rows, in order, each as often as it stands there."""
    return sorted(n - 1 for n in table["n"].to_pylist())
