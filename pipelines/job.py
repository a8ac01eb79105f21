"""A view's job on a Flink cluster: found or submitted, watched, and stopped with a savepoint."""

from __future__ import annotations

import threading
import time
from typing import get_args
from uuid import uuid4

import structlog
from prometheus_client import CollectorRegistry, Counter, Enum, Gauge

from headwater.pipelines.broken_restores import REFUSED, cannot_restore, is_damaged
from headwater.pipelines.checkpoints import checkpoint_store
from headwater.pipelines.deployment import job_name
from headwater.pipelines.flink_rest import ENDED, STARTING, CheckpointCounts, FlinkRest, Job, wait_for_end
from headwater.pipelines.groundwork import lay_groundwork
from headwater.pipelines.jars import job_jars
from headwater.pipelines.job_conditions import JOB_METRICS, JobConditions
from headwater.pipelines.settings import Settings
from headwater.pipelines.submission import PLAN_PARAMETER, prepare, submit_in_child
from headwater.pipelines.unusable import RETAINED, Note, PassedOver, Reason, Restoration
from headwater.schemas.errors import ClusterError, SettingsError
from headwater.schemas.plan import Plan

WATCH_SECONDS = 1.0
LOOK_SECONDS = 5.0
"""Between looks at the job's own metrics, of which the cluster has new ones every ten seconds."""
PATIENCE_SECONDS = 15.0
"""For so long the cluster may be silent, or a job of the view be on its way out, before this process gives up."""

SAVEPOINT_SECONDS = 40.0

STATES = (
    "INITIALIZING",
    "CREATED",
    STARTING,
    "RUNNING",
    "RESTARTING",
    "RECONCILING",
    "FAILING",
    "CANCELLING",
    "SUSPENDED",
    "FINISHED",
    "CANCELED",
    "FAILED",
    "UNKNOWN",
)

_log = structlog.get_logger(__name__)


