"""Looks every few seconds, in a thread of its own, and tells the board."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from headwater.pipelines.board.model import Board
from headwater.pipelines.board.points import HOUR_SECONDS
from headwater.pipelines.board.sources import Prometheus, Source

INTERVAL_SECONDS = 5.0
"""Between two looks: each costs a process as much as a scrape by Prometheus does, a second of a core per thousand
features."""

BACK_SECONDS = 30.0
"""Between two looks into the past, where it is known."""


class Collector:
    """Looks while the context is open. The first look is done when it opens, so that there is something to show."""

    def __init__(self, source: Source, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self.board = Board()
        self._source = source
        self._interval_seconds = interval_seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="board", daemon=True)

    def __enter__(self) -> Board:
        if isinstance(self._source, Prometheus):
            now = time.time()
            for step in range(int(HOUR_SECONDS / BACK_SECONDS), 0, -1):
                look = self._source.look_back(now - step * BACK_SECONDS)
                self.board.take(look)
                if look.silent:
                    break  # each would be waited for
        self.board.take(self._source.look())
        self._thread.start()
        return self.board

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
        self._source.close()

    def _run(self) -> None:
        while not self._stop.wait(self._interval_seconds):
            self.board.take(self._source.look())
