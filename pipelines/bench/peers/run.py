"""Headwater and its peers on one topic, in turn."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from itertools import product
from statistics import median

from headwater.pipelines.bench.drain import JobChoices, Progress, ViewRuns, load
from headwater.pipelines.bench.events import PARTITIONS, SCHEMA, BenchEvents, EventShape
from headwater.pipelines.bench.meter import Drained, meter_of
from headwater.pipelines.bench.peers.catalogue import Peer
from headwater.pipelines.bench.peers.check import Checked, check_results, parse
from headwater.pipelines.bench.peers.running import Rate, Run, run_job, run_program
from headwater.pipelines.bench.peers.task import Task
from headwater.pipelines.bench.servers import Servers
from headwater.pipelines.bench.views import TOPIC
from headwater.pipelines.flink_rest import FlinkRest
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.sources import create_source_topics
from headwater.pipelines.verification.topics import read_committed
from headwater.schemas.durations import to_ms

WINDOWS: dict[int, tuple[str, ...]] = {1: ("10m",), 5: ("10m", "15m", "20m", "30m", "1h")}
"""By their number; each is a multiple of the hop."""

HOP_SECONDS = 60
LATENESS_SECONDS = 95
COMMIT_SECONDS = 120.0
GENERATIONS = 1000
"""Of the measured view, for the runs beside one peer."""

MANAGED_MB = 384
"""For each slot of the TaskManager: what Flink SQL buffers in, and what Python workers are given."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What is measured, how often. Peers in Python get a shorter topic of the same span of event time."""

    shape: EventShape
    python_events: int
    choices: JobChoices
    repeats: int

    def shape_for(self, peer: Peer) -> EventShape:
        """The events that a peer is given."""
        if peer.name == "Flink SQL":
            return self.shape
        per_second = max(1, self.shape.per_second * self.python_events // self.shape.events)
        return EventShape(self.python_events, self.shape.keys, per_second, self.shape.distribution)


@dataclass(frozen=True, slots=True)
class Compared:
    """A peer beside Headwater; medians of runs in turn. `shape` is of the events that the peer was given."""

    peer: Peer
    windows: int
    shape: EventShape
    effort: Effort
    checked: Checked
    of_peer: Rate
    of_headwater: Rate

    @property
    def ratio(self) -> float:
        """Headwater's events/s against the peer's."""
        return self.of_headwater.events_per_second / self.of_peer.events_per_second

    @property
    def cpu_ratio(self) -> float:
        """The peer's CPU for an event against Headwater's."""
        return self.of_peer.cpu_us_per_event / self.of_headwater.cpu_us_per_event


def compare_all(
    servers: Servers, effort: Effort, numbers: Sequence[int], peers: Sequence[Peer], progress: Progress
) -> Iterator[Compared]:
    """Each peer beside Headwater, with each number of windows, in a cluster of their own.

    Raises:
        VerificationError: a result is not what the events say.
        ClusterError, BrokerError, RegistryError, PrerequisiteError: a server or a peer failed.
    """
    settings = effort.choices.settings(servers)
    topics: dict[EventShape, tuple[str, BenchEvents]] = {}
    for shape in dict.fromkeys([effort.shape, *map(effort.shape_for, peers)]):
        events = BenchEvents(shape, int(time.time()) * 1_000_000)
        topics[shape] = f"{TOPIC}.of_{shape.events}", events
        load(settings, events, topics[shape][0], progress, keyed=True)
    for place, (number, peer) in enumerate(product(numbers, peers)):
        shape = effort.shape_for(peer)
        with servers.flink() as task_manager, closing(FlinkRest(settings.flink_rest_url)) as flink:
            meter = meter_of(servers, task_manager)
            topic, events = topics[effort.shape]
            own = ViewRuns(
                settings, meter, flink, events, topic, WINDOWS[number], progress, generation=GENERATIONS * place + 1
            )
            as_job, alone = partial(run_job, settings, meter, flink, progress), partial(run_program, progress)
            run: Run = as_job if peer.on_flink else alone
            topic, events = topics[shape]
            theirs = _PeerRuns(servers, settings, run, events, topic, number)
            own.run("full", checked=True)
            checked = theirs.check(peer, progress)
            rounds = [(_rate(own.run("full")), theirs.run(peer)) for _ in range(effort.repeats)]
        ours, other = (_middle([each[side] for each in rounds]) for side in (0, 1))
        yield Compared(peer, number, shape, effort, checked, other, ours)


class _PeerRuns:
    """Runs of one peer on one topic, each from its beginning and to a topic of results of its own."""

    def __init__(
        self, servers: Servers, settings: Settings, run: Run, events: BenchEvents, topic: str, windows: int
    ) -> None:
        self._servers = servers
        self._settings = settings
        self._run = run
        self._events = events
        self._topic = topic
        self._windows = windows
        self._number = 0

    def check(self, peer: Peer, progress: Progress) -> Checked:
        """A run to its end, whose results are compared with the events."""
        task = self._task(peer)
        self._run(peer, task, to_its_end=True)
        progress(f"comparing the results of {peer.name}", 0, 0)
        messages = read_committed(self._settings, task.results, COMMIT_SECONDS)
        results = parse(value for message in messages if (value := message.value()) is not None)
        return check_results(peer.name, self._events, task, results)

    def run(self, peer: Peer) -> Rate:
        """What one run needs."""
        return self._run(peer, self._task(peer), to_its_end=False)

    def _task(self, peer: Peer) -> Task:
        self._number += 1
        results = f"{self._topic}.{peer.module}.{self._windows}.{self._number}"
        create_source_topics(self._settings.kafka_bootstrap_servers, [results], PARTITIONS)
        return Task(
            bootstrap_servers=self._settings.kafka_bootstrap_servers,
            registry_url=self._settings.registry_url,
            topic=self._topic,
            results=results,
            events=self._events.shape.events,
            schema=json.dumps(SCHEMA),
            windows_seconds=tuple(to_ms(window) // 1000 for window in WINDOWS[self._windows]),
            hop_seconds=HOP_SECONDS,
            lateness_seconds=LATENESS_SECONDS,
            checkpoint_seconds=self._settings.checkpoint_interval_ms / 1000,
            state_directory=str(self._servers.directory / "peers" / results),
        )


def _rate(found: Drained) -> Rate:
    return Rate(found.events_per_second, found.cpu_us_per_event)


def _middle(rates: Sequence[Rate]) -> Rate:
    return Rate(*(median(values) for values in zip(*rates, strict=True)))
