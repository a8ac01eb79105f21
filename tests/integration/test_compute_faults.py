"""What the compute job survives: each fault is caused to a real process."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import FlinkCluster
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import RunningProcess
from headwater.pipelines.stack.registry import Registry
from tests.integration.compute_lab import ComputeLab, key_of, make_lab
from tests.integration.fault_lab import all_counted, own_cluster, produce_round
from tests.waiting import wait_until

UniqueName = Callable[[str], str]

pytestmark = pytest.mark.slow


def test_the_job_resumes_after_the_task_manager_is_killed_and_no_row_is_missing_or_double(
    broker: Broker, registry: Registry, tmp_path: Path, unique_name: UniqueName
) -> None:
    with own_cluster(tmp_path) as own:
        lab = make_lab(broker, registry, own.cluster, tmp_path, unique_name("purchases"))
        with lab.job(checkpoint_interval_ms=1_000):
            for round_number in range(4):
                produce_round(lab, amount=round_number + 1.0)
                if round_number in {1, 2}:
                    time.sleep(0.7)
                    own.replace_task_manager()
                    wait_until(lab.running, 90, "the job to run again")
                time.sleep(1.5)
            wait_until(lambda: all_counted(lab, customers=200, purchases=4), 60, "every purchase in the committed log")
            log = lab.log()
    for rows in log.rows.values():
        versions = [header[:3] for header, _ in rows]
        assert versions == sorted(set(versions)), "committed versions of a key only rise, and none comes twice"


def test_a_new_process_goes_on_from_the_newest_checkpoint_after_the_whole_cluster_was_killed(
    broker: Broker, registry: Registry, tmp_path: Path, unique_name: UniqueName
) -> None:
    with own_cluster(tmp_path) as own:
        lab = make_lab(broker, registry, own.cluster, tmp_path, unique_name("purchases"))
        with lab.job(checkpoint_interval_ms=1_000) as process:
            produce_round(lab, amount=1.0)
            wait_until(lambda: all_counted(lab, customers=200, purchases=1), 60, "the first purchases")
            own.kill()
            produce_round(lab, amount=2.0)
            assert process.process.wait(60) != 0
    with own_cluster(tmp_path) as own, replace(lab, flink=own.cluster).job(checkpoint_interval_ms=1_000) as process:
        wait_until(lambda: all_counted(lab, customers=200, purchases=2), 60, "all purchases")
        submitted = [event for event in process.events() if event["event"] == "job_submitted"]
        assert "/chk-" in submitted[-1]["restored_from"]


def test_a_source_waits_for_the_registry_and_rejects_nothing_for_it(
    broker: Broker, registry: Registry, flink: FlinkCluster, tmp_path: Path, unique_name: UniqueName
) -> None:
    port, management_port = free_ports(2)
    directory, log = tmp_path / "registry", tmp_path / "registry.log"
    own = replace(registry, directory=directory, log=log, port=port, management_port=management_port)
    process = RunningProcess.start(own.spec())
    try:
        process.wait_ready()
        lab = make_lab(broker, own, flink, tmp_path, unique_name("purchases"))
        with lab.job():
            process.kill()
            lab.produce([lab.frame(customer_id="patient")])
            wait_until(lambda: unavailable(lab), 20, "the metric that says that the registry is away")
            time.sleep(3)
            assert not lab.log(committed=False).rows
            process = RunningProcess.start(own.spec())
            process.wait_ready()
            wait_until(lambda: key_of("patient", lab) in lab.log().rows, 60, "the event that waited")
            wait_until(lambda: not unavailable(lab), 20, "the metric to say that it is back")
            assert lab.dead_letters() == []
    finally:
        process.kill()


def unavailable(lab: ComputeLab) -> bool:
    metrics = httpx.get(f"http://127.0.0.1:{lab.flink.ports.task_manager_metrics}/metrics").text
    lines = [line for line in metrics.splitlines() if "registry_unavailable{" in line and lab.plan.view in line]
    return any(float(line.rpartition(" ")[2]) == 1 for line in lines)
