"""Sets the clock of a Python process ahead or back: Python runs this first, where its directory is on PYTHONPATH.

What asks C for the time, such as `datetime.now` and librdkafka, is told the true one.
"""

from __future__ import annotations

import os
import time

AHEAD_SECONDS = int(os.environ["HEADWATER_CHAOS_CLOCK_AHEAD_SECONDS"])

_true_time, _true_time_ns = time.time, time.time_ns

time.time = lambda: _true_time() + AHEAD_SECONDS
time.time_ns = lambda: _true_time_ns() + AHEAD_SECONDS * 10**9
