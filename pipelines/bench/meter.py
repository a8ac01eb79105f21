"""How far a job is, and what CPU its TaskManager has used for it."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

import httpx

from headwater.pipelines.bench.servers import Servers, tree_cpu_seconds
from headwater.pipelines.flink_rest import ENDED, FlinkRest
from headwater.pipelines.stack.ports import LOOPBACK
from headwater.pipelines.stack.process import RunningProcess
from headwater.schemas.errors import ClusterError, PrerequisiteError, VerificationError

POLL_SECONDS = 0.4
STALLED_SECONDS = 60.0
WARM_UP = 0.2
"""The share of the events during which a job has just started."""

_COUNTER = re.compile(
    r"^flink_taskmanager_job_task_operator_numRecords(?P<way>In|Send)"
    r'\{[^}]*job_id="(?P<job>\w+)"[^}]*\} (?P<value>\S+)$',
    re.MULTILINE,
)
_HEAP_USED = re.compile(r"^flink_taskmanager_Status_JVM_Memory_Heap_Used(?:\{[^}]*\})? (\S+)$", re.MULTILINE)
_OPERATOR = re.compile(r'operator_name="([^"]+)"')


class Sample(NamedTuple):
    """At a moment of the monotonic clock: events that are through all operators, rows sent, CPU of the TaskManager."""

    at_seconds: float
    events: int
    rows: int
    cpu_seconds: float


class Drained(NamedTuple):
    """What a job needed for its events, between two samples; whether that includes its start."""

    events_per_second: float
    cpu_us_per_event: float
    rows_per_event: float
    with_start: bool


def meter_of(servers: Servers, task_manager: RunningProcess) -> Meter:
    """The meter of one of the servers."""
    url = f"http://{LOOPBACK}:{servers.services.flink.ports.task_manager_metrics}/metrics"
    return Meter(url, task_manager.pid)


class Meter:
    """Reads a TaskManager's own metrics, which are exact at the moment that they are read."""

    def __init__(self, metrics_url: str, pid: int) -> None:
        self._url = metrics_url
        self._pid = pid

    def before(self) -> Sample:
        """The sample before a job is submitted."""
        return Sample(time.monotonic(), 0, 0, tree_cpu_seconds(self._pid))

    def sample(self, job_id: str, operators: int) -> Sample:
        """A sample of a job that has so many operators in a row.

        Raises:
            ClusterError: the TaskManager does not answer.
        """
        text = self._text()
        received: defaultdict[str, float] = defaultdict(float)
        sent = 0.0
        for found in _COUNTER.finditer(text):
            operator = _OPERATOR.search(found[0])
            if found["job"] != job_id or operator is None:
                continue
            if found["way"] == "Send":
                sent += float(found["value"])
            elif operator[1].startswith(_IN_A_ROW):
                received[operator[1]] += float(found["value"])
        through = min(received.values()) if len(received) == operators else 0.0
        return Sample(time.monotonic(), int(through), int(sent), tree_cpu_seconds(self._pid))

    def live_heap_bytes(self) -> float:
        """What lives on the heap, after a collection of all of it.

        Raises:
            ClusterError: the TaskManager does not answer.
            PrerequisiteError: there is no jcmd, which a JDK has.
        """
        jcmd = shutil.which("jcmd")
        if jcmd is None:
            raise PrerequisiteError("jcmd is missing, with which the heap is collected: install a JDK")
        subprocess.run((jcmd, str(self._pid), "GC.run"), capture_output=True, check=True)
        found = _HEAP_USED.search(self._text())
        if found is None:
            raise ClusterError(f"the TaskManager does not tell its heap at {self._url}")
        return float(found[1])

    def _text(self) -> str:
        try:
            return httpx.get(self._url, timeout=10).raise_for_status().text
        except httpx.HTTPError as error:
            raise ClusterError(f"the TaskManager does not tell its metrics at {self._url}: {error}") from error


_IN_A_ROW = ("Source:", "router", "kernel", "discard")


def drained(
    meter: Meter,
    flink: FlinkRest,
    job_id: str,
    before: Sample,
    *,
    operators: int,
    events: int,
    progress: Callable[[int], None],
) -> Drained:
    """Waits until the job has taken in all of the events, and tells what that needed.

    Args:
        before: the sample before it was submitted.
        operators: how many there are in a row.
        progress: is told how many events are through.

    Raises:
        ClusterError: the job ended, or the cluster does not answer.
        VerificationError: the job stands still.
    """
    samples = [meter.sample(job_id, operators)]
    moved = time.monotonic()
    while samples[-1].events < events:
        progress(samples[-1].events)
        time.sleep(POLL_SECONDS)
        samples.append(meter.sample(job_id, operators))
        if samples[-1].events > samples[-2].events:
            moved = time.monotonic()
        if time.monotonic() - moved > STALLED_SECONDS:
            raise VerificationError(f"the job stands still after {samples[-1].events:,} of {events:,} events")
        if (state := flink.state(job_id)) is None or state in ENDED:
            raise ClusterError(f"the job is {state}. {flink.root_cause(job_id)}".strip())
    progress(events)
    return between(before, samples, events)


def between(before: Sample, samples: Sequence[Sample], events: int) -> Drained:
    """What the events needed, from when the job had warmed up until it was nearly done.

    A job that was done too soon for that is measured with its start.
    """
    steady = [sample for sample in samples if events * WARM_UP <= sample.events < events]
    whole = len(steady) < 2
    first, last = (before, samples[-1]) if whole else (steady[0], steady[-1])
    count = min(last.events, events) - first.events
    return Drained(
        count / (last.at_seconds - first.at_seconds),
        (last.cpu_seconds - first.cpu_seconds) * 1e6 / count,
        (last.rows - first.rows) / count,
        whole,
    )
