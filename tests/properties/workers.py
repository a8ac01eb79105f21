"""Runs cases in processes of their own, each with a JVM of its own, and shrinks what fails there."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType

from headwater.schemas.zones import zone_table
from tests.properties.cases import Case
from tests.properties.convergence import check
from tests.properties.harness import KernelHarness
from tests.properties.shrinking import Failing, shrunk
from tests.properties.tables import as_test
from tests.properties.views import ZONES, kind_of

WORKERS = 2
LARGE = 200
"""A stream of so many events is a large one."""


@dataclass
class Report:
    """What some cases met: streams, large ones, each aggregate with each kind of window; and what failed first."""

    streams: int = 0
    large: int = 0
    events: int = 0
    met: Counter[tuple[str, str]] = field(default_factory=Counter)
    failure: str | None = None

    def add(self, other: Report) -> None:
        """Counts in what others met."""
        self.streams += other.streams
        self.large += other.large
        self.events += other.events
        self.met += other.met
        self.failure = self.failure or other.failure


class Workers:
    """The processes, for as long as the context lasts."""

    def __init__(self, mutant: Path | None = None) -> None:
        """`mutant`: a folder of classes that stand before the kernel's own."""
        # The tables of zones take seconds to make; forks share them.
        for zone in ZONES:
            zone_table(zone)
        self._pool = ProcessPoolExecutor(WORKERS, get_context("fork"), initializer=_start, initargs=(mutant,))

    def run(self, cases: Sequence[Case], *, shrink: bool = True) -> Report:
        """Runs all of the cases, and tells of the first that failed, as small as it could be made."""
        shares = [cases[worker::WORKERS] for worker in range(WORKERS)]
        report = Report()
        for part in self._pool.map(_run, shares, [shrink] * WORKERS):
            report.add(part)
        return report

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)


def failure_of(case: Case, kernel: KernelHarness) -> str | None:
    """How kernel and reference disagree on this case, if they do."""
    return _disagreement(Failing(case.view, case.base_us, case.program()), kernel)


def told(case: Case, kernel: KernelHarness, first: str) -> str:
    """What failed, the smallest test that shows it, and how to see it again."""
    small = shrunk(
        Failing(case.view, case.base_us, case.program()), lambda each: _disagreement(each, kernel) is not None
    )
    return (
        f"{first}\n\nThe smallest that fails: {_disagreement(small, kernel)}\n\n{as_test(small)}\n\n"
        f"To see it again:\n.venv/bin/python -m tests.properties.replay {shlex.quote(case.to_json())}\n"
    )


_kernel: list[KernelHarness] = []


def _start(mutant: Path | None) -> None:
    _kernel.append(KernelHarness(mutant))


def _run(cases: Sequence[Case], shrink: bool) -> Report:
    report = Report()
    for case in cases:
        program, plan = case.program(), case.plan()
        events = sum(map(len, program.events().values()))
        report.streams += 1
        report.large += events >= LARGE
        report.events += events
        report.met.update(
            {
                (feature.aggregate, "no window" if feature.window is None else kind_of(plan.windows[feature.window]))
                for feature in plan.features
            }
        )
        first = failure_of(case, _kernel[0])
        if first is not None:
            report.failure = told(case, _kernel[0], first) if shrink else first
            break
    return report


def _disagreement(failing: Failing, kernel: KernelHarness) -> str | None:
    plan = failing.view.plan(failing.base_us)
    try:
        check(plan, failing.program, kernel)
    except Exception as disagreement:  # Whatever goes wrong in a comparison, the kernel's row was not as it must be.
        return f"{type(disagreement).__name__}: {disagreement}"
    return None
