"""Compares rows that were seen online with the rows of the same key and version in the offline log.

A row is kept as it was seen until the offline log has all that the online store had then. So neither is waited for, and
a row that is newer online than in the offline log is no difference: its version is looked for when it must be there.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Any, NamedTuple

import structlog

from headwater.operators.row_agreement import Agreement, Compared, compare_rows
from headwater.pipelines.watch.archived_rows import Archived, ArchivedRows, Versioned
from headwater.pipelines.watch.online_sample import OnlineRow, OnlineSample
from headwater.pipelines.watch.privacy import Privacy
from headwater.pipelines.watch.watch_metrics import ParityMetrics
from headwater.schemas.plan import Plan

MOST_WAITING = 5_000
LONGEST_WAIT_SECONDS = 3600.0

_log = structlog.get_logger(__name__)


class _Seen(NamedTuple):
    online: OnlineRow
    fields: dict[str, Any]
    at: float


class OfflineParity:
    """Rows that wait for the offline log, and what becomes of them."""

    def __init__(self, plan: Plan, online: OnlineSample, archived: ArchivedRows, metrics: ParityMetrics) -> None:
        self._plan = plan
        self._online = online
        self._archived = archived
        self._metrics = metrics
        self._privacy = Privacy(plan)
        self._waiting: dict[Versioned, _Seen] = {}
        self._unreadable: set[bytes] = set()

    def take(self, rows: Iterable[OnlineRow]) -> None:
        """Rows that were seen online; where too many wait, they are let go."""
        for online in rows:
            if online.problem:
                self._unreadable.add(online.key)
            elif online.row is not None and online.version is not None and len(self._waiting) < MOST_WAITING:
                self._waiting[online.key, online.version] = _Seen(online, online.row.fields, time.monotonic())

    def check(self) -> None:
        """Compare what the offline log has of them by now.

        Raises:
            OfflineStoreError, OnlineStoreError: the store cannot be used.
        """
        self._look_again_at_unreadable()
        if not self._waiting:
            self._metrics.nothing_to_compare("offline")
            return
        found = self._archived.find(list(self._waiting))
        for versioned, seen in list(self._waiting.items()):
            rows = found.rows.get(versioned, [])
            if rows:
                self._compare(versioned, seen, rows)
            elif not self._is_to_come(seen, found):
                self._metrics.compared("offline", "unmatched")
            else:
                continue
            del self._waiting[versioned]

    def _is_to_come(self, seen: _Seen, found: Archived) -> bool:
        """Whether the row may yet be found; else it was deleted, or the transaction that it was in was aborted."""
        if time.monotonic() - seen.at > LONGEST_WAIT_SECONDS:
            return False
        return found.left_out or found.end_offsets[seen.online.partition] < seen.online.offset

    def _compare(self, versioned: Versioned, seen: _Seen, rows: list[dict[str, Any]]) -> None:
        """Rows of one version can stand there twice; both must be right."""
        worst: dict[str, tuple[Compared, dict[str, Any]]] = {}
        for row in rows:
            for each in compare_rows(self._plan, seen.fields, _whole(self._plan, row)):
                if each.agreement is Agreement.DISAGREED or (
                    each.agreement is Agreement.UNDECIDED and each.feature not in worst
                ):
                    worst[each.feature] = (each, row)
        wrong = {name: found for name, found in worst.items() if found[0].agreement is Agreement.DISAGREED}
        outcomes = {name: each.agreement for name, (each, _) in worst.items()}
        self._metrics.compared("offline", "disagreed" if wrong else "agreed", outcomes)
        if wrong:
            key, version = versioned
            _log.error(
                "parity_broken",
                against="offline",
                view=self._plan.view,
                generation=version.generation,
                key=self._privacy.key(key),
                clock_us=version.clock_us,
                n=version.n,
                features={
                    name: {
                        "online": self._privacy.value(name, each.one),
                        "offline": self._privacy.value(name, each.other),
                        "log_offset": row["log_offset"],
                    }
                    for name, (each, row) in wrong.items()
                },
                log_partition=seen.online.partition,
                remedy="read the row at this place of the feature log: the store that differs from it is wrong",
            )

    def _look_again_at_unreadable(self) -> None:
        """A schema that the store lost comes back within seconds; what cannot be read after that is wrong."""
        for online in self._online.read(sorted(self._unreadable)):
            if online.problem:
                self._metrics.compared("offline", "disagreed")
                _log.error(
                    "parity_broken",
                    against="offline",
                    view=self._plan.view,
                    generation=self._plan.generation,
                    key=self._privacy.key(online.key),
                    log_partition=online.partition,
                    problem=online.problem,
                    remedy="delete the row, and its partition's `offset`: the materializer then reads the log again",
                )
        self._unreadable.clear()


def _whole(plan: Plan, row: dict[str, Any]) -> dict[str, Any]:
    """The row with every feature: older files lack the columns of those that were declared later."""
    return {feature.name: row.get(feature.name) for feature in plan.features} | row
