"""`headwater chaos`: causes faults to a whole pipeline and says what came of it."""

from __future__ import annotations

import json
import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape
from rich.table import Table

from headwater.pipelines.commands.console import err, new_table, out
from headwater.schemas.errors import VerificationError

if TYPE_CHECKING:
    from headwater.pipelines.chaos import ChaosVerdict, Survived

MOST_PROBLEMS_SHOWN = 20


def chaos(
    faults: Annotated[int | None, typer.Option(min=1, help="How many different faults; all if left out.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this fault; may be given several times.")] = None,
    seed: Annotated[int, typer.Option(help="Decides the stream, the faults and their moments.")] = 1,
    rate: Annotated[int, typer.Option(min=10, max=5_000, help="Events per second.")] = 300,
    duration: Annotated[int, typer.Option(min=1, help="Seconds for which events are sent at least.")] = 60,
    drivers: Annotated[int, typer.Option(min=20, help="A third of the number of keys.")] = 700,
    rounds: Annotated[int, typer.Option(min=1, help="How often each fault is caused.")] = 1,
    kills: Annotated[
        int, typer.Option(min=0, help="How many SIGKILLs at least; any-kill makes up for what lacks.")
    ] = 0,
    last_after: Annotated[int | None, typer.Option(min=1, help="Seconds after which no other fault is begun.")] = None,
    listing: Annotated[bool, typer.Option("--list", help="Only show which faults there are.")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures to this file.")] = None,
    markdown_file: Annotated[Path | None, typer.Option("--markdown", help="Write the verdict as a page.")] = None,
    figures: Annotated[
        list[Path] | None, typer.Option("--from", help="Cause nothing: write the page of runs with these --json files.")
    ] = None,
    state: Annotated[Path, typer.Option(help="Directory of the stack.")] = Path(".headwater-chaos"),
) -> None:
    """Break a whole pipeline while events flow, and compare what is left of it with the reference.

    Starts a stack of its own: broker, registry, Redis, ZooKeeper, Flink, all workers. Causes one fault after the other,
    waits each time until fresh data flow again, lets all settle, and compares every key in Redis, every row of the
    offline log and every dead letter. Exit code 1 if anything was lost, double, wrong or silent.

    Example:  `headwater chaos --faults 6 --seed 7`  and again with the same seed
    """
    from headwater.pipelines.bench.figures import this_machine
    from headwater.pipelines.chaos import ChaosOptions, Told, markdown, read_figures, run, schedule
    from headwater.pipelines.logs import configure_logging
    from headwater.pipelines.settings import load_settings

    if listing:
        out.print(_faults_table())
        return
    if figures:
        page = markdown([read_figures(file) for file in figures])
        markdown_file.write_text(page) if markdown_file is not None else typer.echo(page)
        return
    configure_logging(load_settings(log_level="error"))
    planned = schedule(seed, count=faults, only=only or (), rounds=rounds)
    options = ChaosOptions(state, planned, seed, rate, duration, drivers, kills, last_after)
    told = Told(stage=lambda text: err.print(escape(text), style="dim"), survived=lambda each: out.print(_line(each)))
    verdict = run(options, told)
    text = verdict.to_json(
        command=f"headwater {shlex.join(sys.argv[1:])}",
        machine=this_machine().line(),
        ended=f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    )
    if json_file is not None:
        json_file.write_text(text)
    if markdown_file is not None:
        markdown_file.write_text(markdown([json.loads(text)]))
    _print_verdict(verdict)
    if not verdict.right:
        raise VerificationError(f"seed {seed}: {len(verdict.problems)} things are not as they must be")


def _line(survived: Survived) -> str:
    recovery = survived.recovery
    told = f"; said meanwhile: {', '.join(survived.conditions)}" if survived.conditions else ""
    broken = "".join(f"\n  {sentence}" for sentence in survived.broken)
    return escape(
        f"{survived.at_seconds:6.1f} s  {survived.name}: lasted {survived.lasted_seconds:.1f} s, online again after"
        f" {_seconds(recovery.online)}, offline after {_seconds(recovery.offline)}{told}{broken}"
    )


def _faults_table() -> Table:
    from headwater.pipelines.chaos import FAULTS

    table = new_table("faults", "name", "row", "what is done", "what must be said")
    for fault in FAULTS.values():
        table.add_row(fault.name, str(fault.row), fault.summary, ", ".join(sorted(fault.tells)))
    return table


def _print_verdict(verdict: ChaosVerdict) -> None:
    table = new_table(
        f"seed {verdict.seed}", "fault", "row", "lasted", "online again", "offline again", "worst age", "broken"
    )
    for each in verdict.survived:
        table.add_row(
            each.name,
            str(each.row),
            _seconds(each.lasted_seconds),
            _seconds(each.recovery.online),
            _seconds(each.recovery.offline),
            _seconds(each.worst_age_seconds),
            str(len(each.broken)),
        )
    out.print(table)
    stores = verdict.stores
    compared = f"{stores.keys:,} keys, {stores.rows:,} rows, {stores.rejected:,} dead letters" if stores else "nothing"
    figures = new_table("verdict", "what", "count", "must be")
    for what, count, must_be in (
        ("faults, SIGKILLs", f"{len(verdict.survived)}, {verdict.kills}", ""),
        ("events sent", f"{verdict.events:,}", ""),
        ("compared", compared, ""),
        ("rows written again", f"{verdict.rows_rewritten:,}", ""),
        ("mismatches", f"{verdict.mismatches:,}", "0"),
        ("rows double offline", str(stores.offline_double if stores else "–"), "0"),
        ("rows repeated offline from an older savepoint", str(stores.offline_repeated if stores else "–"), ""),
        ("rows missing offline", str(stores.offline_missing if stores else "–"), "0"),
        (f"versions that went back, of {verdict.versions_seen:,} seen", str(len(verdict.regressions)), "0"),
        ("broken besides", str(sum(len(each.broken) for each in verdict.survived)), "0"),
        ("settled", "no" if verdict.stuck else "yes", "yes"),
    ):
        figures.add_row(what, count, must_be)
    out.print(figures)
    for problem in verdict.problems[:MOST_PROBLEMS_SHOWN]:
        out.print(escape(problem), style="red", soft_wrap=True)


def _seconds(seconds: float | None) -> str:
    return "never" if seconds is None else f"{seconds:.1f} s"
