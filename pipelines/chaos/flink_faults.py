"""Faults of the Flink cluster and of the job."""

from __future__ import annotations

import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

from headwater.pipelines.chaos.fault import ProcessAway, Recovery
from headwater.pipelines.chaos.job_fault import JobFault

FAILOVER_SECONDS = 90.0
ZOMBIE_SECONDS = 4.0
"""How long a zombie may try to write what it still had in hand."""


class TaskManagerKilled(JobFault):
    name = "taskmanager-kill"
    summary = "SIGKILL of the TaskManager, three times, at random moments"
    row = 1

    def inject(self) -> None:
        self.kill_again_and_again("taskmanager", 3, 8.0)


class TaskManagerAway(ProcessAway):
    name = "taskmanager-away"
    summary = "SIGKILL of the TaskManager, which stays away for 15 s"
    row = 1
    seconds = 15.0
    tells = frozenset({"job_down", "stuck"})
    process = "taskmanager"


class JobManagerKilled(JobFault):
    name = "jobmanager-kill"
    summary = "SIGKILL of the JobManager; another one leads after ZooKeeper has given the first up"
    row = 2
    tells = frozenset({"job_down"})

    def inject(self) -> None:
        (self._job,) = self.jobs()
        self.lab.kill("jobmanager")

    def broken(self, recovery: Recovery) -> list[str]:  # noqa: ARG002
        ids = [job.id for job in self.jobs()]
        return [] if ids == [self._job.id] else [f"job {self._job.id} should have resumed, but there are {ids}"]


class CheckpointFailing(JobFault):
    name = "checkpoint-failing"
    summary = "checkpoints cannot be written; then the TaskManager is killed, and the newest one restored"
    row = 3
    seconds = 40.0
    tells = frozenset({"checkpoints_failing"})

    def inject(self) -> None:
        self._directory = Path(urlsplit(self.store.url).path)
        self._aside = self._directory.with_suffix(".aside")
        self._directory.rename(self._aside)
        self._directory.write_text("in the way")

    def heal(self) -> None:
        self._directory.unlink()
        self._aside.rename(self._directory)
        self.lab.kill("taskmanager")


class Zombie(JobFault):
    name = "zombie-taskmanager"
    summary = "SIGSTOP of the TaskManager until another one has its work, then SIGCONT"
    row = 4
    tells = frozenset({"stuck"})

    def inject(self) -> None:
        before = self.restores()
        self._zombie = self.lab.send("taskmanager", signal.SIGSTOP)
        self._other = self.another_task_manager()
        self.lab.wait_until(
            lambda: self.restores() > before and self.runs(), FAILOVER_SECONDS, "the job to run on another TaskManager"
        )

    def heal(self) -> None:
        if self.lab.send("taskmanager", signal.SIGCONT) == self._zombie:
            time.sleep(ZOMBIE_SECONDS)
        self.lab.kill_extra(self._other)


class SecondJob(JobFault):
    name = "second-compute"
    summary = "a second `headwater compute` of the same view, then SIGKILL to it"
    row = 19
    seconds = 10.0

    def inject(self) -> None:
        (self._job,) = self.jobs()
        self._rival = self.lab.start(self.lab.rival("compute"))

    def heal(self) -> None:
        self._there = [job.id for job in self.jobs()]
        self.lab.kill_extra(self._rival)

    def broken(self, recovery: Recovery) -> list[str]:  # noqa: ARG002
        return [] if self._there == [self._job.id] else [f"one job should run, {self._job.id}; there are {self._there}"]
