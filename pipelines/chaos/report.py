"""A verdict as a page that is kept: what was done, on which machine, and what came of each fault."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from headwater.pipelines.chaos.faults import FAULTS
from headwater.pipelines.chaos.verdict import ChaosVerdict, Survived


def markdown(verdict: ChaosVerdict, *, command: str, machine: str) -> str:
    """The page.

    Args:
        verdict: of a run that has just ended.
        command: by which the run can be had again.
        machine: that it ran on, in one line.
    """
    stores = verdict.stores
    outcome = "All is as it must be." if verdict.right else "**Not all is as it must be:**"
    facts = (
        ("faults, of how many kinds", f"{len(verdict.survived)}, {len({each.name for each in verdict.survived})}", ""),
        ("SIGKILLs", verdict.kills, ""),
        ("events sent", verdict.events, ""),
        ("keys compared in Redis", stores.keys if stores else 0, ""),
        ("rows compared offline", stores.rows if stores else 0, ""),
        ("rejected records, each with its dead letter", stores.rejected if stores else 0, ""),
        ("rows written again, their transaction aborted", verdict.rows_rewritten, ""),
        ("rows repeated offline from an older savepoint", stores.offline_repeated if stores else "–", ""),
        ("mismatches", verdict.mismatches, 0),
        ("rows double offline", stores.offline_double if stores else "–", 0),
        ("rows missing offline", stores.offline_missing if stores else "–", 0),
        (f"versions that a reader saw go back, of {verdict.versions_seen:,}", len(verdict.regressions), 0),
        ("what else did not hold", sum(len(each.broken) for each in verdict.survived), 0),
    )
    return "\n".join(
        (
            "# A run of the fault suite",
            "",
            f"Written by `{command}` on {datetime.now(UTC):%Y-%m-%d}, {machine}.",
            "",
            outcome,
            *(f"* {problem}" for problem in verdict.problems),
            "",
            "| what | count | must be |",
            "|---|---|---|",
            *(f"| {what} | {_number(count)} | {must_be} |" for what, count, must_be in facts),
            "",
            "A row is a fault, with the worst of the times that it was caused. *Online again* and *offline again* say",
            "how long after its end fresh data were in Redis, and in Parquet files of every partition.",
            "",
            "| fault | what is done | times | lasted | online again | offline again | said meanwhile |",
            "|---|---|---|---|---|---|---|",
            *(_row(name, [each for each in verdict.survived if each.name == name]) for name in _names(verdict)),
            "",
        )
    )


def _names(verdict: ChaosVerdict) -> list[str]:
    """The faults that were caused, in the order of their list."""
    caused = {each.name for each in verdict.survived}
    return [name for name in FAULTS if name in caused]


def _row(name: str, caused: Sequence[Survived]) -> str:
    said = sorted(set[str]().union(*(each.conditions for each in caused)))
    cells = (
        f"`{name}`",
        FAULTS[name].summary,
        str(len(caused)),
        _seconds([each.lasted_seconds for each in caused]),
        _seconds([each.recovery.online for each in caused]),
        _seconds([each.recovery.offline for each in caused]),
        ", ".join(f"`{condition}`" for condition in said),
    )
    return f"| {' | '.join(cells)} |"


def _seconds(times: Sequence[float | None]) -> str:
    known = [seconds for seconds in times if seconds is not None]
    return f"{max(known):.1f} s" if len(known) == len(times) else "never"


def _number(count: int | str) -> str:
    return count if isinstance(count, str) else f"{count:,}"