class ComputeJob:
    """The life of a view's job as one process sees it; `run` it once."""

    def __init__(self, settings: Settings, plan: Plan, stop: threading.Event, registry: CollectorRegistry) -> None:
        self._settings = settings
        self._plan = plan
        self._stop = stop
        self._name = job_name(plan)
        self._flink = FlinkRest(settings.flink_rest_url)
        self._store = checkpoint_store(settings.checkpoint_dir, plan)
        self._metrics = JobMetrics(plan.view, registry)
        self._conditions = JobConditions(settings, plan, registry)
        self._next_look = 0.0
        self._state = "UNKNOWN"
        self._is_given_up = self._is_tidy = False

    def run(self) -> None:
        """See `headwater.pipelines.compute.run`."""
        job_id = self._adopt() or self._submit()
        while job_id is not None:
            if self._watch(job_id):
                self._stop_with_savepoint(job_id)
                return
            job_id = self._submit()

    def _adopt(self) -> str | None:
        """The id of the job that runs this plan already; waits for one of the view that is ending to be gone.

        A JobManager that has just taken over lists its jobs before it knows what they were submitted with: that is
        waited for as well, since such a job is no other view's, but this one, about to resume.
        """
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._stop.is_set():
            there = [job for job in self._flink.jobs(self._name) if job.state not in ENDED]
            alive = [job for job in there if job.is_alive]
            for newer in alive[1:]:
                # Two jobs of one view would abort each other's transactions and commit each its own rows.
                _log.warning("second_job_cancelled", cancelled=newer.id, kept=alive[0].id)
                self._flink.cancel(newer.id)
            plan_digest = self._flink.parameters(alive[0].id).get(PLAN_PARAMETER) if alive else None
            if alive and plan_digest == self._plan.digest():
                _log.info("job_adopted", job_id=alive[0].id, state=alive[0].state)
                return alive[0].id
            if alive and plan_digest is not None:
                self._store.check_unchanged(self._plan)
                _log.info("job_replaced", job_id=alive[0].id, reason="it runs another plan of this view and generation")
                self._stop_with_savepoint(alive[0].id)
            if not there:
                return None
            if time.monotonic() > deadline:
                trouble = "does not say which plan it runs" if alive else "does not end"
                raise ClusterError(f"the job {self._name} is {there[0].state} and {trouble}")
            self._stop.wait(WATCH_SECONDS)
        return None

    def _submit(self) -> str | None:
        """Submits the job; returns None if this process was asked to end first."""
        while True:
            decided = self._store.decision()
            deployment, origin, _ = lay_groundwork(self._settings, self._plan)
            for each in origin.passed_over:
                self._metrics.passed_over(each)
                self._conditions.goes_back(each.reason)
            if self._stop.is_set():
                return None
            submission = prepare(self._plan, deployment, self._settings, jars=job_jars(), restore_from=origin.url)
            try:
                job_id = submit_in_child(submission)
            except ClusterError as error:
                if origin.url is None or not is_damaged(str(error)):
                    raise
                _log.warning("checkpoint_damaged", checkpoint=origin.url, cause=str(error))
                self._store.note(uuid4().hex, Note(reason="damaged", restored_from=origin.url))
            else:
                self._is_given_up = self._is_tidy = False
                _log.info("job_submitted", job_id=job_id, name=self._name, restored_from=origin.url)
                if not self._gives_way(job_id, decided):
                    return self._yield_to_older(job_id)

    def _gives_way(self, job_id: str, decided: Restoration | None) -> bool:
        """Whether somebody has gone back to a savepoint while the job was submitted, and saw no job to cancel.

        The job is ended then, and what it may have written is left behind too.
        """
        now = self._store.decision()
        if now is None or now == decided:
            return False
        _log.warning("job_gives_way", job_id=job_id, restored=now.to)
        self._store.decide(now.model_copy(update={"jobs": (*now.jobs, job_id)}))
        self._flink.cancel(job_id)
        wait_for_end(self._flink, job_id, PATIENCE_SECONDS)
        return True

    def _yield_to_older(self, job_id: str) -> str:
        """Two processes may have submitted the job at once: the older job stays, and both watch it."""
        alive: list[Job] = [job for job in self._flink.jobs(self._name) if job.is_alive]
        if not alive or alive[0].id == job_id:
            return job_id
        _log.warning("job_submitted_twice", cancelled=job_id, kept=alive[0].id)
        self._flink.cancel(job_id)
        return alive[0].id

    def _watch(self, job_id: str) -> bool:
        """Returns True once this process is asked to end, False if another job has to go on from an older checkpoint.

        Raises:
            ClusterError: the job has ended, or the cluster lost it or does not answer any more.
        """
        heard = time.monotonic()
        while not self._stop.wait(WATCH_SECONDS):
            try:
                state = self._flink.state(job_id)
                if state is not None and state not in ENDED:
                    self._look(job_id)
            except ClusterError as error:
                self._changed("UNKNOWN", error=str(error))
                if time.monotonic() - heard > PATIENCE_SECONDS:
                    raise
                continue
            heard = time.monotonic()
            if not self._judge(job_id, state):
                return False
        return True

    def _look(self, job_id: str) -> None:
        counts = self._flink.checkpoints(job_id)
        self._metrics.report(counts)
        self._conditions.checkpoints(counts)
        if time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + LOOK_SECONDS
            self._conditions.metrics(self._flink.metrics(job_id, JOB_METRICS))
            failures = self._flink.failures(job_id)
            if cannot_restore(failures, counts):
                _log.warning("checkpoint_damaged", checkpoint=counts.restored_from, cause=failures[0].cause)
                self._is_given_up = True
                self._flink.cancel(job_id)
                self._store.note(job_id, Note(reason="damaged", restored_from=counts.restored_from))
        if counts.completed >= RETAINED and not self._is_tidy:
            self._is_tidy = True
            self._tidy()

    def _tidy(self) -> None:
        try:
            if deleted := self._store.tidy():
                _log.info("checkpoints_deleted", directories=deleted)
        except SettingsError as error:
            _log.warning("checkpoints_not_deleted", error=str(error))

    def _judge(self, job_id: str, state: str | None) -> bool:
        """False if the job has ended because its newest checkpoint must not be gone on from."""
        if state is None:
            raise ClusterError(f"the cluster has lost the job {self._name} ({job_id})")
        if state in ENDED:
            cause = self._flink.root_cause(job_id)
            self._changed(state, **({"cause": cause} if cause else {}))
            if REFUSED in cause or self._is_given_up:
                return False
            raise ClusterError(f"the job {self._name} is {state}. {cause}".strip())
        if state != self._state:
            cause = self._flink.root_cause(job_id) if state in {"RESTARTING", "FAILING"} else ""
            self._changed(state, **({"cause": cause} if cause else {}))
        return True

    def _changed(self, state: str, **details: str) -> None:
        if state != self._state:
            log = _log.info if state in {"RUNNING", STARTING, "CREATED", "INITIALIZING", "FINISHED"} else _log.warning
            log("job_state", state=state, before=self._state, **details)
            self._state = state
        self._metrics.state(state)
        self._conditions.state(state)

    def _stop_with_savepoint(self, job_id: str) -> None:
        try:
            savepoint = self._flink.stop(job_id, self._store.stops, SAVEPOINT_SECONDS)
        except ClusterError as error:
            # The newest checkpoint serves as well: what came after it is read again.
            _log.warning("job_cancelled_without_savepoint", error=str(error))
            self._flink.cancel(job_id)
            return
        _log.info("job_stopped", savepoint=savepoint)
        try:
            self._store.sign(savepoint)
        except SettingsError as error:
            _log.warning("savepoint_not_signed", error=str(error))


