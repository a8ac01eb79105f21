"""What came of runs as a page that is kept: what was done, on which machine, and what came of each fault."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from headwater.pipelines.chaos.faults import FAULTS
from headwater.schemas.errors import SettingsError

Figures = Mapping[str, Any]
"""Of a run, as `ChaosVerdict.to_json` writes them."""

_NEEDED = frozenset({"command", "machine", "ended", "problems", "survived"})


def read_figures(file: Path) -> Figures:
    """The figures of a run that has ended.

    Raises:
        SettingsError: the file has none.
    """
    try:
        figures = json.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise SettingsError(f"--from {file}: {error}") from error
    if not isinstance(figures, dict) or not figures.keys() >= _NEEDED:
        raise SettingsError(f"--from {file}: these are no figures that `headwater chaos --json` has written")
    return figures


def markdown(runs: Sequence[Figures]) -> str:
    """The page of one run or several."""
    survived = [each for run in runs for each in run["survived"]]
    problems = [problem for run in runs for problem in run["problems"]]

    left_out = [f"`{name}`" for name in FAULTS if name not in _names(survived)]

    def total(name: str) -> int:
        return sum(run[name] for run in runs)

    facts = (
        ("faults, of how many kinds", f"{len(survived)}, {len({each['name'] for each in survived})}", ""),
        ("SIGKILLs", total("kills"), ""),
        ("events sent", total("events"), ""),
        ("keys compared in Redis", total("compared_keys"), ""),
        ("rows compared offline", total("compared_rows"), ""),
        ("rejected records, each with its dead letter", total("dead_letters"), ""),
        ("rows written again, their transaction aborted", total("rows_rewritten"), ""),
        ("rows repeated offline from an older savepoint", total("offline_repeated"), ""),
        ("runs that did not settle", sum(run["stuck"] is not None for run in runs), 0),
        ("mismatches", total("mismatches"), 0),
        ("rows double offline", total("offline_double"), 0),
        ("rows missing offline", total("offline_missing"), 0),
        (f"versions that a reader saw go back, of {total('versions_seen'):,}", total("regressions"), 0),
        ("what else did not hold", total("broken"), 0),
    )
    return "\n".join(
        (
            "# The fault suite as it was run",
            "",
            *(f"* `{run['command']}`, which ended at {run['ended']}, on {run['machine']}." for run in runs),
            "",
            "**Not all is as it must be:**" if problems else "All is as it must be.",
            *(f"* {problem}" for problem in problems),
            "",
            *([f"**Not caused:** {', '.join(left_out)}.", ""] if left_out else []),
            "| what | count | must be |",
            "|---|---|---|",
            *(f"| {what} | {_number(count)} | {must_be} |" for what, count, must_be in facts),
            "",
            "A row is a fault, with the worst of the times that it was caused. *Online again* and *offline again* say",
            "how long after its end fresh data were in Redis, and in Parquet files of every partition; *broken*, how",
            "much did not hold besides.",
            "",
            "| fault | what is done | times | lasted | online again | offline again | said meanwhile | broken |",
            "|---|---|---|---|---|---|---|---|",
            *(_row(name, [each for each in survived if each["name"] == name]) for name in _names(survived)),
            "",
        )
    )


def _names(survived: Sequence[Figures]) -> list[str]:
    """The faults that were caused, in the order of their list."""
    caused = {each["name"] for each in survived}
    return [name for name in FAULTS if name in caused]


def _row(name: str, caused: Sequence[Figures]) -> str:
    said = sorted(set[str]().union(*(each["conditions"] for each in caused)))
    cells = (
        f"`{name}`",
        FAULTS[name].summary,
        str(len(caused)),
        _seconds([each["lasted_s"] for each in caused]),
        _seconds([each["online_again_s"] for each in caused]),
        _seconds([each["offline_again_s"] for each in caused]),
        ", ".join(f"`{condition}`" for condition in said),
        str(sum(len(each["broken"]) for each in caused)),
    )
    return f"| {' | '.join(cells)} |"


def _seconds(times: Sequence[float | None]) -> str:
    known = [seconds for seconds in times if seconds is not None]
    return f"{max(known):.1f} s" if len(known) == len(times) else "never"


def _number(count: int | str) -> str:
    return count if isinstance(count, str) else f"{count:,}"
