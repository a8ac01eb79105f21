"""Looks on while faults are caused: at the versions that a reader sees, at how fresh they are, and at the metrics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import httpx
from prometheus_client.parser import text_string_to_metric_families
from redis.exceptions import RedisError

from headwater.pipelines.chaos.lab import Lab
from headwater.pipelines.chaos.rides import entities
from headwater.pipelines.reader import OnlineReader, Version
from headwater.schemas.errors import OnlineStoreError

LOOK_SECONDS = 0.05
METRICS_SECONDS = 0.4
METRICS_TIMEOUT_SECONDS = 1.0
WATCHED_DRIVERS = 20


@dataclass(frozen=True, slots=True)
class Signal:
    """A metric that says what is wrong while it is wrong.

    Attributes:
        process: whose /metrics it is on: `compute`, `materialize`, `archive` or `taskmanager`.
        metric: how its name ends.
        labels: those that its samples must have; of several samples the greatest counts.
        above: it says so while its value is greater.
        for_seconds: and has been for so long.
        rises: whether it is a counter, of which the increase since the fault began counts.
    """

    process: str
    metric: str
    labels: tuple[tuple[str, str], ...] = ()
    above: float = 0.0
    for_seconds: float = 0.0
    rises: bool = False

    def __str__(self) -> str:
        labels = "{" + ", ".join(f'{name}="{value}"' for name, value in self.labels) + "}" if self.labels else ""
        lasting = f" for {self.for_seconds:.0f} s" if self.for_seconds else ""
        return f"{self.metric}{labels} {'rises' if self.rises else f'> {self.above:g}'}{lasting}"


def metric_value(text: str, signal: Signal) -> float | None:
    """The greatest value of the signal's samples in what a /metrics page shows, or None if there is none."""
    return max(
        (
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name.endswith(signal.metric) and set(signal.labels) <= set(sample.labels.items())
        ),
        default=None,
    )


class VersionWatch:
    """Polls the rows of some keys and notes each version that is less than one seen before.

    Attributes:
        regressions: a sentence for each.
        seen: versions that were looked at.
        tolerant: while it is set, versions may go back; those seen before still count once it is over.
    """

    def __init__(self) -> None:
        self.regressions: list[str] = []
        self.seen = 0
        self.tolerant = False
        self._greatest: dict[int, Version] = {}

    def look(self, reader: OnlineReader) -> None:
        """Reads all watched keys once.

        Raises:
            OnlineStoreError: the store cannot be read.
        """
        tolerant = self.tolerant
        for number, row in enumerate(reader.get_many(entities(WATCHED_DRIVERS))):
            before = self._greatest.get(number)
            gone_back = before is not None and (row.version is None or row.version < before)
            if gone_back and not (tolerant or self.tolerant):
                self.regressions.append(f"{row.entity}: {row.version} after {before}")
            if row.version is not None:
                self.seen += 1
                self._greatest[number] = max(row.version, before or row.version)


class Watch:
    """Threads that look on until they are stopped.

    Attributes:
        versions: what readers saw.
        fresh_as_of_ms: up to when all partitions are, or were, known to be online; the greatest so far.
        worst_age_seconds: how old that was at most since the last `begin`.
    """

    def __init__(self, lab: Lab) -> None:
        self.versions = VersionWatch()
        self.worst_age_seconds = 0.0
        self._lab = lab
        self._signal: Signal | None = None
        self._at_first: float | None = None
        self._since: float | None = None
        self._raised = False
        self.fresh_as_of_ms = time.time() * 1000
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._every, args=(pause, look), name=name, daemon=True)
            for name, pause, look in (
                ("watch-versions", LOOK_SECONDS, self._look_at_versions()),
                ("watch-freshness", LOOK_SECONDS, self._look_at_freshness),
                ("watch-metrics", METRICS_SECONDS, self._look_at_metrics),
            )
        ]

    def start(self) -> None:
        """Begins to look."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def begin(self, signal: Signal | None, *, tolerant: bool) -> None:
        """A fault begins, which this metric is to tell of, and during which versions may go back if `tolerant`."""
        self.worst_age_seconds = 0.0
        self.versions.tolerant = tolerant
        self._at_first = self._since = None
        self._raised = False
        self._signal = signal

    def raised(self) -> bool:
        """Whether the metric has told of the fault by now, or there is none to do so."""
        return self._signal is None or self._raised

    def end(self) -> None:
        """The fault is over, and what was lost is there again."""
        self._signal = None
        self.versions.tolerant = False

    def _every(self, pause: float, look: Callable[[], None]) -> None:
        while not self._stopping.wait(pause):
            look()

    def _look_at_versions(self) -> Callable[[], None]:
        reader = OnlineReader(self._lab.settings.redis_url.get_secret_value(), self._lab.view)

        def look() -> None:
            try:
                self.versions.look(reader)
            except OnlineStoreError:
                return  # it is away: nobody can see anything

        return look

    def _look_at_freshness(self) -> None:
        try:
            heard = self._lab.heartbeats_ms()
        except RedisError:
            heard = []
        if len(heard) == self._lab.plan.log.partitions:
            self.fresh_as_of_ms = max(self.fresh_as_of_ms, min(heard))
        self.worst_age_seconds = max(self.worst_age_seconds, time.time() - self.fresh_as_of_ms / 1000)

    def _look_at_metrics(self) -> None:
        signal = self._signal
        if signal is None:
            return
        try:
            text = httpx.get(self._lab.metrics(signal.process), timeout=METRICS_TIMEOUT_SECONDS).text
        except httpx.HTTPError:
            return
        value, now = metric_value(text, signal), time.monotonic()
        if self._at_first is None:
            self._at_first = value if signal.rises else 0.0
        if value is None or value - (self._at_first or 0.0) <= signal.above:
            self._since = None
            return
        self._since = self._since or now
        self._raised = self._raised or now - self._since >= signal.for_seconds
