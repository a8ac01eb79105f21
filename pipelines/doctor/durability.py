"""How many brokers keep a record, and how many must have it before it counts: what that is good for."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.pipelines.doctor.finding import Finding, fault, warning
from headwater.pipelines.settings import Settings

LEAST_COPIES = 3
"""With so many, one broker can be away and another one fail."""


def copies(check: str, replication: int, min_insync: int | None) -> Iterator[Finding]:
    """What so many copies of a record are good for, of which `min_insync` must be there for it to count."""
    if replication < 2:
        yield warning(check, f"{replication}: with the broker's disk all records are gone", "keep 3 copies")
    elif min_insync is not None and min_insync >= replication:
        yield warning(
            check,
            f"min.insync.replicas is {min_insync} of {replication}: no broker can be away for a moment",
            f"set min.insync.replicas={replication - 1}",
        )
    elif min_insync == 1:
        yield warning(
            check,
            f"min.insync.replicas is 1 of {replication}: a record counts that only one broker has",
            "set min.insync.replicas=2",
        )


def setting_findings(settings: Settings, brokers: int) -> Iterator[Finding]:
    """What the settings ask of topics that are made, of so many brokers."""
    replication, least = settings.topic_replication, settings.topic_min_insync_replicas
    if replication > brokers:
        yield fault(
            "HEADWATER_TOPIC_REPLICATION",
            f"{replication}, but there are {brokers} brokers: no topic can be made",
            f"set it to {brokers} or less, or add brokers",
        )
    elif replication != -1 and least is not None and least > replication:
        yield fault(
            "HEADWATER_TOPIC_MIN_INSYNC_REPLICAS",
            f"{least}, but only {replication} brokers keep a record: nothing can be written",
            f"set it to {max(1, replication - 1)}",
        )
    elif replication != -1:
        yield from copies("HEADWATER_TOPIC_REPLICATION", replication, least)
