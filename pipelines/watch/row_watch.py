"""Walks through the rows of the online store, a few each second, for all who look at rows."""

from __future__ import annotations

import threading
import time

from headwater.pipelines.settings import Settings
from headwater.pipelines.watch.offline_parity import OfflineParity
from headwater.pipelines.watch.online_sample import OnlineSample
from headwater.pipelines.watch.value_watch import ValueWatch

STEP_SECONDS = 1.0


class RowWatch:
    """Each row comes once before any comes again, so all are looked at in keys / rate seconds."""

    def __init__(
        self,
        settings: Settings,
        online: OnlineSample,
        parity: OfflineParity,
        values: ValueWatch,
        stop: threading.Event,
    ) -> None:
        self._settings = settings
        self._online = online
        self._parity = parity
        self._values = values
        self._stop = stop
        self._check_at = time.monotonic() + settings.watch_check_seconds

    def run(self) -> None:
        """Look until stop is set.

        Raises:
            DependencyError: a store cannot be used.
        """
        due = 0.0
        while not self._stop.wait(STEP_SECONDS):
            due = min(due, 1.0) + self._settings.watch_rows_per_second * STEP_SECONDS
            if due >= 1:
                self._look(int(due))
                due -= int(due)
            if time.monotonic() >= self._check_at:
                self._check_at = time.monotonic() + self._settings.watch_check_seconds
                self._parity.check()
            self._values.close_periods()

    def _look(self, rows: int) -> None:
        keys = self._online.sweep(rows)
        found = self._online.read(keys) if keys else []
        now_us = time.time_ns() // 1000
        for row in found:
            if row.row is not None:
                self._values.add(self._online.values(row, now_us))
        self._parity.take(found)
