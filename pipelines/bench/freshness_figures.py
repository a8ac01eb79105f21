"""The figures of `headwater bench freshness`, their goals and their conditions."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.pipelines.bench.figures import Figure
from headwater.pipelines.bench.freshness import WARM_UP_SECONDS, Freshness
from headwater.pipelines.bench.watcher import POLL_SECONDS, percentiles
from headwater.schemas.durations import to_ms

BASE_P50_MS, BASE_P99_MS = 60, 150
CHECKPOINT_GOAL = "<= 1.2"
STAGES = {
    "total": "event to reader",
    "broker": "event to Kafka",
    "compute": "Kafka to row",
    "store": "row to reader",
}


def figures_of(found: Sequence[Freshness]) -> list[Figure]:
    """The figures of each run, and of the longest interval between checkpoints beside the shortest."""
    figures = [figure for each in found for figure in _figures(each)]
    ordered = sorted(found, key=lambda each: each.checkpoint_ms)
    if len(ordered) > 1 and not ordered[0].load.kill:
        shortest, longest = ordered[0], ordered[-1]
        ratio = stage(longest, "total")["p99"] / stage(shortest, "total")["p99"]
        name = f"p99 at checkpoint {longest.checkpoint_ms / 1000:g} s / {shortest.checkpoint_ms / 1000:g} s"
        figures.append(Figure(name, ratio, "ratio", CHECKPOINT_GOAL, _conditions(longest)))
    return figures


def stage(found: Freshness, name: str) -> dict[str, float]:
    """The percentiles of a stage, in ms."""
    return percentiles([getattr(seen, f"{name}_ms") for seen in found.seen])


def _figures(found: Freshness) -> list[Figure]:
    interval_ms = to_ms(found.load.emission_interval)
    goals = {"p50": f"<= {interval_ms / 2 + BASE_P50_MS:g}", "p99": f"<= {interval_ms + BASE_P99_MS:g}"}
    conditions = _conditions(found)
    return [
        Figure(
            f"{text}, {share}, checkpoint {found.checkpoint_ms / 1000:g} s",
            value,
            "ms",
            goals.get(share) if name == "total" and not found.load.kill else None,
            conditions,
        )
        for name, text in STAGES.items()
        for share, value in stage(found, name).items()
    ]


def _conditions(found: Freshness) -> str:
    shape = found.load.shape
    killed = "; the TaskManager was killed in the middle and started again at once" if found.load.kill else ""
    return (
        f"{shape.per_second:,} events/s in an open loop for {found.load.seconds} s after {WARM_UP_SECONDS} s of warming"
        f" up, {shape.keys:,} keys, {shape.distribution}, 6 aggregates over 5 windows, rows at most each"
        f" {found.load.emission_interval} for a key, checkpoint each {found.checkpoint_ms / 1000:g} s;"
        f" {len(found.seen):,} events, evenly chosen, from when each was to be sent to when a reader that polls Redis"
        f" each {POLL_SECONDS * 1000:g} ms saw it; the sender was {found.behind_ms:.0f} ms late at worst, which counts;"
        f" all on one machine; every key's row was the reference's in the end{killed}"
    )
