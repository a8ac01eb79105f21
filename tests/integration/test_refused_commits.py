"""Checkpoints that a job must not go on from: their commit was refused after an outage, or they are damaged."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from headwater.pipelines.stack import artifacts
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import RunningProcess
from headwater.pipelines.stack.registry import Registry
from headwater.pipelines.unusable import RETAINED
from tests.integration.compute_lab import ComputeLab, ComputeProcess, make_lab
from tests.integration.fault_lab import OwnCluster, all_counted, own_cluster, produce_round
from tests.waiting import wait_until

UniqueName = Callable[[str], str]

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]

TRANSACTION_TIMEOUT_SECONDS = 10
OUTAGE_SECONDS = TRANSACTION_TIMEOUT_SECONDS + 2
CUSTOMERS = 200


class OwnBroker:
    """A broker that a test may kill, and start again."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._process = RunningProcess.start(broker.spec())
        self._process.wait_ready()

    def kill(self) -> None:
        self._process.kill()

    def start(self) -> None:
        self._process = RunningProcess.start(self.broker.spec())
        self._process.wait_ready()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[OwnBroker]:
    port, controller_port = free_ports(2)
    directory, log = tmp_path / "broker", tmp_path / "broker.log"
    own = Broker(directory, log, port, controller_port, artifacts.broker_classpath())
    own.prepare()
    started = OwnBroker(own)
    yield started
    started.kill()


def test_rows_whose_commit_is_refused_after_an_outage_are_written_and_committed_again(
    own_broker: OwnBroker, registry: Registry, tmp_path: Path, unique_name: UniqueName
) -> None:
    with own_cluster(tmp_path) as own:
        lab = make_lab(own_broker.broker, registry, own.cluster, tmp_path, unique_name("purchases"))
        with lab.job(
            checkpoint_interval_ms=3_000, transaction_timeout_ms=1_000 * TRANSACTION_TIMEOUT_SECONDS
        ) as process:
            produce_round(lab, amount=1.0)
            wait_until(lambda: all_counted(lab, customers=CUSTOMERS, purchases=1), 60, "the first purchases")
            wait_until(lambda: len(complete_checkpoints(lab)) == RETAINED, 60, "checkpoints to go back to")
            rounds = stop_between_the_phases(lab, own)
            own_broker.kill()
            time.sleep(OUTAGE_SECONDS)
            own_broker.start()
            own.replace_task_manager()
            wait_until(lambda: all_counted(lab, customers=CUSTOMERS, purchases=rounds), 150, "every purchase")
            produce_round(lab, amount=0.5)
            wait_until(lambda: all_counted(lab, customers=CUSTOMERS, purchases=rounds + 1), 60, "new purchases")
        assert reasons(process) == {"commit_refused"}
        submitted = [event["restored_from"] for event in process.events() if event["event"] == "job_submitted"]
        assert [bool(each) for each in submitted] == [False, True]
    check_the_log(lab)


def test_a_damaged_checkpoint_is_passed_over_whether_its_state_or_its_metadata_is_missing(
    broker: Broker, registry: Registry, tmp_path: Path, unique_name: UniqueName
) -> None:
    view = unique_name("purchases")
    with own_cluster(tmp_path) as own:
        lab = make_lab(broker, registry, own.cluster, tmp_path, view)
        with lab.job(checkpoint_interval_ms=1_000, parallelism=1):
            produce_round(lab, amount=1.0)
            wait_until(lambda: all_counted(lab, customers=CUSTOMERS, purchases=1), 60, "the first purchases")
            wait_until(lambda: len(complete_checkpoints(lab)) > 1, 60, "one more checkpoint")
            own.kill()
    for purchases, damage in ((2, delete_state), (3, cut_metadata)):
        damage(newest_checkpoint(lab))
        produce_round(lab, amount=float(purchases))
        with own_cluster(tmp_path) as own:
            again = replace(lab, flink=own.cluster)
            with again.job(checkpoint_interval_ms=1_000, parallelism=1) as process:
                wait_until(partial(all_counted, lab, customers=CUSTOMERS, purchases=purchases), 120, "all purchases")
                assert reasons(process) == {"damaged"}
                wait_until(lambda: len(complete_checkpoints(lab)) > 1, 60, "one more checkpoint")
                own.kill()


def delete_state(checkpoint: Path) -> None:
    for file in checkpoint.iterdir():
        if file.name != "_metadata":
            file.unlink()


def cut_metadata(checkpoint: Path) -> None:
    metadata = checkpoint / "_metadata"
    metadata.write_bytes(metadata.read_bytes()[:100])


def newest_checkpoint(lab: ComputeLab) -> Path:
    return max(complete_checkpoints(lab), key=lambda metadata: metadata.stat().st_mtime_ns).parent


def stop_between_the_phases(lab: ComputeLab, own: OwnCluster) -> int:
    """Stops the TaskManager once its checkpoint is complete and before it hears of that; how many rounds were sent.

    The JobManager writes the metadata when all sinks have prepared their commits, and only then tells them to commit.
    """
    for rounds in range(2, 20):
        produce_round(lab, amount=float(rounds))
        wait_until(partial(all_counted, lab, customers=CUSTOMERS, purchases=rounds, committed=False), 60, "rows")
        await_checkpoint(lab)
        os.kill(own.task_manager.pid, signal.SIGSTOP)
        if all_counted(lab, customers=CUSTOMERS, purchases=rounds - 1):  # and so no part of this round is committed
            return rounds
        os.kill(own.task_manager.pid, signal.SIGCONT)
    raise AssertionError("the TaskManager always committed before it was stopped")


def await_checkpoint(lab: ComputeLab) -> None:
    """Returns as soon as another checkpoint is complete: a moment later would be too late."""
    known = complete_checkpoints(lab)
    while complete_checkpoints(lab) <= known:
        pass


def complete_checkpoints(lab: ComputeLab) -> set[Path]:
    return set(lab.directory.glob("checkpoints/*/*/chk-*/_metadata"))


def reasons(process: ComputeProcess) -> set[str]:
    """Why checkpoints were passed over."""
    return {event["reason"] for event in process.events() if event["event"] == "checkpoint_passed_over"}


def check_the_log(lab: ComputeLab) -> None:
    """The committed rows of each key rise, none comes twice, and the last equals the reference."""
    log = lab.log()
    for key, seen in lab.reference_events().items():
        versions = [header[:3] for header, _ in log.rows[key]]
        assert versions == sorted(set(versions))
        header, row = log.rows[key][-1]
        lab.check_row(seen, header, row)
