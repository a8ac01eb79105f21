"""Which unit a PromQL expression of the dashboards has, worked out from the units that pipelines/metrics.md states.

An expression is rewritten until one word is left. A metric becomes `gauge:UNIT`, or `counter:UNIT` if it only grows;
nothing but `rate` and `increase` takes a counter, nor they a gauge: so a mistake leaves more than one word.
"""

from __future__ import annotations

import re

from tests.metrics_page import SECTIONS, Row

GROWING_GAUGES = re.compile(r"_total$|_(checks|failures|rejects|events)$")
"""Flink exports counters as gauges."""

_UNITS = {
    "seconds": "seconds",
    "milliseconds": "milliseconds",
    "milliseconds per second": "milliseconds_per_second",
    "bytes": "bytes",
}
_NUMBER = r"\d+(?:\.\d+)?"
_REWRITES = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?:by|on|group_left) \([^)]*\)", ""),
        (r"\brate ?\( ?counter:(\w+) ?\[\w+\] ?\)", r"gauge:\1_rate"),
        (r"\bincrease ?\( ?counter:(\w+) ?\[\w+\] ?\)", r"gauge:\1"),
        (rf"histogram_quantile\({_NUMBER}, gauge:(\w+)_bucket_rate\)", r"gauge:\1"),
        (r"\b(?:sum|max|min) *\( ?(gauge:\w+) ?\)", r"\1"),
        (rf"(gauge:\w+) (?:>|==) {_NUMBER}", r"\1"),
        (r"time\(\) - gauge:timestamp\b", "gauge:seconds"),
        (r"gauge:milliseconds_per_second / 1000", "gauge:share"),
        (r"gauge:seconds_rate / +gauge:number_rate", "gauge:seconds"),
        (r"gauge:(\w+) / +gauge:\1\b", "gauge:share_of_\\1"),
    )
)


def unit_of(expression: str) -> str:
    """`seconds`, `bytes`, `number`, `number_rate`, `share` and so on; of a quotient of two of a kind `share_of_` it.

    Raises:
        ValueError: the expression makes no sense: a rate of what does not grow, a counter as it is, a point in time as
            a span, or a quotient of different things.
    """
    unlabelled = re.sub(r"\{[^}]*\}", "", expression)
    found = re.sub(r"\b(?:headwater|flink)[_:][A-Za-z0-9_:]+", lambda name: _word(name[0]), unlabelled)
    before = ""
    while found != before:
        before = found
        for pattern, replacement in _REWRITES:
            found = pattern.sub(replacement, found)
        found = found.strip()
    if (left := re.fullmatch(r"gauge:(\w+)", found)) is None:
        raise ValueError(f"{expression}\nis {found}")
    return left[1]


def _word(name: str) -> str:
    if name.startswith("headwater:"):
        return "gauge:share"  # all that rules record and dashboards show
    row, part = _row(name)
    if part or row.type == "counter" or (name.startswith("flink_") and GROWING_GAUGES.search(name)):
        unit = _UNITS.get(row.unit, "number")
        return "counter:" + {"_bucket": f"{unit}_bucket", "_count": "number"}.get(part, unit)
    if name.endswith("_timestamp_seconds"):
        return "gauge:timestamp"
    return "gauge:" + ("share" if name.endswith("_ratio") else _UNITS.get(row.unit, "number"))


def _row(name: str) -> tuple[Row, str]:
    """The metric, and which of a histogram's three series."""
    rows = {row.name: row for section in SECTIONS.values() for row in section}
    if name in rows:
        return rows[name], ""
    stem, end, _ = re.split(r"(_bucket|_sum|_count)$", name)
    return rows[stem], end
