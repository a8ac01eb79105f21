"""What people do to a view: another definition, compatible or not, and a new generation beside the old one."""

from __future__ import annotations

from typing import Any

from confluent_kafka.admin import AdminClient

from headwater.pipelines.chaos.fault import Recovery
from headwater.pipelines.chaos.job_fault import JobFault
from headwater.pipelines.chaos.lab import VIEWS
from headwater.pipelines.chaos.rides import SUBJECT
from headwater.pipelines.chaos.views import driver_rides
from headwater.pipelines.contracts import find_contract
from headwater.pipelines.reader import OnlineReader
from headwater.pipelines.settings import client_properties
from headwater.pipelines.stack.workers import WORKERS
from headwater.pipelines.topics import create_output_topics
from headwater.schemas import count_events, sum_of
from headwater.schemas.compile import compile_view
from headwater.schemas.errors import OnlineStoreError
from headwater.schemas.plan import Plan

REFUSED_WITHIN_SECONDS = 60.0
SWITCHED_WITHIN_SECONDS = 300.0

# What these need stands in the state, and their windows are the view's own.
MORE = (count_events(over="1h"), sum_of("stops", over="10m"))
TOO_MUCH = count_events(over="2h")


class DefinitionChanged(JobFault):
    name = "definition-changed"
    summary = "an incompatible definition is refused, then a compatible one goes on from a savepoint; and back again"
    row = 18
    seconds = 6.0

    def inject(self) -> None:
        lab = self.lab
        self._refusal = self._refused()
        changed = _compiled(lab.plan, features=(*driver_rides.features, *MORE))
        lab.definitions.append(changed)
        lab.deploy(lab.changed_plan(changed, "changed"), *WORKERS)
        self._savepoint = self.restored_from()

    def heal(self) -> None:
        self.lab.deploy(self.lab.workers, *WORKERS)

    def broken(self, recovery: Recovery) -> list[str]:  # noqa: ARG002
        went_on = "savepoint" in self._savepoint
        return [*self._refusal, *([] if went_on else [f"the changed job went on from {self._savepoint!r}"])]

    def _refused(self) -> list[str]:
        """What is wrong with how a definition was met that the state lacks something for."""
        lab = self.lab
        before = self.jobs()
        workers = lab.changed_plan(_compiled(lab.plan, features=(*driver_rides.features, TOO_MUCH)), "refused")
        spec = lab.rival("compute", workers)
        process = lab.start(spec)
        lab.wait_until(
            lambda: process.exit_code is not None, REFUSED_WITHIN_SECONDS, "an incompatible definition to be refused"
        )
        said = spec.log.read_text()
        wrong = [] if process.exit_code else ["an incompatible definition was taken"]
        wrong += [] if "windows.2h is new" in said else ["nobody said that the window of 2h is new"]
        return wrong + ([] if self.jobs() == before else ["the job was touched for a definition that was refused"])


class NewGeneration(JobFault):
    """The processes of the new generation run beside those of the old one, and then take their place."""

    name = "new-generation"
    summary = "a new generation is computed beside the old one until readers have switched to it; then the old one ends"
    row = 19

    def inject(self) -> None:
        lab = self.lab
        plan = _compiled(lab.plan, generation=lab.plan.generation + 1)
        self._next = lab.changed_plan(plan, f"g{plan.generation}")
        create_output_topics(AdminClient({**client_properties(lab.settings), "log_level": 0}), plan)
        self._task_manager = self.another_task_manager()
        self._beside = [lab.start(lab.rival(worker, self._next)) for worker in WORKERS]
        lab.wait_until(
            lambda: self._shown() == plan.generation, SWITCHED_WITHIN_SECONDS, "readers to see the new generation"
        )

    def heal(self) -> None:
        for process in (*self._beside, self._task_manager):
            process.stop()
        self.lab.deploy(self._next, *WORKERS)
        self.lab.succeed(self._next)

    def _shown(self) -> int:
        """The generation that readers see."""
        try:
            with OnlineReader(self.lab.settings.redis_url.get_secret_value(), self.lab.view) as reader:
                return reader.plan().generation
        except OnlineStoreError:
            return 0


def _compiled(plan: Plan, **changes: Any) -> Plan:
    """The plan of the view with these changes, and of the plan's generation if they do not say another."""
    view = driver_rides.model_copy(update={"generation": plan.generation, **changes})
    return compile_view(view, find_contract(SUBJECT, [VIEWS.parent]).newest)
