"""Whether clocks differ is told by heartbeats that come at once, and not by what an outage held back."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from headwater.operators.clock_difference import HEARTBEATS, ClockDifference
from headwater.pipelines.chaos.clock_faults import SKEWED

HOUR_MS = 3_600_000


def told(*differences_ms: float) -> ClockDifference:
    clock = ClockDifference()
    for difference_ms in differences_ms:
        clock.observe(received_ms=HOUR_MS + difference_ms, written_ms=HOUR_MS)
    return clock


def test_nothing_is_known_before_the_first_heartbeat() -> None:
    assert told().seconds is None
    assert not told().is_large


@pytest.mark.parametrize("ahead_ms", [HOUR_MS, -HOUR_MS, 30_000])
def test_a_clock_that_is_far_ahead_or_behind_is_told(ahead_ms: float) -> None:
    clock = told(*[ahead_ms + 4] * HEARTBEATS)
    assert clock.seconds == pytest.approx((ahead_ms + 4) / 1000)
    assert clock.is_large


def test_a_few_heartbeats_that_an_outage_held_back_say_nothing() -> None:
    assert not told(*[HOUR_MS] * (HEARTBEATS - 1)).is_large
    assert not told(*[HOUR_MS] * (HEARTBEATS - 1), 20.0).is_large
    assert told(*[HOUR_MS] * HEARTBEATS, 20.0).seconds == 0.02


def test_the_suite_sets_the_clock_of_a_python_process() -> None:
    command = [sys.executable, "-c", "import time; print(time.time(), time.time_ns())"]
    environment = {**os.environ, "PYTHONPATH": str(SKEWED), "HEADWATER_CHAOS_CLOCK_AHEAD_SECONDS": "-3600"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout.split()
    assert float(said[0]) == pytest.approx(time.time() - 3600, abs=60)
    assert int(said[1]) / 1e9 == pytest.approx(float(said[0]), abs=60)
