"""Programs as literal tables, so that what was found once can be pasted as a test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from headwater.operators.reference import ReferenceEvent
from tests.properties.programs import Arrival, Checkpoint, Crash, Program, Step, WallTime, Watermark
from tests.properties.shrinking import Failing
from tests.properties.views import FIELDS

Row = tuple[Any, ...]
"""One of::

("event", key, time in us, {field: value}, ingested in ms, source, partition, offset, id, index)
("watermark", ms)
("wall", ms)
("checkpoint", label)
("crash", label of the checkpoint or None, parallelism, wall in ms)
"""


def program_of(
    rows: Sequence[Row],
    *,
    parallelism: int = 1,
    wall_ms: int = 0,
    backend: Literal["hashmap", "rocksdb"] = "hashmap",
    bounded: bool = False,
) -> Program:
    """The program that the table tells."""
    return Program(tuple(map(_step, rows)), parallelism, wall_ms, backend, bounded)


def as_test(failing: Failing) -> str:
    """A test of this program, to be pasted into `test_found_by_generation.py`."""
    view, program = failing.view, failing.program
    used = [column.name for column in view.plan(failing.base_us).columns]
    lines = [
        "def test_name_me(kernel: KernelHarness) -> None:",
        "    view = View(",
        "        asked=(",
        *(f"            {asked}," for asked in view.asked),
        "        ),",
        f"        emission_interval={view.emission_interval!r},",
        f"        time_to_live={view.time_to_live!r},",
        f"        ids={view.ids},",
        f"        derived={view.derived},",
        f"        exploded={view.exploded},",
        f"        horizon={view.horizon!r},",
        "    )",
        "    rows = [",
        *(f"        {_row(step, used)}," for step in program.steps),
        "    ]",
        "    program = program_of(",
        "        rows,",
        f"        parallelism={program.parallelism},",
        f"        wall_ms={program.wall_ms},",
        f"        backend={program.backend!r},",
        f"        bounded={program.bounded},",
        "    )",
        f"    check(view.plan({failing.base_us}), program, kernel)",
    ]
    return "\n".join(lines)


def _step(row: Row) -> Step:
    match row:
        case ("event", key, time_us, values, *position):
            return Arrival(key, ReferenceEvent(time_us, _all(values), *position), tuple(FIELDS))
        case ("watermark", ms):
            return Watermark(ms)
        case ("wall", ms):
            return WallTime(ms)
        case ("checkpoint", label):
            return Checkpoint(label)
        case ("crash", label, parallelism, wall_ms):
            return Crash(label, parallelism, wall_ms)
    raise ValueError(f"{row!r} is no row of such a table")


def _row(step: Step, used: Sequence[str]) -> Row:
    match step:
        case Arrival(key, event, names):
            values = {name: value for name, value in zip(names, event.values, strict=True) if name in used}
            position = (event.ingested_at_ms, event.source, event.partition, event.offset, event.id, event.index)
            return ("event", key, event.time_us, values, *position)
        case Watermark(ms):
            return ("watermark", ms)
        case WallTime(ms):
            return ("wall", ms)
        case Checkpoint(label):
            return ("checkpoint", label)
        case Crash(label, parallelism, wall_ms):
            return ("crash", label, parallelism, wall_ms)


def _all(values: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(values.get(name) for name in FIELDS)
