"""Whether a row that stands online is what the reference makes of its key's events.

A row is read while events flow, so it need not have all of them. The heartbeat that stands beside it says which it must
have; of those that came later each partition's first ones may be in it, and the row's version says how many.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from headwater.operators.reference import ReferenceEvent, clock_of, row_at
from headwater.operators.reference_copies import PossibleEvents
from headwater.operators.reference_exactness import FeatureMismatch
from headwater.operators.row_agreement import Agreement
from headwater.pipelines.verification.online import may_have_expired
from headwater.pipelines.verification.rows import RowDifferences, row_differences
from headwater.pipelines.watch.online_sample import OnlineRow
from headwater.schemas.plan import Plan

MOST_CHOICES = 200
"""Of how far each partition had come when the row was read; with more it is undecided."""


class Judgement(NamedTuple):
    """What the reference says of a row; `what` is why it disagrees as a whole, or why nothing can be said."""

    agreement: Agreement
    what: str = ""
    features: tuple[FeatureMismatch, ...] = ()


AGREED = Judgement(Agreement.AGREED)


def judge(
    plan: Plan, online: OnlineRow, arrived: Sequence[ReferenceEvent], later: Sequence[ReferenceEvent]
) -> Judgement:
    """What the reference says of a key.

    Args:
        plan: the view's plan.
        online: the key as it stood at one moment.
        arrived: its events, within reach of its clock at least, that came before what its heartbeat vouches for.
        later: those that came after that, up to the moment at which the row was read or later.
    """
    if online.problem:
        return Judgement(Agreement.DISAGREED, online.problem)
    watermark_us = online.heartbeat.watermark_ms * 1000 if online.heartbeat else None
    if online.row is None:
        return _without_row(plan, arrived, watermark_us)
    row = online.row.fields
    if arrived and row["clock"] < (least_us := clock_of(plan, arrived, watermark_us)):
        return Judgement(Agreement.DISAGREED, f"its clock is {row['clock']}, but must be {least_us} at least")
    newest_ms = row["ingested_at"]
    possible = [event for event in later if event.ingested_at_ms <= newest_ms and event.time_us <= row["clock"]]
    first: RowDifferences | None = None
    for tried, more in enumerate(_beginnings(possible)):
        if tried == MOST_CHOICES:
            return Judgement(Agreement.UNDECIDED, "too many events are on their way")
        events = [*arrived, *more]
        if not events:
            continue
        found = _of_known(row_differences(PossibleEvents(plan, row["clock"], events), row), online.row.written)
        if found == RowDifferences():
            return AGREED
        if first is None or (first.version and not found.version):
            first = found
    if first is None:
        return _without_events(row["n"])
    if first.version and possible:
        return Judgement(Agreement.UNDECIDED, "events are on their way")
    return Judgement(Agreement.DISAGREED, first.version, first.features)


def _of_known(found: RowDifferences, written: frozenset[str]) -> RowDifferences:
    """Without features that the row's writer did not know yet."""
    return found._replace(features=tuple(each for each in found.features if each.feature in written))


def _without_row(plan: Plan, arrived: Sequence[ReferenceEvent], watermark_us: int | None) -> Judgement:
    if not arrived or may_have_expired(plan, row_at(plan, arrived, clock_of(plan, arrived, watermark_us))):
        return AGREED
    return Judgement(Agreement.DISAGREED, "it is not in the online store")


def _without_events(n: int) -> Judgement:
    """No event is within reach: the row must say so. What it is empty of, only its older events tell."""
    if n == 0:
        return Judgement(Agreement.UNDECIDED, "its events are older than what was read")
    return Judgement(Agreement.DISAGREED, f"it counts {n} events, but its topics have none within reach")


def _beginnings(events: Sequence[ReferenceEvent]) -> Iterator[list[ReferenceEvent]]:
    """Each choice of how many of each partition's events, in the order of their offsets, have come."""
    partitions: dict[tuple[int, int], list[ReferenceEvent]] = defaultdict(list)
    for event in sorted(events, key=lambda event: (event.offset, event.index)):
        partitions[event.source, event.partition].append(event)
    for counts in itertools.product(*(range(len(each) + 1) for each in partitions.values())):
        yield [event for each, count in zip(partitions.values(), counts, strict=True) for event in each[:count]]
