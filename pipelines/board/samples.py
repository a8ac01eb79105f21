"""What the board takes from the metrics of a process: a few hundred samples, also where a view has a thousand features.

All features of a view are in one row, so their timing is the same (see `operators/freshness.py`). A process tells the
whole way for each of them; of these many series only those of the first feature are parsed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from prometheus_client.parser import text_string_to_metric_families

from headwater.operators.conditions import METRIC as CONDITION
from headwater.operators.freshness import STAGES
from headwater.pipelines.freshness_summary import FRESHNESS
from headwater.pipelines.slo.rules import KERNEL

VIEW_STATE = "headwater_view_state"
HEARTBEAT_AGE = "headwater_heartbeat_age_seconds"
LAST_EVENT = "headwater_last_event_timestamp_seconds"
LOG_LAG = "headwater_log_lag_rows"
ARCHIVE_LAG = "headwater_archive_lag_rows"
CHECKPOINT = "headwater_last_checkpoint_timestamp_seconds"
REJECTS = f"{KERNEL}_view_reason_rejects"
PARITY_ROWS = "headwater_parity_rows_total"
BUDGET_LEFT = "headwater:slo_error_budget_remaining:ratio"
BUCKET, SUM, COUNT = (f"{FRESHNESS}_{part}" for part in ("bucket", "sum", "count"))
VISIBLE = STAGES[-1]

RATES = {
    f"{KERNEL}_events_total": "events",
    f"{KERNEL}_late_events_total": "late events",
    f"{KERNEL}_duplicate_events_total": "duplicate events",
    REJECTS: "rejected records",
    "headwater_online_rows_written_total": "rows written online",
    "headwater_online_rows_fenced_total": "rows fenced",
    "headwater_archive_rows_total": "rows archived",
}
"""Counters, and what their rates are called."""

SINGLE = (
    CONDITION,
    VIEW_STATE,
    HEARTBEAT_AGE,
    LOG_LAG,
    ARCHIVE_LAG,
    CHECKPOINT,
    BUDGET_LEFT,
    PARITY_ROWS,
    *RATES,
)
"""Series of which there are few; beside them the board takes one feature's timing, and the names of all features."""

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_FEATURE = re.compile(r'feature="((?:[^"\\]|\\.)*)"')
_VIEW = re.compile(r'view="((?:[^"\\]|\\.)*)"')
_STAGE = re.compile(r'stage="(\w+)"')
_JOB = re.compile(r"headwater_(.+)_g\d+")


class Sample(NamedTuple):
    """A sample of a series."""

    name: str
    labels: dict[str, str]
    value: float

    @property
    def view(self) -> str | None:
        """The view that it is about; Flink's own name it by the job."""
        job = _JOB.fullmatch(self.labels.get("job_name", ""))
        return self.labels.get("view") or (job[1] if job else None)


def samples_of(text: str) -> list[Sample]:
    """What the board takes of a /metrics page in Prometheus' text format.

    Raises:
        ValueError: it is no such page.
    """
    kept = "\n".join(_kept(text))
    return [
        Sample(sample.name, sample.labels, sample.value)
        for family in text_string_to_metric_families(kept + "\n")
        for sample in family.samples
    ]


def _kept(text: str) -> Iterator[str]:
    first: dict[tuple[str, ...], str] = {}
    visible = f'stage="{VISIBLE}"'
    for line in text.splitlines():
        name = _NAME.match(line)
        if name is None:
            continue
        if name[0] in SINGLE or (name[0] == COUNT and visible in line):
            yield line
        elif name[0] in (BUCKET, SUM, LAST_EVENT):
            feature, view, stage = _FEATURE.search(line), _VIEW.search(line), _STAGE.search(line)
            if feature and view and first.setdefault((view[1], stage[1] if stage else ""), feature[1]) == feature[1]:
                yield line
