"""The few calls to Flink's REST interface that running a job takes."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import httpx

from headwater.schemas.errors import ClusterError

TIMEOUT_SECONDS = 10.0
POLL_SECONDS = 0.2

ENDED = frozenset({"FINISHED", "CANCELED", "FAILED"})
ENDING = frozenset({"FAILING", "CANCELLING", "SUSPENDED"})
STARTING = "STARTING"
"""A job that Flink calls RUNNING, of which not every task runs: some wait for a slot, or read their state."""

_DOING_THEIR_WORK = frozenset({"RUNNING", "FINISHED"})


class Job(NamedTuple):
    """A job of the cluster; `state` is Flink's word for it."""

    id: str
    name: str
    state: str
    started_ms: int

    @property
    def is_alive(self) -> bool:
        """Whether it runs, or will by itself."""
        return self.state not in ENDED | ENDING


class MetricRange(NamedTuple):
    """A metric of an operator over its subtasks."""

    least: float
    greatest: float
    total: float


class Failure(NamedTuple):
    """An exception that made a job fail or restart, and its causes, a line each."""

    at_ms: int
    cause: str


@dataclass(frozen=True, slots=True)
class CheckpointCounts:
    """What became of the checkpoints of a job since it was submitted.

    Attributes:
        restored_from: URL of the one that the job last went on from.
    """

    completed: int
    failed: int
    restored: int
    last_completed_ms: int | None
    last_duration_ms: int | None
    last_bytes: int | None
    last_failure: str | None
    restored_from: str | None = None


@dataclass(frozen=True, slots=True)
class Overview:
    """A cluster's version of Flink, and how many of its slots are free."""

    version: str
    slots: int


@dataclass(frozen=True, slots=True)
class JobManagerEnvironment:
    """The JobManager's JVM, as it calls itself, and the file names on its classpath."""

    version: str
    classpath: tuple[str, ...]


