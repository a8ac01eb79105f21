"""The peers' results against windows that are computed without any of them, on all keys."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from headwater.pipelines.bench.events import PARTITIONS, BenchEvents
from headwater.pipelines.bench.peers.task import COLUMNS, Task
from headwater.schemas.errors import VerificationError

SHARE = 16
RELATIVE, ABSOLUTE = 1e-9, 1e-3
"""Amounts are multiples of 0.25; where all of a window are equal, a variance from sums of squares is off by so much."""

GRACE_SECONDS = 2
"""What a watermark may be behind besides: idle partitions, whole seconds."""

Numbers = tuple[float, ...]
"""Count, sum, mean, min, max and standard deviation."""

Window = tuple[str, int, int]
"""User, length and end in seconds."""


class Checked(NamedTuple):
    """How many results there were, and of how many windows that had closed."""

    results: int
    closed: int


def check_results(peer: str, events: BenchEvents, task: Task, results: Mapping[Window, Numbers]) -> Checked:
    """Compares each result with the events of its window; and sees that each window that has closed has one.

    Args:
        results: the last of each window.

    Raises:
        VerificationError: one differs, is missing, or belongs to no event.
    """
    due_seconds = closed_until(events, task)
    found = closed = 0
    for window, expected in windows_of(events, task):
        actual = results.get(window)
        if window[2] <= due_seconds:
            closed += 1
            if actual is None:
                raise VerificationError(f"{peer}: {_told(window)} is missing, which had closed at {due_seconds}")
        if actual is None:
            continue
        found += 1
        if not all(map(_close, actual, expected)):
            raise VerificationError(f"{peer}: {_told(window)} is {actual} instead of {expected}")
    if found != len(results):
        raise VerificationError(f"{peer}: {len(results) - found} results are of windows that hold no event")
    return Checked(found, closed)


def closed_until(events: BenchEvents, task: Task) -> int:
    """The time, in seconds since 1970, up to which all windows have closed once all events are read."""
    partitions = events.keys % (PARTITIONS - 1)
    newest_us = min(int(events.times_us[partitions == each].max()) for each in range(PARTITIONS - 1))
    return newest_us // 1_000_000 - task.lateness_seconds - GRACE_SECONDS


def parse(lines: Iterable[bytes]) -> dict[Window, Numbers]:
    """The last result of each window."""
    found: dict[Window, Numbers] = {}
    for line in lines:
        user, length, end, *numbers = line.decode().strip().replace('"', "").split(",")
        if len(numbers) != len(COLUMNS) - 3:
            raise VerificationError(f"a result is {line!r}, not {','.join(COLUMNS)}")
        found[user, int(length), int(end)] = tuple(map(float, numbers))
    return found


def windows_of(events: BenchEvents, task: Task) -> Iterator[tuple[Window, Numbers]]:
    """Every window that holds an event, and its aggregates; by a share of the keys at a time."""
    hop_us = task.hop_seconds * 1_000_000
    for share in range(SHARE):
        chosen = events.keys % SHARE == share
        keys, amounts = events.keys[chosen], events.amounts[chosen]
        first_end = events.times_us[chosen] // hop_us + 1
        for seconds in task.windows_seconds:
            hops = seconds // task.hop_seconds
            ends = (first_end[:, None] + np.arange(hops)).ravel()
            yield from _aggregated(np.repeat(keys, hops), ends, np.repeat(amounts, hops), seconds, task.hop_seconds)


def _aggregated(
    keys: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], amounts: npt.NDArray[np.float64], seconds: int, hop: int
) -> Iterator[tuple[Window, Numbers]]:
    if not len(keys):
        return
    order = np.lexsort((ends, keys))
    keys, ends, amounts = keys[order], ends[order], amounts[order]
    starts = np.flatnonzero(np.diff(keys, prepend=-1) | np.diff(ends, prepend=-1))
    counts = np.diff(starts, append=len(keys))
    sums = np.add.reduceat(amounts, starts)
    means = sums / counts
    deviations = amounts - np.repeat(means, counts)
    columns: Sequence[npt.NDArray[np.float64]] = (
        counts.astype(np.float64),
        sums,
        means,
        np.minimum.reduceat(amounts, starts),
        np.maximum.reduceat(amounts, starts),
        np.sqrt(np.add.reduceat(deviations * deviations, starts) / counts),
    )
    for key, end, *numbers in zip(
        keys[starts].tolist(), ends[starts].tolist(), *(column.tolist() for column in columns), strict=True
    ):
        yield (f"{key:010d}", seconds, end * hop), tuple(numbers)


def _close(actual: float, expected: float) -> bool:
    return abs(actual - expected) <= ABSOLUTE + RELATIVE * abs(expected)


def _told(window: Window) -> str:
    user, seconds, end = window
    return f"the window of {seconds} s of user {user} that ends at {end}"
