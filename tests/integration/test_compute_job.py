"""The compute job on a real cluster: what goes into the event topic, and what stands in the feature log."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from headwater.pipelines.dead_letters.handling import Task, replay
from headwater.pipelines.dead_letters.letter import Selection
from headwater.pipelines.dead_letters.letters_topic import LettersTopic
from headwater.pipelines.dead_letters.originals import with_original
from headwater.pipelines.settings import load_settings
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import FlinkCluster
from headwater.pipelines.stack.registry import Registry
from headwater.schemas.keys import partition_of
from tests.integration.compute_lab import ComputeLab, frame, key_of, make_lab, read
from tests.waiting import wait_until

UniqueName = Callable[[str], str]


@pytest.fixture
def lab(broker: Broker, registry: Registry, flink: FlinkCluster, tmp_path: Path, unique_name: UniqueName) -> ComputeLab:
    return make_lab(broker, registry, flink, tmp_path, unique_name("purchases"))


def test_events_become_rows_that_equal_the_reference_and_no_python_runs_in_the_job(lab: ComputeLab) -> None:
    now_ms = int(time.time() * 1000)
    events = [
        lab.frame(
            customer_id=f"c{number % 40}", amount=number * 0.25, purchased_at=now_ms - (number * 7919) % 7_000_000
        )
        for number in range(2_000)
    ]
    lab.produce(events, partition=lambda number: number % 3)
    with lab.job():
        wait_until(lambda: len(lab.log().rows) == 40, 60, "a committed row for each of 40 customers")
        assert python_below(lab.flink) == []
        time.sleep(3)
        log = lab.log()
    for key, seen in lab.reference_events().items():
        header, row = max(log.rows[key], key=lambda each: each[0][:3])
        lab.check_row(seen, header, row)
        assert log.partitions[key] == {partition_of(key, lab.plan.log.partitions)}


def test_a_row_is_in_the_uncommitted_log_at_once_and_in_the_committed_one_after_a_checkpoint(lab: ComputeLab) -> None:
    with lab.job(checkpoint_interval_ms=15_000):
        lab.produce([lab.frame(customer_id="warm-up")])
        wait_until(lambda: lab.log(committed=False).rows, 60, "the first row")
        start = time.monotonic()
        lab.produce([lab.frame(customer_id="bob")])
        wait_until(lambda: key_of("bob", lab) in lab.log(committed=False).rows, 5, "an uncommitted row")
        assert time.monotonic() - start < 3
        assert key_of("bob", lab) not in lab.log(committed=True).rows
        wait_until(lambda: key_of("bob", lab) in lab.log(committed=True).rows, 40, "the committed row")


def test_poison_of_each_kind_is_a_dead_letter_with_reason_and_position_and_the_stream_goes_on(lab: ComputeLab) -> None:
    good = lab.frame()
    now_ms = int(time.time() * 1000)
    text = {"type": "record", "name": "Purchase", "namespace": "shop", "fields": [{"name": "amount", "type": "string"}]}
    answer = httpx.post(f"{lab.registry.url}/subjects/{lab.topic}-other/versions", json={"schema": json.dumps(text)})
    incompatible = frame(answer.json()["id"], text, {"amount": "1.50"})
    poison: list[tuple[str, bytes | None]] = [
        ("null_value", None),
        ("bad_magic", b"\x01" + good[1:]),
        ("bad_magic", b'{"amount": 1}'),
        ("truncated", b"\x00\x00"),
        ("truncated", good[:-1]),
        ("unknown_schema", b"\x00\x7f\xff\xff\xff" + good[5:]),
        ("schema_incompatible", incompatible),
        ("trailing_bytes", good + b"\x00"),
        ("malformed", good[:-1] + b"\x7e"),
        ("missing_key", lab.frame(customer_id="")),
        ("key_too_long", lab.frame(customer_id="x" * 5_000)),
        ("event_time_out_of_range", lab.frame(purchased_at=-1)),
        ("future_event", lab.frame(purchased_at=now_ms + 3_600_000)),
        ("not_finite", lab.frame(amount=math.nan)),
        ("not_finite", lab.frame(amount=-math.inf)),
        ("bad_magic", b"\x09" * 900_000),
    ]
    lab.produce([good, *(value for _, value in poison), lab.frame(customer_id="last")])
    with lab.job():
        wait_until(lambda: len(lab.dead_letters()) == len(poison), 60, "all dead letters")
        wait_until(lambda: key_of("last", lab) in lab.log().rows, 30, "the event behind the poison")
        metrics = httpx.get(f"http://127.0.0.1:{lab.flink.ports.task_manager_metrics}/metrics").text
    letters = lab.dead_letters()
    assert [(letter["offset"], letter["reason"]) for letter in letters] == [
        (offset, reason) for offset, (reason, _) in enumerate(poison, 1)
    ]
    assert all(letter["topic"] == lab.topic and letter["partition"] == 0 for letter in letters)
    assert all(letter["value"] == value for letter, (_, value) in zip(letters, poison[:-1], strict=False))
    assert {letter["generation"] for letter in letters} == {lab.plan.generation}
    assert letters[-1]["value"] is None
    assert letters[-1]["value_bytes"] == 900_000
    counted = [line for line in metrics.splitlines() if "_rejects{" in line and f'view="{lab.plan.view}"' in line]
    total = Counter(reason for reason, _ in poison)
    for reason, count in total.items():
        values = [float(line.rpartition(" ")[2]) for line in counted if f'reason="{reason}"' in line]
        assert sum(values) == count, reason


def test_a_future_event_counts_when_it_is_replayed_after_its_time_has_come(lab: ComputeLab) -> None:
    settings = load_settings(kafka_bootstrap_servers=lab.broker.bootstrap_servers, registry_url=lab.registry.url)
    producer = Producer({"bootstrap.servers": lab.broker.bootstrap_servers})
    ahead_ms = int(time.time() * 1000) + 20_000  # the view allows for 10 s
    producer.produce(lab.topic, lab.frame(customer_id="early", purchased_at=ahead_ms), b"a key", partition=1)
    assert producer.flush(20) == 0
    with lab.job():
        wait_until(lab.dead_letters, 60, "the dead letter")
        wait_until(lambda: time.time() * 1000 > ahead_ms, 20, "its time to come")
        letters = LettersTopic(settings, lab.plan.dead_letters.topic)
        assert replay(Task(settings, lab.plan, letters, Selection()), lambda _: None).handled == {"future_event": 1}
        wait_until(lambda: key_of("early", lab) in lab.log(committed=False).rows, 30, "the replayed event's row")
    original, copy = (message for message in read(lab.broker.bootstrap_servers, lab.topic))
    assert (copy.key(), copy.value(), copy.partition()) == (b"a key", original.value(), 1)
    assert len(lab.dead_letters()) == 1


def test_late_events_are_told_with_position_and_key(lab: ComputeLab) -> None:
    now_ms = int(time.time() * 1000)
    with lab.job():
        lab.produce([lab.frame(customer_id="bob", purchased_at=now_ms)])
        wait_until(lambda: lab.log(committed=False).rows, 60, "a row")
        lab.produce([lab.frame(customer_id="bob", purchased_at=now_ms - 3 * 86_400_000)])
        wait_until(lambda: lab.dead_letters(lab.plan.late.topic), 30, "the late event")
    (letter,) = lab.dead_letters(lab.plan.late.topic)
    assert (letter["reason"], letter["topic"], letter["partition"], letter["offset"]) == ("late", lab.topic, 0, 1)
    assert letter["entity_key"] == key_of("bob", lab)
    settings = load_settings(kafka_bootstrap_servers=lab.broker.bootstrap_servers, registry_url=lab.registry.url)
    (told,) = LettersTopic(settings, lab.plan.late.topic)
    _, original = read(lab.broker.bootstrap_servers, lab.topic)
    assert with_original(told, settings).value == original.value()
    assert with_original(replace(told, record_timestamp_ms=0), settings).value is None


def test_every_subtask_heartbeats_in_every_partition_of_the_log(lab: ComputeLab) -> None:
    with lab.job(parallelism=2):
        lab.produce([lab.frame()])
        places = {(partition, subtask) for partition in range(lab.plan.log.partitions) for subtask in range(2)}

        def fresh() -> bool:
            limit_ms = (time.time() - 4) * 1000
            beats = lab.log(committed=False).heartbeats
            return places == {(partition, beat.subtask) for partition, beat in beats if beat.as_of_ms > limit_ms}

        wait_until(fresh, 60, "fresh heartbeats of both subtasks in all partitions")


def test_a_quiet_customer_expires_though_all_sources_are_idle(
    broker: Broker, registry: Registry, flink: FlinkCluster, tmp_path: Path, unique_name: UniqueName
) -> None:
    lab = make_lab(broker, registry, flink, tmp_path, unique_name("purchases"), idle_timeout="1s")
    now_ms = int(time.time() * 1000)
    with lab.job(parallelism=4):  # One subtask more than partitions: it never has anything to read.
        lab.produce([lab.frame(customer_id="quiet", amount=5.0, purchased_at=now_ms - 58_000)], partition=0)
        lab.produce([lab.frame(customer_id="loud", purchased_at=now_ms)], partition=1)
        wait_until(lambda: len(lab.log(committed=False).rows) == 2, 60, "both rows")
        time.sleep(2)
        lab.produce([lab.frame(customer_id="loud", purchased_at=now_ms + 9_000)], partition=1)
        key = key_of("quiet", lab)
        wait_until(lambda: lab.log(committed=False).newest(key)["count_1m"] == 0, 30, "the expiry of one minute")
        header, row = lab.log(committed=False).rows[key][-1]
        assert (row["cause"], row["count_5m"], header.cause) == ("EXPIRY", 1, 1)


def test_a_partition_that_is_added_later_is_read_from_its_beginning(lab: ComputeLab) -> None:
    with lab.job():
        lab.produce([lab.frame(customer_id="old")])
        wait_until(lambda: lab.log(committed=False).rows, 60, "a row")
        admin = AdminClient({"bootstrap.servers": lab.broker.bootstrap_servers})
        for grown in admin.create_partitions([NewPartitions(lab.topic, 4)]).values():
            grown.result(20)
        producer = Producer({"bootstrap.servers": lab.broker.bootstrap_servers})
        wait_until(lambda: len(producer.list_topics(lab.topic, 10).topics[lab.topic].partitions) == 4, 20, "it")
        producer.produce(lab.topic, lab.frame(customer_id="new"), partition=3)
        assert producer.flush(20) == 0
        wait_until(lambda: key_of("new", lab) in lab.log(committed=False).rows, 40, "the new partition's event")


def test_sigterm_leaves_a_savepoint_from_which_the_next_job_goes_on(lab: ComputeLab) -> None:
    lab.produce([lab.frame(amount=2.0)])
    with lab.job() as first:
        wait_until(lambda: lab.log(committed=False).rows, 60, "a row")
        assert first.stop() == 0
    stopped = next(event for event in first.events() if event["event"] == "job_stopped")
    lab.produce([lab.frame(amount=3.0)])
    with lab.job(parallelism=1) as second:
        wait_until(lambda: newest_sum(lab) == 5.0, 60, "both purchases in one row")
    submitted = [event for event in second.events() if event["event"] == "job_submitted"]
    assert submitted[-1]["restored_from"].rstrip("/") == stopped["savepoint"].replace("file:/", "file:///").rstrip("/")


def test_a_second_process_watches_the_running_job_instead_of_starting_another(lab: ComputeLab) -> None:
    with lab.job():
        second = lab.start()
        try:
            wait_until(lambda: "job_adopted" in second.output(), 30, "the second process to find the job")
            assert len(lab.job_ids("RUNNING")) == 1
        finally:
            second.process.kill()
            second.process.wait()


def test_a_process_with_another_plan_of_the_generation_replaces_the_running_job(lab: ComputeLab) -> None:
    with lab.job():
        lab.produce([lab.frame(amount=2.0)])
        wait_until(lambda: lab.log(committed=False).rows, 60, "a row")
        (old,) = lab.job_ids("RUNNING")
        changed = replace(lab, plan=lab.plan.model_copy(update={"emission_interval_ms": 50}))
        second = changed.start()
        try:
            wait_until(lambda: lab.running() and lab.job_ids("RUNNING") != [old], 90, "the other plan's job")
            lab.produce([lab.frame(amount=3.0)])
            wait_until(lambda: newest_sum(lab) == 5.0, 60, "both purchases in one row")
        finally:
            assert second.stop() == 0


def test_the_process_fails_when_its_job_is_gone(lab: ComputeLab) -> None:
    with lab.job() as process:
        (job_id,) = lab.job_ids("RUNNING")
        httpx.patch(f"{lab.flink.rest_url}/jobs/{job_id}", params={"mode": "cancel"}).raise_for_status()
        assert process.process.wait(30) != 0
        assert "ClusterError" in process.output()


def newest_sum(lab: ComputeLab) -> float:
    rows = lab.log(committed=False).rows
    return float(lab.log(committed=False).newest(key_of("anna", lab))["amount_sum_24h"]) if rows else 0.0


def python_below(cluster: FlinkCluster) -> list[str]:
    """Python processes that Flink's processes started, as command lines."""
    directory = str(cluster.configuration_directory)
    servers = [
        process for process in psutil.process_iter(["cmdline"]) if directory in " ".join(process.info["cmdline"] or ())
    ]
    javas = [process for process in servers if "java" in (process.info["cmdline"] or [""])[0]]
    assert javas
    below = [child for process in javas for child in process.children(recursive=True)]
    return [" ".join(child.cmdline()) for child in below if "python" in " ".join(child.cmdline())]
