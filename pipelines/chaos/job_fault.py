"""A fault of the Flink job, and what it needs to know of the cluster."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property

from headwater.pipelines.chaos.fault import Fault
from headwater.pipelines.checkpoints import CheckpointStore, checkpoint_store
from headwater.pipelines.deployment import job_name
from headwater.pipelines.flink_rest import FlinkRest, Job
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import RunningProcess
from headwater.pipelines.stack.workers import job_state
from headwater.schemas.errors import ClusterError


class JobFault(Fault):
    """One after which the job must be the same one, or its successor, and the only one."""

    @cached_property
    def flink(self) -> FlinkRest:
        """The cluster, which is asked again and again."""
        return FlinkRest(self.lab.settings.flink_rest_url)

    @property
    def store(self) -> CheckpointStore:
        """Where the job's checkpoints and savepoints are."""
        return checkpoint_store(str(self.lab.stack.services.flink.checkpoint_directory), self.lab.plan)

    def jobs(self) -> list[Job]:
        """The view's jobs that are alive."""
        return [job for job in self.flink.jobs(job_name(self.lab.plan)) if job.is_alive]

    def runs(self) -> bool:
        """Whether all tasks of the job run."""
        return job_state(self.lab.settings.flink_rest_url, job_name(self.lab.plan)) == "RUNNING"

    def restores(self) -> int:
        """How often the running job was restored; 0 while it cannot be asked."""
        try:
            jobs = self.jobs()
            return self.flink.checkpoints(jobs[0].id).restored if jobs else 0
        except ClusterError:
            return 0

    def restored_from(self) -> str:
        """The URL of the checkpoint or savepoint that the job went on from last; empty if from none.

        Raises:
            ClusterError: the cluster cannot be asked, or there is not just one job.
        """
        jobs = self.jobs()
        if len(jobs) != 1:
            raise ClusterError(f"there should be one job of {self.lab.view}, but there are {[job.id for job in jobs]}")
        return self.flink.checkpoints(jobs[0].id).restored_from or ""

    def another_task_manager(self) -> RunningProcess:
        """Starts one more TaskManager, with as many slots as the stack's own."""
        flink = self.lab.stack.services.flink
        rpc, data, metrics = free_ports(3)
        ports = replace(flink.ports, task_manager_rpc=rpc, task_manager_data=data, task_manager_metrics=metrics)
        spec = replace(flink, ports=ports).task_manager_spec()
        return self.lab.start(replace(spec, name="taskmanager-2", log=self.lab.logs / "taskmanager-2.log"))
