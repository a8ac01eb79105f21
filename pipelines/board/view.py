"""One view on the board: what its processes' samples say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from headwater.operators.conditions import METRIC as CONDITION
from headwater.operators.freshness import STAGES
from headwater.operators.view_state import ViewState
from headwater.pipelines.board.budgets import Budget, budgets_of, within_seconds
from headwater.pipelines.board.points import (
    HOUR_SECONDS,
    NOW_SECONDS,
    Past,
    Point,
    rates,
    stage_mean,
    summed,
    visible_seconds,
)
from headwater.pipelines.board.samples import (
    ARCHIVE_LAG,
    BUDGET_LEFT,
    CHECKPOINT,
    COUNT,
    HEARTBEAT_AGE,
    LAST_EVENT,
    LOG_LAG,
    REJECTS,
    VIEW_STATE,
    Sample,
)
from headwater.schemas.plan import Objective, Plan

SPARKS = 60
"""Points of a sparkline: one a minute."""


class State(StrEnum):
    """What the online values of a view's features are worth now, the worst first.

    Stuck: events may exist that are not visible. Silent: no materializer tells. Starting: until heartbeats could have
    come. Stale: a read may find values older than the view promises. No events: the sources are silent, and all that
    exists is visible.
    """

    STUCK = ViewState.STUCK.value
    SILENT = "silent"
    STARTING = ViewState.STARTING.value
    STALE = "stale"
    FRESH = ViewState.FRESH.value
    NO_EVENTS = ViewState.NO_EVENTS.value


@dataclass(frozen=True, slots=True)
class ViewNow:
    """A view and its features, which share one row and so state and timing.

    Attributes:
        owner: empty without a plan, as are budgets.
        since: when it came into this state, as far as the board has seen, seconds since the epoch.
        promised_seconds: how old a read's values may be; None without a plan.
        p50, p99: seconds from event to visible within the last minute; None if no event became visible.
        spark: p99 of each of the last SPARKS minutes, the newest last; None where there was none.
        newest_event: event time of the newest event that is visible, seconds since the epoch.
        read_age: the greatest age in seconds that a read may find.
        archive_lag_rows: committed rows that are not in the offline log.
        checkpoint_at: when the newest checkpoint was completed, seconds since the epoch.
        rates: per second within the last minute, by the names of RATES.
        rejected: records that became dead letters, by reason, as the job's present attempt counts them.
        rejected_last_hour: likewise, of what the board has seen of the last hour.
        conditions: the names of those that hold.
    """

    view: str
    owner: str
    features: Sequence[str]
    state: State
    since: float
    promised_seconds: float | None
    p50: float | None
    p99: float | None
    spark: Sequence[float | None]
    newest_event: float | None
    read_age: float | None
    lag_rows: float | None
    archive_lag_rows: float | None
    checkpoint_at: float | None
    rates: Mapping[str, float]
    rejected: Mapping[str, float]
    rejected_last_hour: Mapping[str, float]
    budgets: Sequence[Budget]
    conditions: Sequence[str]


@dataclass(frozen=True, slots=True)
class ViewPast:
    """The last hour, lists of one length: a place for each point.

    Attributes:
        at: seconds since the epoch.
        stages: mean seconds in each of the stages but the last, which is all of them together.
        rates: per second, by the names of RATES.
    """

    at: Sequence[float]
    stages: Mapping[str, Sequence[float | None]]
    p99: Sequence[float | None]
    read_age: Sequence[float | None]
    lag_rows: Sequence[float | None]
    rates: Mapping[str, Sequence[float]]


class ViewBoard:
    """What is known of one view."""

    def __init__(self, view: str, at: float) -> None:
        self._view = view
        self._plan: Plan | None = None
        self._samples: Sequence[Sample] = ()
        self._past = Past()
        self._taken_at = self._state_since = self.heard_at = at
        self._state = State.SILENT
        self._features: Sequence[str] = ()

    def take(self, at: float, samples: Sequence[tuple[Sample, float]], plan: Plan | None) -> None:
        """Notes what was told of the view at this time: samples, each with what it has grown by if it counts."""
        self._plan = plan
        self._samples = [sample for sample, _ in samples]
        told = [sample.labels["feature"] for sample in self._named(COUNT)]
        self._features = [feature.name for feature in plan.features] if plan else (told or self._features)
        if samples:
            self.heard_at = at
        point = self._past.point(at, at - self._taken_at)
        self._taken_at = at
        for sample, increase in samples:
            point.add(sample, increase)
        read_age = self._greatest(HEARTBEAT_AGE)
        point.read_age = max((age for age in (point.read_age, read_age) if age is not None), default=None)
        point.lag_rows = self._total(LOG_LAG)
        for seconds in within_seconds(self._objectives):
            point.bad_reads[seconds] = point.bad_reads.get(seconds, 0.0) + self._bad_reads(seconds)
        state = self._state_now(read_age)
        if state is not self._state:
            self._state, self._state_since = state, at

    def now(self, at: float) -> ViewNow:
        """The view as of the newest look."""
        hour, minute = self._past.last(HOUR_SECONDS), self._past.last(NOW_SECONDS)
        rejected = summed({sample.labels["reason"]: sample.value} for sample in self._named(REJECTS))
        left = {sample.labels["objective"]: sample.value for sample in self._named(BUDGET_LEFT)}
        return ViewNow(
            view=self._view,
            owner=self._plan.owner if self._plan else "",
            features=self._features,
            state=self._state,
            since=self._state_since,
            promised_seconds=self._plan.freshness_objective_ms / 1000 if self._plan else None,
            p50=visible_seconds(minute, 0.5),
            p99=visible_seconds(minute, 0.99),
            spark=_spark(hour, at),
            newest_event=self._greatest(LAST_EVENT),
            read_age=self._greatest(HEARTBEAT_AGE),
            lag_rows=self._total(LOG_LAG),
            archive_lag_rows=self._total(ARCHIVE_LAG),
            checkpoint_at=self._greatest(CHECKPOINT) or None,
            rates=rates(minute),
            rejected=_positive(rejected),
            rejected_last_hour=_positive(summed(point.rejected for point in hour)),
            budgets=budgets_of(self._objectives, hour, left),
            conditions=sorted({each.labels["condition"] for each in self._named(CONDITION) if each.value == 1}),
        )

    def past(self) -> ViewPast:
        """The points of the last hour."""
        points = self._past.last(HOUR_SECONDS)
        each = [rates([point]) for point in points]
        return ViewPast(
            at=[point.at for point in points],
            stages={stage: [stage_mean(point, stage) for point in points] for stage in STAGES[:-1]},
            p99=[visible_seconds([point], 0.99) for point in points],
            read_age=[point.read_age for point in points],
            lag_rows=[point.lag_rows for point in points],
            rates={name: [rate[name] for rate in each] for name in (each[0] if each else ())},
        )

    @property
    def _objectives(self) -> Sequence[Objective]:
        return self._plan.objectives if self._plan else ()

    def _state_now(self, read_age: float | None) -> State:
        told = {sample.labels["state"] for sample in self._named(VIEW_STATE) if sample.value == 1}
        if not told:
            return State.SILENT
        for unknown in (State.STUCK, State.STARTING):
            if unknown in told:
                return unknown
        if self._plan is not None and read_age is not None:
            # Just before the next heartbeat comes, the last one is as old as they are apart.
            plan = self._plan
            if read_age * 1000 > plan.freshness_objective_ms + plan.heartbeat_interval_ms:
                return State.STALE
        return State.FRESH if State.FRESH in told else State.NO_EVENTS

    def _bad_reads(self, within_seconds: float) -> float:
        ages = [sample.value for sample in self._named(HEARTBEAT_AGE)]
        # While nobody tells, every read counts as too old: as in the rules.
        return sum(age > within_seconds for age in ages) / len(ages) if ages else 1.0

    def _named(self, name: str) -> list[Sample]:
        return [sample for sample in self._samples if sample.name == name]

    def _greatest(self, name: str) -> float | None:
        return max((sample.value for sample in self._named(name)), default=None)

    def _total(self, name: str) -> float | None:
        found = self._named(name)
        return sum(sample.value for sample in found) if found else None


def _spark(points: Sequence[Point], at: float) -> list[float | None]:
    by_minute: dict[int, list[Point]] = {}
    for point in points:
        by_minute.setdefault(int((at - point.at) // 60), []).append(point)
    return [visible_seconds(by_minute.get(minute, ()), 0.99) for minute in reversed(range(SPARKS))]


def _positive(counts: Mapping[str, float]) -> dict[str, float]:
    return {name: counts[name] for name in sorted(counts) if counts[name] > 0}
