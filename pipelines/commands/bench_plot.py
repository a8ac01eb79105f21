"""A chart over time for a terminal: a column for each span of time, its height the logarithm of the value."""

from __future__ import annotations

import math
from collections.abc import Sequence

HEIGHT = 8
_EIGHTHS = " ▁▂▃▄▅▆▇█"


def columns(values: Sequence[float | None], unit: str) -> str:
    """The chart, with the values of its top and its bottom at its left; None leaves a gap.

    Args:
        values: positive numbers.
    """
    known = [value for value in values if value is not None]
    if not known:
        return "nothing to show"
    low, high = math.log(min(known) / 1.5), math.log(max(known))
    heights = [
        0 if value is None else max(1, round((math.log(value) - low) / (high - low) * HEIGHT * 8)) for value in values
    ]
    labels = {HEIGHT - 1: f"{max(known):,.0f} {unit}", 0: f"{math.exp(low):,.0f} {unit}"}
    width = max(map(len, labels.values()))
    lines = []
    for row in range(HEIGHT - 1, -1, -1):
        cells = "".join(_EIGHTHS[min(8, max(0, height - row * 8))] for height in heights)
        lines.append(f"{labels.get(row, ''):>{width}} │{cells}")
    return "\n".join(lines)
