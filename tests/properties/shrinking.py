"""Makes a failing case small by delta debugging, whatever it was drawn from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tests.properties.programs import Arrival, Crash, Program, Step
from tests.properties.views import Asked, View

T = TypeVar("T")


@dataclass(frozen=True)
class Failing:
    """A view and a program on which kernel and reference disagree; `base_us` is about when it happens."""

    view: View
    base_us: int
    program: Program


def shrunk(failing: Failing, fails: Callable[[Failing], bool], *, tries: int = 1500) -> Failing:
    """A smaller one that fails too, of which nothing can be left out; or as small as so many tries make it."""
    left = [tries]

    def still(candidate: Failing) -> bool:
        left[0] -= 1
        return left[0] >= 0 and fails(candidate)

    before = None
    while before != failing and left[0] > 0:
        before = failing
        failing = _with_fewest(failing, _units(failing.program), _with_units, still)
        failing = _with_fewest(failing, failing.view.asked, _with_asked, still)
        for name in dict.fromkeys(name for asked in failing.view.asked for name in asked.windows):
            failing = _unless(failing, _without_window(failing.view, name), still)
        for simpler in _simpler(failing.program):
            candidate = replace(failing, program=simpler)
            failing = candidate if simpler != failing.program and still(candidate) else failing
    return failing


def _with_fewest(
    failing: Failing,
    parts: Sequence[T],
    having: Callable[[Failing, Sequence[T]], Failing],
    still: Callable[[Failing], bool],
) -> Failing:
    """Leaves out ever smaller runs of parts for as long as it still fails."""
    size = max(1, len(parts) // 2)
    while True:
        at = 0
        while at < len(parts):
            fewer = [*parts[:at], *parts[at + size :]]
            if fewer and still(having(failing, fewer)):
                parts = fewer
            else:
                at += size
        if size == 1:
            return having(failing, parts)
        size //= 2


def _units(program: Program) -> list[tuple[Step, ...]]:
    """The steps that only go together: all arrivals of an event. In the order of the first."""
    units: dict[object, list[Step]] = {}
    for number, step in enumerate(program.steps):
        units.setdefault(step if isinstance(step, Arrival) else number, []).append(step)
    return [tuple(unit) for unit in units.values()]


def _with_units(failing: Failing, units: Sequence[tuple[Step, ...]]) -> Failing:
    kept = {id(step) for unit in units for step in unit}
    steps = tuple(step for step in failing.program.steps if id(step) in kept)
    return replace(failing, program=replace(failing.program, steps=steps))


def _with_asked(failing: Failing, asked: Sequence[Asked]) -> Failing:
    return replace(failing, view=replace(failing.view, asked=tuple(asked)))


def _without_window(view: View, name: str) -> View:
    fewer = (replace(asked, windows=tuple(w for w in asked.windows if w != name)) for asked in view.asked)
    return replace(view, asked=tuple(asked for asked in fewer if asked.windows))


def _unless(failing: Failing, view: View, still: Callable[[Failing], bool]) -> Failing:
    """The failing case with this view if it then still fails."""
    candidate = replace(failing, view=view)
    return candidate if view.asked and still(candidate) else failing


def _simpler(program: Program) -> Iterator[Program]:
    """The program on one subtask, on the heap, and with all events of one source and partition."""
    yield replace(program, backend="hashmap")
    yield replace(program, bounded=False)
    alone = (replace(step, parallelism=1) if isinstance(step, Crash) else step for step in program.steps)
    yield replace(program, parallelism=1, steps=tuple(alone))
    yield replace(
        program,
        steps=tuple(
            replace(step, event=replace(step.event, source=0, partition=0)) if isinstance(step, Arrival) else step
            for step in program.steps
        ),
    )
