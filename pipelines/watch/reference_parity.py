"""Compares online rows of a few keys with the reference over all of their events that may still matter.

One passage over the event topics serves all of the keys (`source_scan`). It begins at the earliest event that any of
their rows may hold, and its speed and length are bounded, so it costs the same however many keys there are; what grows
with the topics is how long a passage takes.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence

import structlog

from headwater.operators.reference import ReferenceEvent, reach
from headwater.operators.row_agreement import Agreement
from headwater.pipelines.backoff import StopRequested
from headwater.pipelines.settings import Settings
from headwater.pipelines.watch.judgement import Judgement, judge
from headwater.pipelines.watch.online_sample import OnlineRow, OnlineSample
from headwater.pipelines.watch.privacy import Privacy
from headwater.pipelines.watch.source_scan import Ends, SourceScan
from headwater.pipelines.watch.watch_metrics import ParityMetrics
from headwater.schemas.plan import Plan

CLOCKS_DIFFER_MS = 2_000
"""By so much the clocks of this process and of the job may differ."""

HEARTBEAT_PATIENCE_SECONDS = 30.0
AT_THE_END_SECONDS = 2.0
"""A passage is at the end of the topics once reading what came meanwhile takes no longer."""

ATTEMPTS = 3
MARGIN_MS = 60_000
PLACES_TOLD = 20

_log = structlog.get_logger(__name__)


class ReferenceParity:
    """Passages over the event topics, one after another."""

    def __init__(
        self, settings: Settings, plan: Plan, online: OnlineSample, metrics: ParityMetrics, stop: threading.Event
    ) -> None:
        self._settings = settings
        self._plan = plan
        self._online = online
        self._metrics = metrics
        self._stop = stop
        self._privacy = Privacy(plan)
        self._heard_of: list[bytes] = []

    def check(self) -> None:
        """One passage, over the events of so many keys as the settings say.

        Half of the keys are of rows that stand online; the others are of events that the last passage came by, so that
        a row that is missing is noticed.

        Raises:
            DependencyError: a store, the broker or the registry cannot be used.
            StopRequested: the process shall end.
        """
        keys = self._keys()
        if not keys:
            self._metrics.nothing_to_compare("reference")
            return
        with SourceScan(self._settings, self._plan, keys, self._since_ms(keys), self._stop) as scan:
            arrived_at = self._pass(scan)
            if arrived_at is None:
                self._metrics.scanned("abandoned", scan.bytes_read)
                return
            self._judge_all(scan, [key for key in keys if key not in scan.too_many], *arrived_at)
            self._heard_of = list(scan.passed)
            self._metrics.scanned("finished", scan.bytes_read)

    def _keys(self) -> list[bytes]:
        most = self._settings.watch_reference_keys
        heard_of = random.sample(self._heard_of, min(most // 2, len(self._heard_of)))
        return list(dict.fromkeys([*heard_of, *self._online.sweep(most - len(heard_of))]))

    def _since_ms(self, keys: Sequence[bytes]) -> int:
        """No event that a row may hold was in Kafka before this: it would have been rejected as one of the future."""
        now_us = time.time_ns() // 1000
        clocks = [min(now_us, row.row.fields["clock"]) if row.row else now_us for row in self._online.read(keys)]
        skew_ms = max(source.allowed_skew_ms for source in self._plan.sources)
        return max(0, reach(self._plan, min(clocks)) // 1000 - skew_ms - MARGIN_MS)

    def _pass(self, scan: SourceScan) -> tuple[Ends, float] | None:
        """Reads until the topics' present end is near; returns that, and when it was. None if that cannot be done."""
        if not scan.start():
            _log.warning("parity_scan_abandoned", view=self._plan.view, reason="the broker has deleted older events")
            return None
        while True:
            ends, at_ms, began = scan.ends(), time.time() * 1000, time.monotonic()
            if not scan.read_to(ends, self._settings.watch_reference_bytes):
                _log.warning(
                    "parity_scan_abandoned", view=self._plan.view, reason="HEADWATER_WATCH_REFERENCE_BYTES were read"
                )
                return None
            if time.monotonic() - began < AT_THE_END_SECONDS:
                return ends, at_ms

    def _judge_all(self, scan: SourceScan, keys: list[bytes], ends: Ends, at_ms: float) -> None:
        """What is undecided or seems wrong is looked at again, a little later."""
        last: dict[bytes, tuple[OnlineRow, Judgement]] = {}
        for attempt in range(ATTEMPTS):
            if attempt:
                ends, at_ms = scan.ends(), time.time() * 1000
                scan.read_to(ends)
            rows = self._await_heartbeats(keys, at_ms)
            scan.read_to(scan.ends())
            for online in rows:
                arrived, later = _split(scan.events[online.key], ends)
                last[online.key] = (online, judge(self._plan, online, arrived, later))
            keys = [key for key in keys if key not in last or last[key][1].agreement is not Agreement.AGREED]
            if not keys:
                break
        for online, judgement in last.values():
            self._tell(online, judgement, scan.events[online.key])

    def _await_heartbeats(self, keys: Sequence[bytes], at_ms: float) -> list[OnlineRow]:
        """The rows, once their partitions vouch for all that was in the topics then; those that do not are left out."""
        deadline = time.monotonic() + HEARTBEAT_PATIENCE_SECONDS
        while True:
            rows = self._online.read(keys)
            vouched = [row for row in rows if row.heartbeat and row.heartbeat.as_of_ms > at_ms + CLOCKS_DIFFER_MS]
            if len(vouched) == len(rows) or time.monotonic() > deadline:
                return vouched
            if self._stop.wait(0.5):
                raise StopRequested("heartbeats")

    def _tell(self, online: OnlineRow, judgement: Judgement, events: Sequence[ReferenceEvent]) -> None:
        wrong = {each.feature: Agreement.DISAGREED for each in judgement.features}
        is_whole = judgement.agreement is Agreement.AGREED and online.row is not None
        self._metrics.compared("reference", judgement.agreement.value, wrong if wrong or is_whole else None)
        if judgement.agreement is not Agreement.DISAGREED:
            return
        newest = sorted(events, key=lambda event: event.order)[-PLACES_TOLD:]
        version = online.version
        _log.error(
            "parity_broken",
            against="reference",
            view=self._plan.view,
            generation=self._plan.generation,
            key=self._privacy.key(online.key),
            clock_us=version.clock_us if version else None,
            n=version.n if version else None,
            problem=judgement.what or None,
            features={
                each.feature: {
                    "online": self._privacy.value(each.feature, each.actual),
                    "reference": self._privacy.value(each.feature, each.expected),
                }
                for each in judgement.features
            },
            log_partition=online.partition,
            watermark_ms=online.heartbeat.watermark_ms if online.heartbeat else None,
            events=len(events),
            newest_events=[
                f"{self._plan.sources[event.source].topic}-{event.partition}@{event.offset}" for event in newest
            ],
            remedy="compare with the row in the feature log: if that is wrong too, the job is; else the online store",
        )


def _split(events: Sequence[ReferenceEvent], ends: Ends) -> tuple[list[ReferenceEvent], list[ReferenceEvent]]:
    """The events before these ends, and those behind."""
    arrived = [event for event in events if event.offset < ends[event.source, event.partition]]
    return arrived, [event for event in events if event.offset >= ends[event.source, event.partition]]
