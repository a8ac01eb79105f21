"""The comparison can fail, and then says in a table what to look at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from headwater.operators.reference import ReferenceEvent, ReferenceRow, row_at
from headwater.schemas.plan import Plan
from tests.properties.cases import Case
from tests.properties.convergence import check
from tests.properties.harness import KernelHarness
from tests.properties.shrinking import Failing, shrunk
from tests.properties.streams import Knobs
from tests.properties.tables import as_test, program_of
from tests.properties.views import Asked, View

VIEW = View(asked=(Asked("count", None, ("1m", "1h")), Asked("sum", "pieces", ("1m", "lifetime"))))
CASE = Case(
    VIEW,
    Knobs(
        events=210,
        keys=4,
        hot=True,
        scene="an ordinary afternoon",
        pace="steady",
        late=30,
        edges=20,
        ties=10,
        leaps=1,
        watermarks="any",
        crashes=4,
        parallelism=3,
        tame_values=True,
        bounded=True,
        backend="hashmap",
    ),
    seed=1,
)


@pytest.fixture(scope="module")
def kernel() -> Iterator[KernelHarness]:
    harness = KernelHarness()
    yield harness
    harness.close()


def sums_that_forget_the_last_event_of_three_or_more(
    plan: Plan, events: Sequence[ReferenceEvent], clock_us: int
) -> ReferenceRow:
    """A reference that is wrong about the sum over the lifetime."""
    right = row_at(plan, events, clock_us)
    name = "f1_lifetime"
    if name not in right.values or right.n < 3:
        return right
    newest = max(events, key=lambda event: event.order)
    wrong = row_at(plan, [event for event in events if event is not newest], clock_us)
    return replace(right, values=right.values | {name: wrong.values[name]})


def test_a_wrong_reference_is_found_out_and_shrunk_to_a_table(kernel: KernelHarness) -> None:
    failing = Failing(VIEW, CASE.base_us, CASE.program())

    def fails(candidate: Failing) -> bool:
        try:
            check(
                candidate.view.plan(candidate.base_us),
                candidate.program,
                kernel,
                sums_that_forget_the_last_event_of_three_or_more,
            )
        except AssertionError:
            return True
        return False

    check(CASE.plan(), failing.program, kernel)
    assert fails(failing)
    small = shrunk(failing, fails)
    assert fails(small)
    assert len(small.program.steps) == 3, as_test(small)
    printed = as_test(small)
    assert "Asked(aggregate='sum', field='pieces', windows=('lifetime',), filter=None, option=0)" in printed
    assert printed.count('("event", ') == 3 or printed.count("('event', ") == 3
    rows = [line.strip().rstrip(",") for line in printed.splitlines() if line.strip().startswith("('event'")]
    again = program_of([eval(row) for row in rows])
    assert [step.key for step in again.steps] == [step.key for step in small.program.steps]  # type: ignore[union-attr]


def test_a_case_is_made_again_from_its_one_line() -> None:
    again = Case.from_json(CASE.to_json())
    assert again == CASE
    assert again.program() == CASE.program()
