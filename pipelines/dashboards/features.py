"""All features: which are fresh, how long events take, what is left of error budgets, what is wrong and whose it is."""

from headwater.pipelines.dashboards.panels import Board, Panel, Query, Row

VISIBLE = 'headwater_freshness_seconds_bucket{stage="event_to_visible"}'
QUANTILE = f"histogram_quantile(%s, sum by (view, feature, le) (rate({VISIBLE}[$__rate_interval])))"

FEATURES = Board(
    uid="headwater-features",
    title="Headwater: all features",
    description="Freshness of every feature against its objective.",
    by_view=False,
    rows=(
        Row(
            "Now",
            (
                Panel(
                    "Views by state",
                    "none",
                    (Query("sum by (state) (max by (view, state) (headwater_view_state))", "{{state}}"),),
                    "Fresh; no events: the sources are silent; stuck: events exist that are not visible.",
                    kind="stat",
                    width=8,
                ),
                Panel(
                    "What is wrong",
                    "none",
                    (Query("max by (view, condition, severity) (headwater_condition) == 1", "holds"),),
                    "The conditions that hold; a condition's name links to its runbook.",
                    kind="table",
                    width=16,
                ),
            ),
        ),
        Row(
            "Objectives",
            (
                Panel(
                    "Error budgets",
                    "percentunit",
                    (
                        Query("headwater:slo_error_budget_remaining:ratio", "left of the budget"),
                        Query("headwater:slo_error_ratio:period", "gone wrong"),
                        Query("headwater:slo_error_budget:ratio", "may go wrong"),
                    ),
                    "By view and objective, with the owner; below 0 the objective is missed.",
                    kind="table",
                ),
                Panel(
                    "Burn rate",
                    "none",
                    (
                        Query(
                            "headwater:slo_error_ratio:1h"
                            " / on (view, objective) group_left () headwater:slo_error_budget:ratio",
                            "{{view}} {{objective}}",
                        ),
                    ),
                    "Over an hour, by what is allowed: at 1 the budget lasts for its period; 14.4 is a page.",
                ),
            ),
        ),
        Row(
            "Freshness",
            (
                Panel(
                    "Features",
                    "s",
                    (
                        Query(QUANTILE % "0.5", "median"),
                        Query(QUANTILE % "0.99", "99 %"),
                        Query("max by (view, feature) (headwater_newest_event_age_seconds)", "newest event"),
                    ),
                    "Time from the event until it is visible online, and age of the newest event that is.",
                    kind="table",
                    width=24,
                ),
                Panel(
                    "Time from event to visible, 99 %",
                    "s",
                    (
                        Query(
                            f"histogram_quantile(0.99, sum by (view, le) (rate({VISIBLE}[$__rate_interval])))",
                            "{{view}}",
                        ),
                    ),
                    "By view: all its features are in one row.",
                ),
                Panel(
                    "Age that a read may find",
                    "s",
                    (Query("max by (view) (headwater_heartbeat_age_seconds)", "{{view}}"),),
                    "The oldest heartbeat of a view's partitions: nothing that came before it is missing.",
                ),
                Panel(
                    "Rows written",
                    "ops",
                    (
                        Query(
                            "sum by (view) (rate(headwater_online_rows_written_total[$__rate_interval]))",
                            "{{view}}",
                        ),
                    ),
                    "Into the online store, per second.",
                ),
            ),
        ),
    ),
)
