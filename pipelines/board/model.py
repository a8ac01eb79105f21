"""The board itself: told what processes say of themselves, it knows the state of each view, and an hour of its past."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headwater.pipelines.board.points import HOUR_SECONDS, Increments
from headwater.pipelines.board.samples import Sample
from headwater.pipelines.board.view import ViewBoard, ViewNow, ViewPast
from headwater.schemas.plan import Plan


@dataclass(frozen=True, slots=True)
class Look:
    """What was to be seen at one time.

    Attributes:
        at: seconds since the epoch.
        samples: of each target that answered, by the target's name.
        silent: why each of the others did not answer.
        plans: of the views that should be there; they tell owners and objectives.
    """

    at: float
    samples: Mapping[str, Sequence[Sample]]
    silent: Mapping[str, str]
    plans: Sequence[Plan]


@dataclass(frozen=True, slots=True)
class BoardNow:
    """All views by name, as of a time in seconds since the epoch, and which targets do not answer and why."""

    at: float
    views: Sequence[ViewNow]
    silent: Mapping[str, str]


class Board:
    """Told by one thread, read by others."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._increments = Increments()
        self._views: dict[str, ViewBoard] = {}
        self._now = BoardNow(0.0, (), {})
        self._number = 0

    def take(self, look: Look) -> None:
        """Notes what was seen. A view that no plan names, and of which nothing was heard for an hour, is forgotten."""
        by_view: dict[str, list[tuple[Sample, float]]] = {plan.view: [] for plan in look.plans}
        for target, samples in look.samples.items():
            grown = {id(sample): increase for sample, increase in self._increments.of(target, samples)}
            for sample in samples:
                if sample.view is not None:
                    by_view.setdefault(sample.view, []).append((sample, grown.get(id(sample), 0.0)))
        self._increments.forget_all_but({*look.samples, *look.silent})
        plans = {plan.view: plan for plan in look.plans}
        with self._changed:
            for name in by_view.keys() | self._views.keys():
                view = self._views.setdefault(name, ViewBoard(name, look.at))
                view.take(look.at, by_view.get(name, ()), plans.get(name))
                if name not in plans and look.at - view.heard_at > HOUR_SECONDS:
                    del self._views[name]
            views = [self._views[name].now(look.at) for name in sorted(self._views)]
            self._now = BoardNow(look.at, views, dict(look.silent))
            self._number += 1
            self._changed.notify_all()

    def now(self) -> BoardNow:
        """What the newest look told."""
        with self._changed:
            return self._now

    def past(self, view: str) -> ViewPast | None:
        """The last hour of a view; None if there is no such view."""
        with self._changed:
            found = self._views.get(view)
            return found.past() if found else None

    def wait(self, number: int, timeout_seconds: float) -> int:
        """Waits until there were more looks than this many, or the time is over; returns how many there were."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > number, timeout_seconds)
            return self._number
