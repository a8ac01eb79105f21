"""Kernel and reference agree on generated views and streams.

HEADWATER_PROPERTY_EXAMPLES says on how many streams, HEADWATER_PROPERTY_SEED on which: a change is judged by the same
ones each time, and the nightly run looks for others.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import product
from typing import get_args

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from headwater.schemas.aggregation import AGGREGATES
from headwater.schemas.plan import Window
from headwater.schemas.windows import DeclaredWindow
from tests.properties.cases import Case, batches
from tests.properties.views import DERIVED, WINDOWS
from tests.properties.workers import Report, Workers

STREAMS = int(os.environ.get("HEADWATER_PROPERTY_EXAMPLES", "2000"))
SEED = int(os.environ.get("HEADWATER_PROPERTY_SEED", "1"))
BATCH = 20
LARGE_SHARE = 0.3
MEETINGS = 20
"""How often each aggregate meets each kind of window at least, in 2,000 streams or more."""


@pytest.mark.timeout(0)
def test_every_row_is_the_reference_row_whatever_happens_to_the_stream() -> None:
    report = Report()
    with Workers() as workers:
        # Cases are shrunk where they ran, to fewer steps than Hypothesis would get at.
        @settings(
            max_examples=STREAMS // BATCH,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @seed(SEED)
        @given(batches(BATCH))
        def run(batch: Sequence[Case]) -> None:
            if report.failure is None:
                report.add(workers.run(batch))

        run()
    if report.failure is not None:
        pytest.fail(report.failure, pytrace=False)
    print(f"{report.streams} streams, {report.events} events, {report.large} streams of 200 events or more")
    assert report.streams >= STREAMS
    assert report.large >= LARGE_SHARE * report.streams
    if STREAMS >= 2000:
        over_windows = [name for name in AGGREGATES if name not in DERIVED]
        missing: dict[tuple[str, str], int] = {
            pair: report.met[pair] for pair in product(over_windows, WINDOWS) if report.met[pair] < MEETINGS
        }
        missing |= {
            (name, "no window"): report.met[name, "no window"]
            for name in DERIVED
            if report.met[name, "no window"] < MEETINGS
        }
        assert not missing, f"some aggregates met some kinds of window too rarely: {missing}"


def test_every_kind_of_window_that_there_is_takes_part() -> None:
    declared = {type(window) for windows in WINDOWS.values() for window in windows}
    assert declared == set(get_args(DeclaredWindow))
    kinds = {get_args(window.model_fields["kind"].annotation)[0] for window in get_args(get_args(Window)[0])}
    assert {kind.split()[0] for kind in WINDOWS} == kinds
