"""Faults of clocks. Producers' clocks are wrong all the time: `rides` has events of the past and of the future."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from headwater.pipelines.chaos.fault import Fault

SKEWED = Path(__file__).parent / "skewed"
HOUR_SECONDS = 3600


class _ClocksSkewed(Fault):
    """The clocks of materializer and archive are wrong, the one as far ahead as the other is behind.

    Attributes:
        ahead_seconds: of the materializer's clock; negative if it is behind.
    """

    row = 21
    seconds = 10.0
    tells = frozenset({"clock_skewed"})
    ahead_seconds: ClassVar[int]

    def inject(self) -> None:
        for worker, ahead_seconds in (("materialize", self.ahead_seconds), ("archive", -self.ahead_seconds)):
            workers = self.lab.workers
            path = os.pathsep.join(each for each in (str(SKEWED), os.environ.get("PYTHONPATH")) if each)
            clock = {"PYTHONPATH": path, "HEADWATER_CHAOS_CLOCK_AHEAD_SECONDS": str(ahead_seconds)}
            self.lab.deploy(replace(workers, environment={**workers.environment, **clock}), worker)

    def heal(self) -> None:
        self.lab.deploy(self.lab.workers, "materialize", "archive")


class ClockAhead(_ClocksSkewed):
    name = "clock-ahead"
    summary = "the materializer's clock is an hour ahead, the archive's an hour behind"
    ahead_seconds = HOUR_SECONDS


class ClockBehind(_ClocksSkewed):
    name = "clock-behind"
    summary = "the materializer's clock is an hour behind, the archive's an hour ahead"
    ahead_seconds = -HOUR_SECONDS
