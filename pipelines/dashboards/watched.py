"""What `headwater watch` finds out about one view: its probe, whether its stores agree, and its values."""

from headwater.pipelines.dashboards.panels import Panel, Query, Row

OF_VIEW = '{view="$view"}'
OF_FEATURE = '{view="$view",feature="$feature"}'
COMPARED = 'headwater_parity_rows_total{view="$view",outcome=~"agreed|disagreed"}'
DISAGREED = 'headwater_parity_rows_total{view="$view",outcome="disagreed"}'


def _seen(share: str) -> Query:
    # A probe may be sent every few minutes: over less than an hour there may be none.
    seen = f"rate(headwater_probe_seen_seconds_bucket{OF_VIEW}[1h])"
    return Query(f"histogram_quantile({share}, sum by (le) ({seen}))", f"{float(share):.0%}")


def _of_feature(measure: str, legend: str) -> Query:
    return Query(f"max by (feature) (headwater_feature_{measure}{OF_FEATURE})", legend)


def _by_feature(measure: str, legend: str) -> Query:
    return Query(f"max by (feature) (headwater_feature_{measure}{OF_VIEW})", legend)


PROBE = Row(
    "Probe",
    (
        Panel(
            "Time until a reader sees a probe",
            "s",
            (_seen("0.5"), _seen("0.99")),
            "Over an hour, from a synthetic event until a reader of the online store saw it; if the view declares one.",
        ),
        Panel(
            "Oldest probe that no reader has seen",
            "s",
            (Query(f"max by (view) (headwater_probe_waiting_seconds{OF_VIEW})", "{{view}}"),),
            "Since it was sent; 0 if all were seen.",
        ),
    ),
)

PARITY = Row(
    "Parity",
    (
        Panel(
            "Rows compared",
            "ops",
            (
                Query(
                    f"sum by (against, outcome) (rate(headwater_parity_rows_total{OF_VIEW}[$__rate_interval]))",
                    "{{against}}: {{outcome}}",
                ),
            ),
            "Online rows per second, against the offline log and against what the reference makes of their events.",
        ),
        Panel(
            "Rows that differ",
            "percentunit",
            (
                Query(
                    f"sum by (against) (increase({DISAGREED}[1h])) / sum by (against) (increase({COMPARED}[1h]))",
                    "{{against}}",
                ),
            ),
            "Share of those that were compared within an hour; watch logs each as `parity_broken`.",
        ),
        Panel(
            "Features that differ",
            "short",
            (
                Query(
                    f"sum by (feature, against) (increase(headwater_parity_disagreed_total{OF_VIEW}[1h])) > 0",
                    "differing values",
                ),
            ),
            "Values within an hour, by feature; none while all agree.",
            kind="table",
        ),
        Panel(
            "Since a row was last compared",
            "s",
            (Query(f"max by (against) (headwater_parity_age_seconds{OF_VIEW})", "{{against}}"),),
            "Or there was none to compare: if it grows, nothing is being checked.",
        ),
        Panel(
            "Passages and failures",
            "short",
            (
                Query(
                    f"sum by (outcome) (increase(headwater_parity_scans_total{OF_VIEW}[1h]))",
                    "passages {{outcome}}",
                ),
                Query(
                    f"sum by (task) (increase(headwater_watch_failures_total{OF_VIEW}[1h]))",
                    "{{task}} had to wait",
                ),
            ),
            "Within an hour: passages over the event topics, and times that a task of watch could not go on.",
        ),
    ),
)

VALUES = Row(
    "Values",
    (
        Panel(
            "Spread of the feature's values",
            "none",
            (
                _of_feature("greatest", "greatest"),
                Query(
                    f"max by (quantile) (headwater_feature_quantile{OF_FEATURE})",
                    "quantile {{quantile}}",
                ),
                _of_feature("mean", "mean"),
                _of_feature("least", "least"),
            ),
            "Of a sample of rows as readers see them; of lists and maps their length, of texts none.",
        ),
        Panel(
            "Nulls and defaults of the feature",
            "percentunit",
            (_of_feature("null_ratio", "null"), _of_feature("default_ratio", "as of no events")),
            "Share of the sampled values.",
        ),
        Panel(
            "Drift of the feature",
            "none",
            (_of_feature("stability_index", "stability index"), _of_feature("mean_shift", "shift of the mean")),
            "Against the reference period: how unlike the spread is; by how many standard deviations the mean moved.",
        ),
        Panel(
            "All features",
            "none",
            (
                _by_feature("stability_index", "stability index"),
                _by_feature("mean_shift", "shift of the mean"),
                _by_feature("sampled_rows", "sampled rows"),
            ),
            "Drift of each, once a reference period and another are over; with how many rows the newest sample has.",
            kind="table",
        ),
    ),
)
