"""How far this process's clock is from the clock of the job, as heartbeats tell that are read as soon as they come."""

from __future__ import annotations

LARGE_SECONDS = 30.0
"""More than any heartbeat is on its way while the log is read to its end."""

HEARTBEATS = 20
"""So many in a row must tell the same: after an outage a few old ones come late."""


class ClockDifference:
    """Told of heartbeats that came while their partition had been read to its end."""

    def __init__(self) -> None:
        self._newest: tuple[float, ...] = ()  # replaced and not changed: metrics are read from another thread

    def observe(self, received_ms: float, written_ms: float) -> None:
        """A heartbeat came at this time of the own clock, which the job wrote at that time of its own."""
        self._newest = (*self._newest, (received_ms - written_ms) / 1000)[-HEARTBEATS:]

    @property
    def seconds(self) -> float | None:
        """The own clock minus the job's, with what a heartbeat takes on its way; None before the first."""
        return min(self._newest, key=abs, default=None)

    @property
    def is_large(self) -> bool:
        """Whether all of the newest heartbeats say that the clocks are LARGE_SECONDS apart or more."""
        return len(self._newest) == HEARTBEATS and all(abs(seconds) >= LARGE_SECONDS for seconds in self._newest)
