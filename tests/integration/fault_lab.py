"""What tests of the compute job's faults share: processes of their own, which they may kill."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headwater.pipelines.stack.flink import FlinkCluster, FlinkPorts
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import RunningProcess, running
from tests.integration.compute_lab import ComputeLab


@dataclass
class OwnCluster:
    """A cluster that a test may kill."""

    cluster: FlinkCluster
    job_manager: RunningProcess
    task_manager: RunningProcess

    def replace_task_manager(self) -> None:
        """SIGKILL, and a new one, as its supervisor would."""
        os.kill(self.task_manager.pid, signal.SIGKILL)
        self.task_manager.kill()
        self.task_manager = RunningProcess.start(self.cluster.task_manager_spec())

    def kill(self) -> None:
        """SIGKILL to both processes."""
        for process in (self.task_manager, self.job_manager):
            process.kill()


@contextmanager
def own_cluster(directory: Path) -> Iterator[OwnCluster]:
    cluster = FlinkCluster(
        directory=directory / "flink", log_directory=directory, ports=FlinkPorts(*free_ports(7)), slots=2
    )
    cluster.prepare()
    with running(cluster.job_manager_spec()) as job_manager:
        own = OwnCluster(cluster, job_manager, RunningProcess.start(cluster.task_manager_spec()))
        try:
            own.task_manager.wait_ready()
            yield own
        finally:
            own.task_manager.stop()


def produce_round(lab: ComputeLab, *, amount: float) -> None:
    """One purchase of each of 200 customers, over all partitions."""
    events = [lab.frame(customer_id=f"c{number}", amount=amount) for number in range(200)]
    lab.produce(events, partition=lambda number: number % 3)


def all_counted(lab: ComputeLab, *, customers: int, purchases: int, committed: bool = True) -> bool:
    """Whether the log has a row of each customer that counts so many purchases."""
    log = lab.log(committed=committed)
    return len(log.rows) == customers and all(log.newest(key)["count_24h"] == purchases for key in log.rows)
