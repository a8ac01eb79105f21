"""`headwater tail` on a real log: what it shows, from where, and how it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from headwater.pipelines.log_tail import LogTail, StageTimes, TailedRow, Unreadable
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.registry import Registry
from headwater.schemas.errors import TopicError
from headwater.schemas.feature_log import (
    CAUSES,
    HEARTBEAT_HEADER_NAME,
    NEVER_US,
    ROW_HEADER_NAME,
    Heartbeat,
    RowHeader,
    heartbeat_key,
)
from headwater.schemas.keys import partition_of
from headwater.schemas.plan import Plan
from tests.feature_log_rows import encode, key_of, make_plan, make_row


class Log:
    """A view's log, and a job that writes to it: one transaction after the other."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.settings, self.plan = settings, plan
        admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
        for created in admin.create_topics([NewTopic(plan.log.topic, plan.log.partitions, 1)]).values():
            created.result(20)
        registered = httpx.post(
            f"{settings.registry_url}/subjects/{plan.log.subject}/versions",
            json={"schema": json.dumps(plan.log.schema_)},
        )
        self._schema_id = int(registered.raise_for_status().json()["id"])
        properties = {"bootstrap.servers": settings.kafka_bootstrap_servers, "transactional.id": plan.view}
        self._producer = Producer(properties)
        self._producer.init_transactions(20)

    def write(self, *numbers: int, computed_at_ms: int | None = None) -> None:
        """Rows of these numbers, a heartbeat before each, and one record that is no row, in an open transaction."""
        self._producer.begin_transaction()
        at_ms = computed_at_ms or time.time_ns() // 1_000_000
        for number in numbers:
            row = make_row(number, event_time=(at_ms - 30) * 1000, ingested_at=at_ms - 20, computed_at=at_ms)
            partition = partition_of(key_of(row), self.plan.log.partitions)
            beat = Heartbeat(epoch_ms=1, subtask=0, parallelism=1, as_of_ms=2, watermark_ms=3).pack()
            self._send(partition, heartbeat_key(0), None, HEARTBEAT_HEADER_NAME, beat, at_ms)
            value = encode(self.plan.log.schema_, row, self._schema_id)
            self._send(partition, key_of(row), value, ROW_HEADER_NAME, _header(row), at_ms)
        self._producer.flush(20)

    def write_rubbish(self) -> None:
        """A record that is no row, in the transaction that is open."""
        row = make_row(1)
        self._send(0, key_of(row), b"rubbish", ROW_HEADER_NAME, _header(row), 1)
        self._producer.flush(20)

    def commit(self) -> None:
        self._producer.commit_transaction(20)

    def _send(self, partition: int, key: bytes, value: bytes | None, header: str, content: bytes, at_ms: int) -> None:
        headers: list[tuple[str, str | bytes | None]] = [(header, content)]
        self._producer.produce(self.plan.log.topic, value, key, partition, timestamp=at_ms, headers=headers)


def _header(row: dict[str, Any]) -> bytes:
    times = (row["event_time"], row["ingested_at"], row["computed_at"])
    return RowHeader(1, row["clock"], row["n"], *times, NEVER_US, NEVER_US, CAUSES.index(row["cause"])).pack()


@pytest.fixture
def log(broker: Broker, registry: Registry, unique_name: Callable[[str], str]) -> Log:
    settings = Settings(kafka_bootstrap_servers=broker.bootstrap_servers, registry_url=registry.url)
    return Log(settings, make_plan(view=unique_name("tailed")))


def shown(rows: Iterator[TailedRow | Unreadable], count: int) -> list[TailedRow | Unreadable]:
    return list(islice(rows, count))


def customers(rows: list[TailedRow | Unreadable]) -> list[str]:
    return sorted(str(row.entity["customer_id"]) for row in rows if isinstance(row, TailedRow))


def test_rows_are_shown_once_they_are_written_with_the_time_of_each_stage(log: Log) -> None:
    log.write(1, 2)
    log.commit()
    with LogTail(log.settings, log.plan) as tail:
        log.write(4, 3)
        first, second = sorted(shown(tail.rows(), 2), key=lambda row: str(row.entity))  # type: ignore[union-attr]
    assert isinstance(first, TailedRow)
    assert isinstance(second, TailedRow)
    assert first.entity == {"customer_id": "c3"}
    assert second.values == {"amount_sum_5m": 4 / 7, "purchases_1h": 4}
    assert (second.times.event_to_broker, second.times.broker_to_computed) == (0.01, 0.02)
    assert second.times.computed_to_read is not None
    # That one was written because time passed: there is no event that was late.
    assert (first.times.event_to_broker, first.times.broker_to_computed) == (None, None)


