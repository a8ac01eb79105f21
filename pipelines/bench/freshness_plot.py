"""Freshness over time as an image: each event that was followed, a panel for each interval between checkpoints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from headwater.pipelines.bench.freshness import Freshness
from headwater.schemas.errors import PrerequisiteError, SettingsError

INCHES = (10.0, 3.0)
"""Width of the image, and height of a panel."""


def save_plot(results: Sequence[Freshness], file: Path) -> None:
    """Writes a PNG: over seconds since the start, the milliseconds until a reader saw an event, as a logarithm.

    Raises:
        PrerequisiteError: matplotlib is not installed.
        SettingsError: the file cannot be written.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PrerequisiteError("matplotlib is not installed: pip install 'headwater[plots]'") from error

    figure = Figure(figsize=(INCHES[0], INCHES[1] * len(results)), layout="constrained")
    panels = figure.subplots(len(results), 1, squeeze=False, sharex=True, sharey=True)[:, 0]
    for panel, found in zip(panels, results, strict=True):
        seconds = [(seen.at_us - found.start_us) / 1e6 for seen in found.seen]
        panel.scatter(seconds, [max(seen.total_ms, 0.1) for seen in found.seen], s=3, linewidths=0)
        panel.set_yscale("log")
        panel.grid(alpha=0.3)
        panel.set_ylabel("ms until seen")
        panel.set_title(_title(found), fontsize="medium", loc="left")
        if found.killed_us is not None:
            at = (found.killed_us - found.start_us) / 1e6
            panel.axvline(at, linestyle="dashed", color="tab:red")
            panel.annotate("TaskManager killed", (at, 0.9), xycoords=("data", "axes fraction"))
    panels[-1].set_xlabel("seconds")
    try:
        figure.savefig(file, format="png", dpi=120, metadata={"Software": None})
    except OSError as error:
        raise SettingsError(f"--plot {file}: {error.strerror}") from error


def _title(found: Freshness) -> str:
    shape = found.load.shape
    return (
        f"{shape.per_second:,} events/s, {shape.keys:,} keys, {shape.distribution}, a checkpoint each"
        f" {found.checkpoint_ms / 1000:g} s, emission interval {found.load.emission_interval}"
    )
