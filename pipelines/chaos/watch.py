"""Looks on while faults are caused: at the versions that a reader sees, how fresh they are, and what metrics say."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import httpx
from prometheus_client.parser import text_string_to_metric_families
from redis.exceptions import RedisError

from headwater.operators.conditions import METRIC
from headwater.pipelines.chaos.lab import Lab
from headwater.pipelines.chaos.rides import entities
from headwater.pipelines.reader import OnlineReader, Version
from headwater.pipelines.stack.workers import WORKERS
from headwater.schemas.errors import OnlineStoreError

LOOK_SECONDS = 0.05
METRICS_SECONDS = 0.4
METRICS_TIMEOUT_SECONDS = 1.0
WATCHED_DRIVERS = 20


def conditions_that_hold(text: str) -> set[str]:
    """The names of the conditions that a /metrics page says hold now."""
    return {
        sample.labels["condition"]
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == METRIC and sample.value > 0
    }


class VersionWatch:
    """Polls the rows of some keys and notes each version that is less than one seen before, and mixed generations.

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
        rows = reader.get_many(entities(WATCHED_DRIVERS))
        generations = {row.version.generation for row in rows if row.version is not None}
        if len(generations) > 1:
            self.regressions.append(f"generations {sorted(generations)} in one answer")
        for number, row in enumerate(rows):
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
        conditions: which conditions the workers said held, at some time since the last `begin`.
    """

    def __init__(self, lab: Lab) -> None:
        self.versions = VersionWatch()
        self.worst_age_seconds = 0.0
        self.conditions: set[str] = set()
        self._holding: dict[str, set[str]] = {}
        self._lab = lab
        self.fresh_as_of_ms = time.time() * 1000
        self._stopping = threading.Event()
        self._threads = [
            threading.Thread(target=self._every, args=(pause, look), name=name, daemon=True)
            for name, pause, look in (
                ("watch-versions", LOOK_SECONDS, self._look_at_versions()),
                ("watch-freshness", LOOK_SECONDS, self._look_at_freshness),
                ("watch-conditions", METRICS_SECONDS, self._look_at_conditions),
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

    def begin(self, *, tolerant: bool) -> None:
        """A fault begins, during which versions may go back if `tolerant`."""
        self.worst_age_seconds = 0.0
        self.conditions = set()
        self.versions.tolerant = tolerant

    def holding(self) -> set[str]:
        """Which conditions the workers said held when they were asked last."""
        return set[str]().union(*self._holding.values())

    def end(self) -> None:
        """The fault is over, and what was lost is there again."""
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

    def _look_at_conditions(self) -> None:
        for worker in WORKERS:
            try:
                text = httpx.get(self._lab.metrics(worker), timeout=METRICS_TIMEOUT_SECONDS).text
            except httpx.HTTPError:
                continue
            self._holding[worker] = conditions_that_hold(text)
            self.conditions |= self._holding[worker]
