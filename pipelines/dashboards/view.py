"""One view in depth: where the time goes, what waits, what is refused, and how its stores stand and agree."""

from headwater.pipelines.dashboards.panels import Board, Panel, Query, Row
from headwater.pipelines.dashboards.watched import OF_VIEW, PARITY, PROBE, VALUES

KERNEL = "flink_taskmanager_job_task_operator_headwater"
EXPECTATION = "flink_taskmanager_job_task_operator_deserializer_headwater_view_expectation"
JOB = '{job_name=~"headwater_${view}_g[0-9]+"}'
OF_FEATURE = '{view="$view",feature="$feature",stage="event_to_visible"}'
BY_STAGE = 'rate(headwater_freshness_seconds_%s{view="$view",stage!="event_to_visible"}[$__rate_interval])'


def _quantile(share: str) -> Query:
    rates = f"rate(headwater_freshness_seconds_bucket{OF_FEATURE}[$__rate_interval])"
    return Query(f"histogram_quantile({share}, sum by (le) ({rates}))", f"{float(share):.0%}")


def _online(kind: str) -> Query:
    return Query(f'sum(rate(headwater_online_{kind}_total{{view="$view"}}[$__rate_interval]))', kind.replace("_", " "))


def _kernel(kind: str) -> Query:
    return Query(f"sum(rate({KERNEL}_{kind}_total{JOB}[$__rate_interval]))", kind.replace("_", " "))


VIEW = Board(
    uid="headwater-view",
    title="Headwater: one view",
    description="Everything about one view, and the timing of one of its features.",
    by_view=True,
    rows=(
        Row(
            "State",
            (
                Panel(
                    "State",
                    "none",
                    (Query('max by (state) (headwater_view_state{view="$view"})', "{{state}}"),),
                    "1 on the state that the view is in.",
                    kind="stack",
                    width=8,
                ),
                Panel(
                    "What is wrong",
                    "none",
                    (Query('max by (condition, severity) (headwater_condition{view="$view"}) == 1', "holds"),),
                    "The conditions that hold; a condition's name links to its runbook.",
                    kind="table",
                    width=8,
                ),
                Panel(
                    "Left of the error budgets",
                    "percentunit",
                    (Query('headwater:slo_error_budget_remaining:ratio{view="$view"}', "{{objective}}"),),
                    "1 untouched, 0 spent.",
                    width=8,
                ),
            ),
        ),
        Row(
            "Freshness",
            (
                Panel(
                    "Where the time goes",
                    "s",
                    (
                        Query(
                            f"sum by (stage) ({BY_STAGE % 'sum'}) / sum by (stage) ({BY_STAGE % 'count'})",
                            "{{stage}}",
                        ),
                    ),
                    "Mean time in each stage, from the event until it is visible online.",
                    kind="stack",
                ),
                Panel(
                    "Time from event to visible",
                    "s",
                    (_quantile("0.5"), _quantile("0.95"), _quantile("0.99")),
                    "So many of the rows took no longer.",
                ),
                Panel(
                    "Age that a read may find",
                    "s",
                    (
                        Query(
                            'max by (partition) (headwater_heartbeat_age_seconds{view="$view"})',
                            "partition {{partition}}",
                        ),
                    ),
                    "Nothing that came before a partition's heartbeat is missing.",
                ),
                Panel(
                    "Since the newest event",
                    "s",
                    (
                        Query(
                            'max by (feature) (headwater_newest_event_age_seconds{view="$view",feature="$feature"})',
                            "{{feature}}",
                        ),
                    ),
                    "Age of the newest event that is visible.",
                ),
            ),
        ),
        PROBE,
        Row(
            "Events",
            (
                Panel(
                    "Events and rows",
                    "ops",
                    tuple(map(_kernel, ("events", "late_events", "duplicate_events", "event_rows", "expiry_rows"))),
                    "Per second, as the kernel counts them.",
                ),
                Panel(
                    "Rejected records",
                    "ops",
                    (
                        Query(
                            f"sum by (reason) (rate({KERNEL}_view_reason_rejects{OF_VIEW}[$__rate_interval])) > 0",
                            "{{reason}}",
                        ),
                    ),
                    "Per second, by reason; `headwater dead-letters list` shows them.",
                ),
                Panel(
                    "Expectations that were not met",
                    "percentunit",
                    (
                        Query(
                            f"sum by (expectation) (rate({EXPECTATION}_failures{OF_VIEW}[$__rate_interval]))"
                            f" / sum by (expectation) (rate({EXPECTATION}_checks{OF_VIEW}[$__rate_interval]))",
                            "{{expectation}}",
                        ),
                    ),
                    "Share of the events on which each was checked.",
                ),
            ),
        ),
        Row(
            "Stores",
            (
                Panel(
                    "Rows that wait for the online store",
                    "short",
                    (Query('max by (partition) (headwater_log_lag_rows{view="$view"})', "partition {{partition}}"),),
                    "Records of the feature log that the materializer has not read.",
                ),
                Panel(
                    "What becomes of rows",
                    "ops",
                    tuple(map(_online, ("rows_written", "rows_coalesced", "rows_fenced", "rows_expired"))),
                    "Per second, on their way into the online store.",
                ),
                Panel(
                    "Rows that wait for the offline log",
                    "short",
                    (
                        Query('sum(headwater_archive_lag_rows{view="$view"})', "committed"),
                        Query('sum(headwater_archive_open_transaction_rows{view="$view"})', "in open transactions"),
                        Query('sum(headwater_archive_rows_in_hand{view="$view"})', "in hand"),
                    ),
                    "Open transactions end with the next checkpoint.",
                ),
                Panel(
                    "Time of a flush",
                    "s",
                    (
                        Query(
                            "histogram_quantile(0.99, sum by (le)"
                            ' (rate(headwater_archive_flush_seconds_bucket{view="$view"}[$__rate_interval])))',
                            "99%",
                        ),
                    ),
                    "From the decision to flush until the commit.",
                ),
            ),
        ),
        PARITY,
        VALUES,
    ),
)