class JobMetrics:
    """What the watching process tells of the job; the job's own metrics are on the TaskManager."""

    def __init__(self, view: str, registry: CollectorRegistry) -> None:
        labels, values = ["view"], {"view": view}
        self._state = Enum(
            "headwater_job", "State of the view's Flink job.", labels, states=list(STATES), registry=registry
        ).labels(**values)
        self._completed = Counter(
            "headwater_checkpoints_completed", "Checkpoints that were completed.", labels, registry=registry
        ).labels(**values)
        self._failed = Counter(
            "headwater_checkpoints_failed", "Checkpoints that failed.", labels, registry=registry
        ).labels(**values)
        self._restored = Gauge(
            "headwater_job_restores", "Times the running job was restored.", labels, registry=registry
        ).labels(**values)
        self._last = Gauge(
            "headwater_last_checkpoint_timestamp_seconds", "When the newest was completed.", labels, registry=registry
        ).labels(**values)
        self._duration = Gauge(
            "headwater_last_checkpoint_duration_seconds", "How long the newest took.", labels, registry=registry
        ).labels(**values)
        passed_over = Counter(
            "headwater_checkpoints_passed_over",
            "Times that the job did not go on from a checkpoint because it is unusable.",
            [*labels, "reason"],
            registry=registry,
        )
        self._passed_over = {reason: passed_over.labels(view, reason) for reason in get_args(Reason)}
        self._bytes = Gauge(
            "headwater_last_checkpoint_size_bytes", "State in the newest.", labels, registry=registry
        ).labels(**values)
        self._before = CheckpointCounts(0, 0, 0, None, None, None, None, None)

    def state(self, state: str) -> None:
        """Say which state the job is in."""
        self._state.state(state if state in STATES else "UNKNOWN")

    def passed_over(self, checkpoint: PassedOver) -> None:
        """Say that the job goes on from another checkpoint, though this one is newer."""
        self._passed_over[checkpoint.reason].inc()

    def report(self, now: CheckpointCounts) -> None:
        """Say what became of the job's checkpoints; a failure is logged."""
        before, self._before = self._before, now
        self._completed.inc(max(0, now.completed - before.completed))
        self._failed.inc(max(0, now.failed - before.failed))
        self._restored.set(now.restored)
        if now.last_completed_ms is not None:
            self._last.set(now.last_completed_ms / 1000)
            self._duration.set((now.last_duration_ms or 0) / 1000)
            self._bytes.set(now.last_bytes or 0)
        # Before all tasks run, every attempt counts as failed, without a cause.
        if now.last_failure is not None and now.failed > before.failed:
            _log.warning("checkpoint_failed", failed=now.failed, cause=now.last_failure)
