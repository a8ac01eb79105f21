"""`headwater status`: what runs, where it listens, and how fresh each view is."""

from __future__ import annotations

import time
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample
from pydantic import BaseModel

from headwater.operators.conditions import METRIC as CONDITION_METRIC
from headwater.operators.freshness import STAGES
from headwater.pipelines.freshness_summary import Histogram
from headwater.pipelines.stack.state import Endpoints, Phase, ProcessRecord, StackState, StateDirectory, ViewRecord
from headwater.pipelines.stack.workers import WORKERS, job_state


class ProcessStatus(BaseModel):
    """A process of the stack as it is now; `resident_mb` is None if it is not running."""

    name: str
    state: str
    pid: int | None
    restarts: int
    exit_code: int | None
    up_seconds: float | None
    resident_mb: float | None
    log: Path
    addresses: dict[str, str]


class ViewStatus(BaseModel):
    """A view as it is now; `job` is the state of its Flink job, the rest is what its processes' metrics say.

    `conditions` are the names of those that hold, of headwater.schemas.conditions.
    """

    view: str
    generation: int
    plan: Path
    job_name: str
    sources: tuple[str, ...]
    log_topic: str
    offline_table: str
    metrics: dict[str, str]
    job: str | None
    state: str | None
    rows_written: int | None
    lag_rows: int | None
    newest_event_age_seconds: float | None
    freshness_p50_seconds: float | None
    freshness_p99_seconds: float | None
    conditions: tuple[str, ...]


class StackStatus(BaseModel):
    """All of it."""

    state_directory: Path
    phase: Phase
    problem: str | None
    supervisor_pid: int | None
    endpoints: Endpoints
    processes: list[ProcessStatus]
    views: list[ViewStatus]


def status(root: Path) -> StackStatus | None:
    """The status of the stack in this directory, or None if none was ever started there."""
    directory = StateDirectory(root)
    state = directory.read()
    if state is None:
        return None
    supervised = state.is_supervised
    return StackStatus(
        state_directory=directory.root,
        phase=state.phase if supervised or state.phase in {"stopped", "failed"} else "stopped",
        problem=state.problem if supervised or state.problem else _unsupervised_problem(state),
        supervisor_pid=state.supervisor.pid if supervised else None,
        endpoints=state.endpoints,
        processes=[_process_status(record) for record in state.processes],
        views=[_view_status(view, state.endpoints, supervised) for view in state.views],
    )


def _unsupervised_problem(state: StackState) -> str | None:
    if state.phase == "stopped":
        return None
    return "the supervisor was killed; `headwater up` starts the stack again, from where it was"


def _process_status(record: ProcessRecord) -> ProcessStatus:
    process = record.identity.find() if record.identity else None
    return ProcessStatus(
        name=record.name,
        state=record.state if process else ("stopped" if record.state == "ready" else record.state),
        pid=process.pid if process else None,
        restarts=record.restarts,
        exit_code=record.exit_code,
        up_seconds=round(time.time() - process.create_time(), 1) if process else None,
        resident_mb=round(process.memory_info().rss / 2**20, 1) if process else None,
        log=record.log,
        addresses=record.addresses,
    )


def _view_status(record: ViewRecord, endpoints: Endpoints, supervised: bool) -> ViewStatus:
    processes = {worker: _samples(record.metrics[worker]) if supervised else [] for worker in WORKERS}
    samples = processes["materialize"]

    def values(name: str) -> list[tuple[dict[str, str], float]]:
        return [(sample.labels, sample.value) for sample in samples if sample.name == name]

    states = [labels["state"] for labels, value in values("headwater_view_state") if value == 1]
    ages = [value for _, value in values("headwater_newest_event_age_seconds")]
    freshness = _freshness(values("headwater_freshness_seconds_bucket"))
    return ViewStatus(
        **record.model_dump(),
        job=job_state(endpoints.flink_rest_url, record.job_name) if supervised else None,
        state=states[0] if states else None,
        rows_written=_total(values("headwater_online_rows_written_total")),
        lag_rows=_total(values("headwater_log_lag_rows")),
        newest_event_age_seconds=round(min(ages), 3) if ages else None,
        freshness_p50_seconds=freshness.quantile(0.5),
        freshness_p99_seconds=freshness.quantile(0.99),
        conditions=tuple(
            sample.labels["condition"]
            for each in processes.values()
            for sample in each
            if sample.name == CONDITION_METRIC and sample.value == 1
        ),
    )


def _freshness(buckets: list[tuple[dict[str, str], float]]) -> Histogram:
    """From event time to visible, of any one feature: they all travel in the same rows."""
    visible = [(labels, count) for labels, count in buckets if labels["stage"] == STAGES[-1]]
    feature = visible[0][0]["feature"] if visible else None
    return Histogram({float(labels["le"]): count for labels, count in visible if labels["feature"] == feature})


def _total(values: list[tuple[dict[str, str], float]]) -> int | None:
    return int(sum(value for _, value in values)) if values else None


def _samples(url: str) -> list[Sample]:
    try:
        text = httpx.get(url, timeout=2).raise_for_status().text
    except httpx.HTTPError:
        return []
    return [sample for family in text_string_to_metric_families(text) for sample in family.samples]
