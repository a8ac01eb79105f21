"""What more cores bring, and what more keys cost: state, checkpoints, recovery."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from headwater.pipelines.bench.drain import JobChoices, Progress, ViewRuns, load, middle
from headwater.pipelines.bench.events import SEED, BenchEvents, EventShape, preload
from headwater.pipelines.bench.meter import Drained, meter_of
from headwater.pipelines.bench.servers import Servers
from headwater.pipelines.bench.views import FIVE_WINDOWS, TOPIC
from headwater.pipelines.flink_rest import CheckpointCounts, FlinkRest
from headwater.schemas.errors import ClusterError

AGAIN = 100
"""Of so many keys one has a second event, after the recovery: its row is right only if the first was recovered."""

WAIT_SECONDS = 300.0
POLL_SECONDS = 0.1
GENERATIONS = 1000


@dataclass(frozen=True, slots=True)
class OnCores:
    """The full path with as many subtasks as cores; the TaskManager may use no others."""

    cores: int
    shape: EventShape
    repeats: int
    found: Drained


@dataclass(frozen=True, slots=True)
class State:
    """A job that knows so many keys, each from one event.

    Attributes:
        empty_heap_bytes, heap_bytes: what lives on the heap of the TaskManager before and with the state.
        checkpoint_bytes, checkpoint_seconds: of a checkpoint of all of it.
        outage_seconds: from the kill of the TaskManager until all tasks run again on a new one.
        recovery_seconds: of that, from when the new one was ready.
    """

    keys: int
    choices: JobChoices
    empty_heap_bytes: float
    heap_bytes: float
    checkpoint_bytes: int
    checkpoint_seconds: float
    outage_seconds: float
    recovery_seconds: float


def on_cores(
    servers: Servers, shape: EventShape, cores: Sequence[int], checkpoint_ms: int, repeats: int, progress: Progress
) -> Iterator[OnCores]:
    """The same topic with each number of cores.

    Raises:
        VerificationError: the feature log is not what the reference says.
        ClusterError, BrokerError, RegistryError, PrerequisiteError: a server failed.
    """
    topic = f"{TOPIC}.of_cores"
    events = BenchEvents(shape, int(time.time()) * 1_000_000)
    load(servers.settings(), events, topic, progress)
    for count in cores:
        settings = JobChoices(count, checkpoint_ms, "hashmap").settings(servers)
        with servers.flink(cores=count) as task_manager, closing(FlinkRest(settings.flink_rest_url)) as flink:
            meter, generation = meter_of(servers, task_manager), GENERATIONS * count
            runs = ViewRuns(settings, meter, flink, events, topic, FIVE_WINDOWS, progress, generation=generation)
            runs.run("full", checked=True)
            rounds = [runs.run("full") for _ in range(repeats)]
        yield OnCores(count, shape, repeats, middle(rounds))


def state_of(servers: Servers, keys: int, choices: JobChoices, per_second: int, progress: Progress) -> State:
    """The state of so many keys: one event of each, a checkpoint, a kill, a recovery, another event of some keys.

    Raises:
        VerificationError: a row is not the reference's after all of it.
        ClusterError, BrokerError, RegistryError, StackError, PrerequisiteError: a server failed.
    """
    settings = choices.settings(servers)
    events, topic = each_key_once(keys, per_second), f"{TOPIC}.of_{keys}_keys"
    destination = load(settings, events, topic, progress, end=keys)
    with servers.flink() as task_manager, closing(FlinkRest(settings.flink_rest_url)) as flink:
        meter = meter_of(servers, task_manager)
        runs = ViewRuns(settings, meter, flink, events, topic, FIVE_WINDOWS, progress)
        before, empty_heap = meter.before(), meter.live_heap_bytes()
        job_id = runs.submit("full")
        runs.await_events(job_id, "full", meter, before, keys)
        checkpoint = _next_checkpoint(flink, job_id)
        heap = meter.live_heap_bytes()
        progress("recovering", 0, 0)
        killed = time.monotonic()
        task_manager.kill()
        with servers.running(servers.services.flink.task_manager_spec()) as again:
            ready = time.monotonic()
            _await_tasks(flink, job_id)
            recovered = time.monotonic()
            meter = meter_of(servers, again)
            before = meter.before()
            preload(events, destination, lambda _: None, start=keys)
            runs.await_events(job_id, "full", meter, before, events.shape.events - keys)
            runs.finish(job_id)
    return State(
        keys=keys,
        choices=choices,
        empty_heap_bytes=empty_heap,
        heap_bytes=heap,
        checkpoint_bytes=checkpoint.last_bytes or 0,
        checkpoint_seconds=(checkpoint.last_duration_ms or 0) / 1000,
        outage_seconds=recovered - killed,
        recovery_seconds=recovered - ready,
    )


def each_key_once(keys: int, per_second: int) -> BenchEvents:
    """An event of each key in some order, and then another of some keys."""
    again = -(-keys // AGAIN)
    events = BenchEvents(EventShape(keys + again, keys, per_second, "uniform"), int(time.time()) * 1_000_000)
    events.keys[:keys] = np.random.default_rng(SEED).permutation(keys)
    events.keys[keys:] = np.arange(again) * AGAIN
    return events


def _next_checkpoint(flink: FlinkRest, job_id: str) -> CheckpointCounts:
    """The first checkpoint that began after this call."""
    began_ms = time.time() * 1000
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        counts = flink.checkpoints(job_id)
        ended_ms, took_ms = counts.last_completed_ms, counts.last_duration_ms
        if ended_ms is not None and took_ms is not None and ended_ms - took_ms > began_ms:
            return counts
        time.sleep(POLL_SECONDS)
    raise ClusterError(f"no checkpoint was completed within {WAIT_SECONDS:.0f} s")


def _await_tasks(flink: FlinkRest, job_id: str) -> None:
    """Until all tasks of the job have taken their state and run, in an attempt that was restored."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        if flink.checkpoints(job_id).restored > 0 and flink.task_states(job_id) == {"RUNNING"}:
            return
        time.sleep(POLL_SECONDS)
    raise ClusterError(f"the job does not run {WAIT_SECONDS:.0f} s after its TaskManager was killed")
