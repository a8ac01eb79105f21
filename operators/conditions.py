"""Whether each condition of a process holds, exported as 0 or 1."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from headwater.schemas.conditions import Process, conditions_of

METRIC = "headwater_condition"
RATE_SECONDS = 60.0


class Conditions(Collector):
    """The conditions that one process notices for its view; none holds until a check says so.

    A check is asked whenever the metrics are read, so it must be quick and may come from another thread.
    """

    def __init__(self, view: str, process: Process, registry: CollectorRegistry) -> None:
        self._view = view
        self._conditions = {condition.name: condition for condition in conditions_of(process)}
        self._checks: dict[str, Callable[[], bool]] = {}
        registry.register(self)

    def check(self, name: str, holds: Callable[[], bool]) -> None:
        """Say how to find out whether the condition of this name holds now."""
        self._checks[self._conditions[name].name] = holds

    def collect(self) -> Iterable[Metric]:
        """Every condition of the process; called by the metrics endpoint."""
        family = GaugeMetricFamily(
            METRIC, "1 while the condition lasts, else 0.", labels=("view", "condition", "severity")
        )
        for condition in self._conditions.values():
            holds = self._checks.get(condition.name, lambda: False)
            family.add_metric((self._view, condition.name, condition.severity), float(holds()))
        yield family


class MinuteRate:
    """How much a count has grown within the last minute, as far as it was observed."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, float]] = deque()

    def observe(self, count: float) -> None:
        """Note the count as it is now. One that is smaller than the last began anew at 0, as after a restart."""
        now = time.monotonic()
        if self._seen and count < self._seen[-1][1]:
            self._seen = deque([(now, 0.0)])
        self._seen.append((now, count))
        while len(self._seen) > 1 and self._seen[1][0] <= now - RATE_SECONDS:
            self._seen.popleft()

    def grown(self) -> float:
        """By how much it grew; 0 if it was not observed within the last minute."""
        if not self._seen or self._seen[-1][0] < time.monotonic() - RATE_SECONDS:
            return 0.0
        return self._seen[-1][1] - self._seen[0][1]


class Backlog:
    """Whether what stood at the end of a log was not done with for longer than so many seconds."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._awaited: int | None = None
        self._since = 0.0

    def observe(self, done: int, end: int) -> None:
        """Note up to which offset all is done, and where the log ends."""
        if self._awaited is not None and done >= self._awaited:
            self._awaited = None
        if self._awaited is None and done < end:
            self._awaited = end
            self._since = time.monotonic()

    def lasts(self) -> bool:
        """True while the oldest end that is awaited has been for so long."""
        return self._awaited is not None and time.monotonic() - self._since > self._seconds
