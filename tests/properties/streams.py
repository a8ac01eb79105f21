"""Random views and random streams for them, small enough to shrink and rough enough to hurt."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hypothesis import strategies as st

from headwater.operators.reference import ReferenceEvent
from headwater.schemas import (
    count_events,
    count_of,
    counts_of,
    decayed_count,
    decayed_sum_of,
    distinct_of,
    distinct_sketch_of,
    first_n_of,
    first_of,
    kurtosis_of,
    last_n_distinct_of,
    last_n_of,
    last_of,
    max_of,
    mean_of,
    min_of,
    quantile_of,
    quantile_sketch_of,
    skewness_of,
    stddev_of,
    sum_of,
    top_k_of,
    variance_of,
    vector_decayed_mean_of,
    vector_mean_of,
    vector_sum_of,
)
from headwater.schemas.aggregates import Aggregation
from headwater.schemas.compile import compile_view
from headwater.schemas.plan import Plan
from headwater.schemas.view import EventSource, FeatureView
from headwater.schemas.windows import sliding
from tests.properties.harness import Op, event_op

BASE_US = 1_700_000_000_000_000

EVENT_SCHEMA: dict[str, Any] = {
    "type": "record",
    "name": "Event",
    "fields": [
        {"name": "user", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "price", "type": ["null", "double"], "default": None},
        {"name": "pieces", "type": "int"},
        {"name": "units", "type": ["null", "long"], "default": None},
        {"name": "note", "type": ["null", "string"], "default": None},
        {"name": "paid", "type": "boolean"},
        {"name": "code", "type": ["null", "bytes"], "default": None},
        {"name": "place", "type": ["null", {"type": "array", "items": "double"}], "default": None},
    ],
}
WINDOWS = [
    sliding("1s"),
    sliding("7s"),
    sliding("1m"),
    sliding("5m"),
    sliding("5m", resolution="1m"),
    sliding("90s", resolution="1m"),
    sliding("1h"),
    sliding("1h", resolution="1s"),
    sliding("24h"),
    sliding("7d"),
]
OF_NUMBERS: list[Callable[..., Aggregation]] = [
    count_of,
    sum_of,
    mean_of,
    min_of,
    max_of,
    variance_of,
    partial(variance_of, sample=True),
    stddev_of,
    skewness_of,
    kurtosis_of,
    partial(quantile_of, at=(0.25, 0.5, 0.99)),
    quantile_sketch_of,
    partial(decayed_sum_of, half_life="10m"),
]
OF_ANY: list[Callable[..., Aggregation]] = [
    count_of,
    first_of,
    last_of,
    partial(first_n_of, n=2),
    partial(last_n_of, n=3),
    partial(last_n_distinct_of, n=2),
    partial(distinct_of, exact_up_to=4, precision=10),
    distinct_sketch_of,
]
OF_KEYS: list[Callable[..., Aggregation]] = [partial(top_k_of, k=3), partial(counts_of, limit=3)]
OF_VECTORS: list[Callable[..., Aggregation]] = [
    partial(vector_sum_of, dimensions=2),
    partial(vector_mean_of, dimensions=2),
    partial(vector_decayed_mean_of, dimensions=2, half_life="1m"),
]
CHOICES: list[Callable[..., Aggregation]] = [
    count_events,
    partial(decayed_count, half_life="1m"),
    partial(top_k_of, "note", 2, weight="price", name="notes_by_price"),
    partial(top_k_of, "code", 2, weight="units", name="codes_by_units"),
    *(partial(each, field) for field in ("price", "pieces", "units") for each in OF_NUMBERS + OF_ANY[1:]),
    *(partial(each, field) for field in ("note", "paid", "code") for each in OF_ANY),
    *(partial(each, field) for field in ("pieces", "note", "paid", "code") for each in OF_KEYS),
    *(partial(each, "place") for each in OF_VECTORS),
]

_SPANS_US = (
    0,
    1,
    999_999,
    1_000_000,
    10_000_000,
    60_000_000,
    600_000_000,
    3_600_000_000,
    86_400_000_000,
    8 * 86_400_000_000,
)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """The plan of a random view: one to four windows, one to six aggregates of each."""
    windows = draw(st.lists(st.sampled_from(WINDOWS), min_size=1, max_size=4, unique_by=lambda window: window.name))
    picked = draw(st.lists(st.sampled_from(CHOICES), min_size=1, max_size=6, unique=True))
    view = FeatureView(
        name="random_view",
        source=EventSource(topic="events", key="user", event_time="at", allowed_skew="0s"),
        features=[each(over=tuple(windows)) for each in picked],
        owner="tests",
        description="Random.",
        emission_interval=draw(st.sampled_from(["0ms", "200ms", "5s"])),
    )
    return compile_view(view, EVENT_SCHEMA)


_numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda x: round(x, 3)) | st.sampled_from(
    [0.0, -0.0, 1e12, 1e-12, 5e-324]
)
_values = {
    "price": st.none() | _numbers,
    "pieces": st.integers(-(2**31), 2**31 - 1),
    "units": st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5),
    "note": st.none() | st.text(max_size=3),
    "paid": st.booleans(),
    "code": st.none() | st.binary(max_size=2),
    "place": st.none() | st.lists(_numbers, min_size=2, max_size=2),
}


@dataclass
class Stream:
    """Events by key, and the operations that bring them to the kernel, crashes and replays included."""

    events: dict[bytes, list[ReferenceEvent]] = field(default_factory=dict)
    ops: list[Op] = field(default_factory=list)
    watermark_us: int | None = None
    attempts: list[int] = field(default_factory=lambda: [0])


@st.composite
def streams(draw: st.DrawFn, plan: Plan, max_events: int = 60) -> Stream:
    """Events in any order and of any lateness, with watermarks, throttled time, checkpoints and crashes between them.

    After a crash the events since the checkpoint come again, in another order, and the watermark starts anew.
    """
    stream, replay = Stream(), random.Random(draw(st.integers(0, 2**32)))
    steps = draw(
        st.lists(
            st.sampled_from(["event"] * 12 + ["watermark"] * 3 + ["time"] * 3 + ["checkpoint", "crash"]),
            min_size=1,
            max_size=max_events,
        )
    )
    newest_us, wall_ms, checkpointed = BASE_US, BASE_US // 1000, False
    watermark_ms: int | None = None
    since_checkpoint: list[Op] = []
    for number, step in enumerate(["event", *steps]):
        if step == "event":
            span = draw(st.sampled_from(_SPANS_US))
            time_us = newest_us + draw(st.integers(-span, span))
            time_us = max(0, time_us)
            newest_us = max(newest_us, time_us)
            wall_ms = max(wall_ms, newest_us // 1000)
            key = draw(st.sampled_from([b"\x02a", b"\x02b", b"\x02c"]))
            values = tuple(draw(_values[column.name]) for column in plan.columns)
            event = ReferenceEvent(time_us, values, wall_ms, 0, draw(st.integers(0, 1)), number)
            stream.events.setdefault(key, []).append(event)
            stream.ops.append(event_op(key, event))
            since_checkpoint.append(stream.ops[-1])
        elif step == "watermark":
            ahead_us = draw(st.sampled_from(_SPANS_US))
            watermark_ms = max(watermark_ms or 0, (newest_us + draw(st.integers(-ahead_us, ahead_us))) // 1000)
            stream.ops.append({"op": "watermark", "ms": watermark_ms})
        elif step == "time":
            wall_ms += draw(st.sampled_from([1, 100, 250, 6000]))
            stream.ops.append({"op": "processing_time", "ms": wall_ms})
        elif step == "checkpoint":
            stream.ops.append({"op": "checkpoint"})
            since_checkpoint, checkpointed = [], True
        elif checkpointed:
            stream.ops.append({"op": "restore"})
            stream.attempts.append(len(stream.ops))
            replay.shuffle(since_checkpoint)
            stream.ops.extend(since_checkpoint)
    if watermark_ms is not None:
        stream.ops.append({"op": "watermark", "ms": watermark_ms})
        stream.watermark_us = watermark_ms * 1000
    stream.ops.append({"op": "processing_time", "ms": wall_ms + 20_000})
    return stream
