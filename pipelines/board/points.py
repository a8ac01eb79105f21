"""An hour of a view's past, in points of ten seconds, and how counters become increments."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from headwater.pipelines.board.samples import BUCKET, PARITY_ROWS, RATES, REJECTS, SUM, VISIBLE, Sample
from headwater.pipelines.freshness_summary import Histogram

POINT_SECONDS = 10.0
HOUR_SECONDS = 3600.0
POINTS = int(HOUR_SECONDS / POINT_SECONDS)
NOW_SECONDS = 60.0
"""What is "now" for a rate or a quantile: the last minute."""


Name = TypeVar("Name", str, float)


def _zeros() -> dict[Name, float]:
    return defaultdict(float)


@dataclass(slots=True)
class Point:
    """What happened within a stretch of about POINT_SECONDS.

    Attributes:
        at: when it ended, seconds since the epoch.
        seconds: how long it was.
        looks: how often it was looked at.
        read_age: the greatest age in seconds that a read could find, of the looks; None if nobody told.
        lag_rows: rows that waited for the online store, at its end.
        counts: increments, by the names of RATES.
        rejected: increments of rejected records, by reason.
        compared: increments of rows that were compared, by whether they agreed.
        buckets: increments of the time from event to visible, cumulative by upper bound in seconds.
        stage_seconds: seconds that rows spent in each stage, summed over them.
        bad_reads: by the seconds that a read may be old: in how many of the looks, by share of partitions, it was not.
    """

    at: float
    seconds: float = 0.0
    looks: int = 0
    read_age: float | None = None
    lag_rows: float | None = None
    counts: dict[str, float] = field(default_factory=_zeros)
    rejected: dict[str, float] = field(default_factory=_zeros)
    compared: dict[str, float] = field(default_factory=_zeros)
    buckets: dict[float, float] = field(default_factory=_zeros)
    stage_seconds: dict[str, float] = field(default_factory=_zeros)
    bad_reads: dict[float, float] = field(default_factory=dict)

    def add(self, sample: Sample, increase: float) -> None:
        """Count what a counter has grown by."""
        if sample.name == BUCKET:
            if sample.labels["stage"] == VISIBLE:
                self.buckets[float(sample.labels["le"])] += increase
        elif sample.name == SUM:
            self.stage_seconds[sample.labels["stage"]] += increase
        elif sample.name == PARITY_ROWS:
            self.compared[sample.labels["outcome"]] += increase
        elif sample.name in RATES:
            self.counts[RATES[sample.name]] += increase
            if sample.name == REJECTS:
                self.rejected[sample.labels["reason"]] += increase


class Past:
    """The points of the last hour; memory is bounded by their number."""

    def __init__(self) -> None:
        self.points: deque[Point] = deque(maxlen=POINTS)

    def point(self, at: float, seconds: float) -> Point:
        """The point that is being filled, made longer by these seconds; a new one where the last is full."""
        if not self.points or self.points[-1].seconds + seconds / 2 >= POINT_SECONDS:
            self.points.append(Point(at))
        point = self.points[-1]
        point.at, point.seconds, point.looks = at, point.seconds + seconds, point.looks + 1
        return point

    def last(self, seconds: float) -> Sequence[Point]:
        """The newest points, as many as it takes to cover this time."""
        found: list[Point] = []
        for point in reversed(self.points):
            if seconds <= 0:
                break
            found.append(point)
            seconds -= point.seconds
        return found[::-1]


class Increments:
    """What counters have grown by since the look before; one that is smaller than it was began anew at 0."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[tuple[str, str], float]] = {}

    def of(self, target: str, samples: Iterable[Sample]) -> list[tuple[Sample, float]]:
        """Each counter of a target's newest samples with its increase. What is seen for the first time counts as 0."""
        before, now = self._seen.get(target, {}), {}
        found = []
        for sample in samples:
            if sample.name in RATES or sample.name in (BUCKET, SUM, PARITY_ROWS):
                key = (sample.name, str(sorted(sample.labels.items())))
                earlier = before.get(key, sample.value)
                now[key] = sample.value
                found.append((sample, sample.value - earlier if sample.value >= earlier else sample.value))
        self._seen[target] = now
        return found

    def forget_all_but(self, targets: Container[str]) -> None:
        """Counters of other targets will count as seen for the first time."""
        self._seen = {target: seen for target, seen in self._seen.items() if target in targets}


def visible_seconds(points: Iterable[Point], share: float) -> float | None:
    """From event to visible: seconds below which this share of the rows of these points were; None without any."""
    return Histogram(summed(point.buckets for point in points)).quantile(share)


def summed(parts: Iterable[Mapping[Name, float]]) -> dict[Name, float]:
    """The sum of each number over all parts."""
    total: dict[Name, float] = {}
    for part in parts:
        for name, number in part.items():
            total[name] = total.get(name, 0.0) + number
    return total


def stage_mean(point: Point, stage: str) -> float | None:
    """Mean seconds that rows spent in the stage; None without any rows."""
    rows = point.buckets.get(float("inf"), 0.0)
    return point.stage_seconds.get(stage, 0.0) / rows if rows else None


def rates(points: Sequence[Point]) -> Mapping[str, float]:
    """Increments per second, by the names of RATES."""
    seconds = sum(point.seconds for point in points)
    total = summed(point.counts for point in points)
    return {name: total.get(name, 0.0) / seconds if seconds else 0.0 for name in RATES.values()}