class FlinkRest:
    """A cluster's REST interface.

    Every call raises ClusterError if the cluster does not answer or refuses.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._client = httpx.Client(base_url=self._url, timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        """Close the connection; nothing can be called any more."""
        self._client.close()

    def overview(self) -> Overview:
        """What the cluster is."""
        found = self._get("/overview")
        return Overview(found["flink-version"], found["slots-available"])

    def configuration(self) -> dict[str, str]:
        """The JobManager's configuration."""
        return {each["key"]: each["value"] for each in self._get("/jobmanager/config")}

    def is_application(self) -> bool:
        """Whether the JobManager runs one job that it was started with (application mode), and takes no other."""
        return self.configuration().get("execution.target") == "embedded"

    def environment(self) -> JobManagerEnvironment:
        """What the JobManager runs in."""
        found = self._get("/jobmanager/environment")
        names = (path.rpartition("/")[2] for path in found["classpath"])
        return JobManagerEnvironment(found["jvm"]["version"], tuple(names))

    def jobs(self, name: str) -> list[Job]:
        """All jobs of this name that the cluster remembers, the oldest first."""
        found = [
            Job(job["jid"], job["name"], job["state"], job["start-time"])
            for job in self._get("/jobs/overview")["jobs"]
            if job["name"] == name
        ]
        return sorted(found, key=lambda job: (job.started_ms, job.id))

    def state(self, job_id: str) -> str | None:
        """The state of the job, STARTING among them, or None if the cluster does not know it."""
        job = self._get(f"/jobs/{job_id}", missing_ok=True)
        if job is None:
            return None
        waiting = any(count for state, count in job["status-counts"].items() if state not in _DOING_THEIR_WORK)
        return STARTING if job["state"] == "RUNNING" and waiting else str(job["state"])

    def task_states(self, job_id: str) -> set[str]:
        """The states that the job's tasks are in, in Flink's words; INITIALIZING is a task that takes its state."""
        return {str(vertex["status"]) for vertex in self._get(f"/jobs/{job_id}")["vertices"]}

    def parameters(self, job_id: str) -> dict[str, str]:
        """The global parameters that the job was submitted with."""
        found: dict[str, str] = self._get(f"/jobs/{job_id}/config")["execution-config"]["user-config"]
        return found

    def checkpoints(self, job_id: str) -> CheckpointCounts:
        """What became of the job's checkpoints."""
        found = self._get(f"/jobs/{job_id}/checkpoints")
        completed, failed, restored = (found["latest"][each] or {} for each in ("completed", "failed", "restored"))
        return CheckpointCounts(
            completed=found["counts"]["completed"],
            failed=found["counts"]["failed"],
            restored=found["counts"]["restored"],
            last_completed_ms=completed.get("latest_ack_timestamp"),
            last_duration_ms=completed.get("end_to_end_duration"),
            last_bytes=completed.get("state_size"),
            last_failure=failed.get("failure_message"),
            restored_from=restored.get("external_path"),
        )

    def metrics(self, job_id: str, endings: Iterable[str]) -> dict[str, list[MetricRange]]:
        """The job's own metrics whose names end so, by ending: one range for each operator that has it."""
        wanted = tuple(endings)
        found: dict[str, list[MetricRange]] = {ending: [] for ending in wanted}
        for vertex in self._get(f"/jobs/{job_id}")["vertices"]:
            path = f"/jobs/{job_id}/vertices/{vertex['id']}/subtasks/metrics"
            names = [name for metric in self._get(path) if (name := metric["id"]).endswith(wanted)]
            if names:
                answer = self._call("GET", path, params={"get": ",".join(names)}).json()
                for metric in answer:
                    ending = next(each for each in wanted if metric["id"].endswith(each))
                    found[ending].append(MetricRange(metric["min"], metric["max"], metric["sum"]))
        return found

    def root_cause(self, job_id: str) -> str:
        """The newest exception that made the job fail or restart, and its causes; empty if there is none."""
        return next((failure.cause for failure in self.failures(job_id)), "")

    def failures(self, job_id: str) -> list[Failure]:
        """What made the job fail or restart, the newest first; the cluster remembers some of them."""
        history = self._get(f"/jobs/{job_id}/exceptions")["exceptionHistory"]["entries"]
        return [Failure(entry["timestamp"], _causes(entry["stacktrace"])) for entry in history]

    def savepoint(self, job_id: str, directory: str, timeout_seconds: float) -> str:
        """Has the job take a savepoint below the directory while it goes on, and returns the savepoint's URL."""
        return self._savepoint(job_id, "savepoints", {"target-directory": directory}, timeout_seconds)

    def stop(self, job_id: str, directory: str, timeout_seconds: float) -> str:
        """Stops the job with a savepoint below the directory and returns the savepoint's URL."""
        return self._savepoint(job_id, "stop", {"targetDirectory": directory, "drain": False}, timeout_seconds)

    def cancel(self, job_id: str) -> None:
        """Asks for the job to be cancelled; its checkpoints stay."""
        self._call("PATCH", f"/jobs/{job_id}", params={"mode": "cancel"})

    def _savepoint(self, job_id: str, operation: str, body: dict[str, object], timeout_seconds: float) -> str:
        trigger = self._call("POST", f"/jobs/{job_id}/{operation}", json=body).json()["request-id"]
        deadline = time.monotonic() + timeout_seconds
        while time.monotonic() < deadline:
            answer = self._get(f"/jobs/{job_id}/savepoints/{trigger}")
            if answer["status"]["id"] == "COMPLETED":
                outcome = answer["operation"]
                if "location" in outcome:
                    return str(outcome["location"])
                cause = outcome.get("failure-cause", {}).get("stack-trace", "no reason given")
                raise ClusterError("the savepoint failed: " + " ".join(cause.splitlines()[:3]))
            time.sleep(POLL_SECONDS)
        raise ClusterError(f"the savepoint is not complete after {timeout_seconds:.0f} s")

    def _get(self, path: str, *, missing_ok: bool = False) -> Any:
        response = self._call("GET", path, missing_ok=missing_ok)
        return None if response.status_code == httpx.codes.NOT_FOUND else response.json()

    def _call(self, method: str, path: str, *, missing_ok: bool = False, **arguments: Any) -> httpx.Response:
        try:
            response = self._client.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise ClusterError(f"Flink at {self._url} does not answer: {error}") from error
        if response.is_success or (missing_ok and response.status_code == httpx.codes.NOT_FOUND):
            return response
        raise ClusterError(f"Flink at {self._url} refuses {method} {path}: {response.text[:500]}")


def _causes(stack_trace: str) -> str:
    first, *lines = stack_trace.splitlines() or [""]
    return "\n".join([first, *(line for line in lines if line.startswith("Caused by: "))])


def wait_for_end(flink: FlinkRest, job_id: str, seconds: float) -> None:
    """Returns once a job that was asked to end has ended, or the cluster does not know it any more.

    Raises:
        ClusterError: it has not within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while (state := flink.state(job_id)) is not None and state not in ENDED:
        if time.monotonic() > deadline:
            raise ClusterError(f"the job {job_id} was asked to end and is still {state}")
        time.sleep(POLL_SECONDS)
