"""Heartbeats fold to the least of what all subtasks of the running job have vouched for."""

from __future__ import annotations

import pytest

from headwater.operators.heartbeats import FoldedHeartbeat, HeartbeatFold
from headwater.schemas.feature_log import Heartbeat

LONG_MIN = -(2**63)

# epoch, subtask, parallelism, as of, watermark
CASES: dict[str, tuple[list[tuple[int, int, int, int, int]], tuple[int, int] | None]] = {
    "nothing was heard": ([], None),
    "one of one": ([(5, 0, 1, 100, 90)], (100, 90)),
    "one of two is missing": ([(5, 0, 2, 100, 90)], None),
    "the least of two, of each number on its own": ([(5, 0, 2, 100, 90), (5, 1, 2, 101, 80)], (100, 80)),
    "the newest of a subtask counts": ([(5, 0, 1, 100, 90), (5, 0, 1, 110, 95)], (110, 95)),
    "no watermark yet": ([(5, 0, 1, 100, LONG_MIN)], (100, LONG_MIN)),
    "a zombie of an older epoch is not heard": ([(6, 0, 1, 100, 90), (5, 0, 1, 900, 900)], (100, 90)),
    "a restarted subtask speaks for itself at once": (
        [(5, 0, 2, 100, 90), (5, 1, 2, 100, 90), (6, 0, 2, 70, 60)],
        (70, 60),
    ),
    "a narrower job: higher subtasks are gone": (
        [(5, 0, 2, 100, 90), (5, 1, 2, 50, 40), (6, 0, 1, 110, 95)],
        (110, 95),
    ),
    "another parallelism: keys moved, so all must speak again": (
        [(5, 0, 2, 100, 90), (5, 1, 2, 100, 90), (6, 0, 3, 110, 95), (6, 2, 3, 110, 95)],
        None,
    ),
    "another parallelism, and all have spoken": (
        [(5, 0, 1, 100, 90), (6, 1, 2, 120, 95), (7, 0, 2, 110, 97)],
        (110, 95),
    ),
}


@pytest.mark.parametrize(("heard", "folded"), CASES.values(), ids=CASES.keys())
def test_a_partition_is_complete_as_far_as_every_subtask_says(
    heard: list[tuple[int, int, int, int, int]], folded: tuple[int, int] | None
) -> None:
    fold = HeartbeatFold()
    for beat in heard:
        fold.add(Heartbeat(*beat))
    assert fold.folded() == (None if folded is None else FoldedHeartbeat(*folded))


def test_a_folded_heartbeat_survives_packing() -> None:
    folded = FoldedHeartbeat(1_795_000_000_123, LONG_MIN)
    assert FoldedHeartbeat.unpack(folded.pack()) == folded
