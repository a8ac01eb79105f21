"""What a view promises over weeks: service-level objectives, from which alerts and error budgets are made.

::

    fresh_reads("99.5%", over="30d")       a reader sees FRESH, 99.5 % of the time
    accepted_events("99.9%", over="30d")   of 1000 events at most one becomes a dead letter
    agreeing_reads("99.99%", over="30d")   of 10,000 rows that are compared at most one differs
"""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, Field, field_validator

from headwater.schemas.declaration import Declaration
from headwater.schemas.durations import Duration, duration_text, to_ms
from headwater.schemas.plan import Objective, ObjectiveKind

_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)\s*%")
_LEAST, _MOST = Decimal(95), Decimal("99.999")


def _check_share(text: str) -> str:
    match = _SHARE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"is {text!r}; write percent with at most three decimals, such as '99.5%'")
    if not _LEAST <= Decimal(match[1]) <= _MOST:
        raise ValueError(f"is {text}; choose from {_LEAST}% to {_MOST}%: the rest is the error budget")
    return text


def _check_over(over: timedelta) -> timedelta:
    if not to_ms("7d") <= to_ms(over) <= to_ms("90d") or over % timedelta(days=1):
        raise ValueError(f"is {duration_text(over)}; choose whole days, from 7d to 90d")
    return over


class ServiceObjective(Declaration):
    """A share of what happens within a time that must go well.

    Args:
        share: percent, as text such as `99.5%`.
        over: for how long the share is looked at, whole days.
    """

    share: Annotated[str, AfterValidator(_check_share)] = Field(description="say the share, such as '99.5%'")
    over: Annotated[Duration, AfterValidator(_check_over)] = timedelta(days=30)

    @property
    def share_per_million(self) -> int:
        """The share in millionths, exactly."""
        return int(Decimal(self.share.strip().removesuffix("%").strip()) * 10_000)


class FreshReads(ServiceObjective):
    """See `fresh_reads`."""

    within: Duration | None = None

    @field_validator("within")
    @classmethod
    def _check_within(cls, within: timedelta | None) -> timedelta | None:
        if within is not None and not to_ms("2s") <= to_ms(within) <= to_ms("1d"):
            raise ValueError(f"is {duration_text(within)}; choose from 2s to 1d, since heartbeats come every second")
        return within


class AcceptedEvents(ServiceObjective):
    """See `accepted_events`."""


class AgreeingReads(ServiceObjective):
    """See `agreeing_reads`."""


def fresh_reads(share: str, *, within: str | timedelta | None = None, over: str | timedelta = "30d") -> FreshReads:
    """So many reads, spread evenly over time and keys, find a value that may be no older than `within`.

    Measured by heartbeats: a partition of the feature log whose heartbeat is older cannot promise that its values are
    younger. While nothing measures, as when the materializer is away, every read counts as too old.

    Args:
        within: from 2 s to a day; by default the view's `freshness`.
    """
    return FreshReads(share=share, within=within, over=over)


def accepted_events(share: str, *, over: str | timedelta = "30d") -> AcceptedEvents:
    """So many events of those that count by `where` are aggregated, and do not become dead letters."""
    return AcceptedEvents(share=share, over=over)


def agreeing_reads(share: str, *, over: str | timedelta = "30d") -> AgreeingReads:
    """So many of the online rows that `headwater watch` compares say what the offline log and the reference say."""
    return AgreeingReads(share=share, over=over)


def objective_plan(declared: ServiceObjective, freshness: str | timedelta) -> Objective:
    """What the plan says of an objective; `freshness` is the view's."""
    share, over_ms = declared.share_per_million, to_ms(declared.over)
    if isinstance(declared, FreshReads):
        within = freshness if declared.within is None else declared.within
        return Objective(kind="fresh_reads", share_per_million=share, over_ms=over_ms, within_ms=to_ms(within))
    return Objective(kind=_kind(declared), share_per_million=share, over_ms=over_ms)


def place_of(declared: ServiceObjective) -> str:
    """Where an objective stands in its view, for mistakes: `objectives.fresh_reads`."""
    return f"objectives.{_kind(declared)}"


def _kind(declared: ServiceObjective) -> ObjectiveKind:
    match declared:
        case FreshReads():
            return "fresh_reads"
        case AgreeingReads():
            return "agreeing_reads"
        case _:
            return "accepted_events"
