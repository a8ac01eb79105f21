"""What people do to a job by its savepoints: another parallelism, and a state of the past."""

from __future__ import annotations

from dataclasses import replace

from headwater.pipelines.chaos.fault import Recovery
from headwater.pipelines.chaos.job_fault import JobFault
from headwater.pipelines.savepoints import restore

ASKED_WITHIN_SECONDS = 30.0


class Rescaled(JobFault):
    name = "rescaled"
    summary = "the job goes on from a savepoint with one subtask, and from another one with as many as before"
    row = 20
    seconds = 6.0

    def inject(self) -> None:
        self._savepoints: list[str] = []
        self._deploy(1)

    def heal(self) -> None:
        self._deploy(self.lab.workers.parallelism)

    def broken(self, recovery: Recovery) -> list[str]:  # noqa: ARG002
        return [
            f"the job went on from {url!r}, which is no savepoint" for url in self._savepoints if "savepoint" not in url
        ]

    def _deploy(self, parallelism: int) -> None:
        self.lab.deploy(replace(self.lab.workers, parallelism=parallelism), "compute")
        self._savepoints.append(self.restored_from())


class OldSavepoint(JobFault):
    name = "old-savepoint"
    summary = "somebody goes back to a savepoint of 10 s ago; rows may stand offline once more"
    row = 19
    seconds = 10.0

    def inject(self) -> None:
        lab = self.lab
        self._before = self._ends()
        lab.deploy(lab.workers, "compute")
        self._savepoint = self.restored_from()

    def heal(self) -> None:
        lab, compute = self.lab, self.lab.worker("compute")
        lab.hold(compute)
        restore(self.flink, self.store, lab.plan, self._savepoint)
        for topic, ends in self._ends().items():
            lab.replays.add(topic, self._before[topic], ends)
        lab.release(compute)

    def broken(self, recovery: Recovery) -> list[str]:  # noqa: ARG002
        found = self.restored_from()
        return [] if found == self._savepoint else [f"the job went on from {found!r} instead of {self._savepoint!r}"]

    def _ends(self) -> dict[str, dict[int, int]]:
        """Where the view's output topics end, each with its partitions."""
        plan, found = self.lab.plan, dict[str, dict[int, int]]()

        def answered() -> bool:
            for topic in (plan.log.topic, plan.dead_letters.topic, plan.late.topic):
                found[topic] = self.lab.ends(topic)
            return all(found.values())

        self.lab.wait_until(answered, ASKED_WITHIN_SECONDS, "the broker to say where topics end")
        return found
