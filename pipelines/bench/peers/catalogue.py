"""The peers that are measured, and what each of them guarantees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

PeerName = Literal["Flink SQL", "PyFlink operator", "Quix Streams", "Bytewax", "Pathway"]


@dataclass(frozen=True, slots=True)
class Peer:
    """A stream processor.

    Attributes:
        module: its program, in this package.
        on_flink: whether that submits a job to a cluster; else it is the processor.
        delivery: what becomes of its results across a crash, as it is run here.
        late: what becomes of an event that comes after its windows have closed.
        value: at which times there is a value.
        goals: by number of windows, of Headwater's events/s against its.
    """

    name: PeerName
    module: str
    on_flink: bool
    delivery: str
    late: str
    value: str
    goals: tuple[tuple[int, str], ...] = ()


HEADWATER = "Headwater"
OF_HEADWATER = ("exactly once", "counts while it is within the window's reach", "at any time")
"""Delivery, late events and value, in the same words."""

PEERS: tuple[Peer, ...] = (
    Peer(
        "Flink SQL",
        "flink_sql",
        True,
        delivery="exactly once",
        late="dropped",
        value="at each hop",
        goals=((1, ">= 5"), (5, ">= 20")),
    ),
    Peer(
        "PyFlink operator",
        "pyflink_operator",
        True,
        delivery="exactly once",
        late="counts in later windows",
        value="at each hop",
        goals=((1, ">= 50"), (5, ">= 50")),
    ),
    Peer(
        "Quix Streams",
        "quix_streams",
        False,
        delivery="exactly once",
        late="dropped",
        value="at each hop, once its partition has a later event",
    ),
    Peer(
        "Bytewax",
        "bytewax_flow",
        False,
        delivery="at least once",
        late="dropped",
        value="at each hop",
    ),
    Peer(
        "Pathway",
        "pathway_table",
        False,
        delivery="at least once, as run here without persistence",
        late="dropped",
        value="at each hop",
    ),
)