def test_only_the_rows_of_a_key_are_shown_and_those_since_an_instant(log: Log) -> None:
    now_ms = time.time_ns() // 1_000_000
    log.write(*range(1, 9), computed_at_ms=now_ms - 60_000)
    log.commit()
    log.write(*range(5, 13), computed_at_ms=now_ms - 30_000)
    log.commit()
    with LogTail(log.settings, log.plan, since_ms=now_ms - 45_000) as tail:
        assert customers(shown(tail.rows(), 8)) == sorted(f"c{number}" for number in range(5, 13))
    with LogTail(log.settings, log.plan, entity={"customer_id": "c7"}, since_ms=now_ms - 90_000) as tail:
        rows = shown(tail.rows(), 2)
    assert customers(rows) == ["c7", "c7"]
    # They were in the log before anyone looked: how late they are read says nothing.
    assert [row.times for row in rows if isinstance(row, TailedRow)] == [StageTimes(0.01, 0.02, None)] * 2


def test_committed_rows_are_those_of_transactions_that_have_ended(log: Log) -> None:
    log.write(1)
    log.commit()
    log.write(2)
    with LogTail(log.settings, log.plan, since_ms=0) as tail:
        assert customers(shown(tail.rows(), 2)) == ["c1", "c2"]
    with LogTail(log.settings, log.plan, since_ms=0, committed=True) as tail:
        rows = tail.rows()
        assert customers(shown(rows, 1)) == ["c1"]
        log.commit()
        assert customers(shown(rows, 1)) == ["c2"]


def test_a_record_that_cannot_be_decoded_is_named_and_passed_over(log: Log) -> None:
    log.write()
    log.write_rubbish()
    log.commit()
    log.write(1, 2, 4)
    log.commit()
    with LogTail(log.settings, log.plan, since_ms=0) as tail:
        rows = shown(tail.rows(), 4)
    (bad,) = (row for row in rows if isinstance(row, Unreadable))
    assert (bad.partition, bad.offset) == (0, 0)
    assert "it starts with 72 75 62" in bad.reason
    assert customers(rows) == ["c1", "c2", "c4"]


def test_a_log_that_does_not_exist_is_an_error_with_what_to_do(log: Log) -> None:
    with pytest.raises(TopicError, match="start the view's compute job"):
        LogTail(log.settings, make_plan(view=f"{log.plan.view}_other"))


@pytest.fixture
def command(log: Log, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`headwater tail` of three rows that are there, which goes on to wait for more."""
    log.write(1, 2, 4)
    log.commit()
    plan = tmp_path / "plan.json"
    plan.write_text(log.plan.canonical_json())
    places = {
        "HEADWATER_KAFKA_BOOTSTRAP_SERVERS": log.settings.kafka_bootstrap_servers,
        "HEADWATER_REGISTRY_URL": log.settings.registry_url,
    }
    arguments = ("tail", log.plan.view, "--plan", str(plan), "--since", "1h", "--json")
    process = subprocess.Popen(
        (sys.executable, "-m", "headwater.pipelines.cli", *arguments),
        env={**os.environ, **places},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


def test_the_command_prints_a_row_on_a_line_and_ends_cleanly_on_ctrl_c(command: subprocess.Popen[str]) -> None:
    assert command.stdout is not None
    rows = [json.loads(command.stdout.readline()) for _ in range(3)]
    assert sorted(row["entity"]["customer_id"] for row in rows) == ["c1", "c2", "c4"]
    assert {row["cause"] for row in rows} == {"EVENT"}
    command.send_signal(signal.SIGINT)
    assert command.communicate(timeout=20) == ("", "")
    assert command.returncode == 0


def test_the_command_ends_cleanly_once_its_reader_has_seen_enough(command: subprocess.Popen[str], log: Log) -> None:
    assert command.stdout is not None
    assert command.stderr is not None
    command.stdout.readline()
    command.stdout.close()
    log.write(7, 8)
    assert command.wait(20) == 0
    assert command.stderr.read() == ""
