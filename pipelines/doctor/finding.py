"""What the doctor finds, one thing at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["ok", "warning", "fault"]
"""`fault`: a deployment would not work or lose something; `warning`: it would work, but somebody should know."""

TOLERATED_SKEW_SECONDS = 1.0
"""Clocks of different machines differ by so much without anybody noticing it in a freshness or an expiry."""

WRONG_CLOCK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        check: what was looked at, in a few words.
        what: how it is.
        remedy: how to mend it; empty if all is well.
    """

    check: str
    level: Level
    what: str
    remedy: str = ""


def ok(check: str, what: str) -> Finding:
    """All is well."""
    return Finding(check, "ok", what)


def warning(check: str, what: str, remedy: str) -> Finding:
    """Somebody should know."""
    return Finding(check, "warning", what, remedy)


def fault(check: str, what: str, remedy: str) -> Finding:
    """It would not work."""
    return Finding(check, "fault", what, remedy)


def clock(of: str, ahead_seconds: float, uncertain_seconds: float) -> Finding:
    """What to think of a clock that is so far ahead of this machine's (or behind, if negative).

    Args:
        uncertain_seconds: by how much that may be wrong, such as half of the round trip in which it was asked.
    """
    off = max(0.0, abs(ahead_seconds) - uncertain_seconds)
    how = f"{abs(ahead_seconds):.3f} s {'ahead of' if ahead_seconds > 0 else 'behind'} this machine's"
    remedy = f"let {of} and this machine take their time from one source (NTP)"
    if off <= TOLERATED_SKEW_SECONDS:
        return ok("clock", f"{how}, which is near enough")
    if off <= WRONG_CLOCK_SECONDS:
        return warning("clock", f"{how}: ages and freshness will be wrong by as much", remedy)
    return fault("clock", f"{how}: events will look late or from the future, and rows will expire wrongly", remedy)
