"""Tells a view that has no events from one that is stuck."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

PATIENCE_MS = 10_000


class ViewState(StrEnum):
    """What the online values of a view are worth now."""

    STARTING = "starting"
    FRESH = "fresh"
    NO_EVENTS = "no_events"
    STUCK = "stuck"


def patience_ms(freshness_objective_ms: int) -> int:
    """How old a heartbeat may be, and how long rows may wait without progress, before a view counts as stuck."""
    return max(PATIENCE_MS, freshness_objective_ms)


def view_state(
    now_ms: float,
    *,
    heartbeats_as_of_ms: Iterable[int | None],
    newest_ingested_ms: int | None,
    stalled_ms: float,
    freshness_objective_ms: int,
    store_available: bool,
    looking_ms: float,
) -> ViewState:
    """The state of a view at a wall time.

    Args:
        heartbeats_as_of_ms: of each partition that is looked after; None where no heartbeat is known. Who looks after
            none knows nothing for as long as that lasts: others have them all, or will say that they are stuck.
        newest_ingested_ms: Kafka timestamp of the newest event that is visible; None if there was none.
        stalled_ms: for how long rows have waited in the log without any progress; 0 if none wait.
        freshness_objective_ms: the plan's.
        store_available: whether the online store takes rows.
        looking_ms: for how long whoever asks has looked. Until heartbeats could have come, nothing is known.
    """
    patience = patience_ms(freshness_objective_ms)
    if not store_available or stalled_ms > patience:
        return ViewState.STUCK
    heartbeats = tuple(heartbeats_as_of_ms)
    if not heartbeats:
        return ViewState.STARTING
    known_as_of_ms = now_ms
    for as_of_ms in heartbeats:
        if as_of_ms is None or now_ms - as_of_ms > patience:
            return ViewState.STUCK if looking_ms > patience else ViewState.STARTING
        known_as_of_ms = min(known_as_of_ms, as_of_ms)
    # Counted from the heartbeats on: nobody knows whether there was anything after them.
    if newest_ingested_ms is None or known_as_of_ms - newest_ingested_ms > freshness_objective_ms:
        return ViewState.NO_EVENTS
    return ViewState.FRESH
