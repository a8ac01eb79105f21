"""What lies between two schemas, as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape

from headwater.pipelines.commands.console import new_table
from headwater.schemas.contracts.check import broken_promise
from headwater.schemas.contracts.consequences import Comparison, ViewConsequence
from headwater.schemas.contracts.levels import MEANINGS, Level


def print_diff(
    console: Console,
    subject: str,
    level: Level | None,
    comparison: Comparison,
    consequences: Sequence[ViewConsequence],
) -> None:
    """Prints the changes, then what they mean."""
    title = f"{subject}  {comparison.old} → {comparison.new}"
    if not comparison.changes:
        console.print(f"{title}: nothing that anyone reads has changed", highlight=False, markup=False)
    else:
        table = new_table(title, "change", "field", "what")
        for change in comparison.changes:
            table.add_row(*map(escape, (change.kind, change.field or "(all)", change.what)))
        console.print(table)
    console.print(comparison.meaning(), highlight=False, markup=False, soft_wrap=True)
    for line in _broken(comparison):
        console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)
    if level is not None:
        verdict = "[green]allows this[/]" if comparison.keeps(level) else "[red]does not allow this[/]"
        console.print(f"{level} {verdict}: {MEANINGS[level]}", highlight=False, soft_wrap=True)
    if consequences:
        views = new_table("views", "view", "becomes", "why")
        for each in consequences:
            views.add_row(escape(each.view), _verdict(each), escape("\n".join(each.effects)))
        console.print(views)


def diff_as_json(
    subject: str, level: Level | None, comparison: Comparison, consequences: Sequence[ViewConsequence]
) -> dict[str, Any]:
    """The same for scripts."""
    return {
        "subject": subject,
        "old": comparison.old,
        "new": comparison.new,
        "changes": [asdict(change) for change in comparison.changes],
        "new_reads_old": [asdict(each) for each in comparison.new_reads_old],
        "old_reads_new": [asdict(each) for each in comparison.old_reads_new],
        "meaning": comparison.meaning(),
        "level": level,
        "level_allows": None if level is None else comparison.keeps(level),
        "views": [asdict(each) for each in consequences],
    }


def _broken(comparison: Comparison) -> Iterator[str]:
    for found, reader, writer in (
        (comparison.new_reads_old, comparison.new, comparison.old),
        (comparison.old_reads_new, comparison.old, comparison.new),
    ):
        for each in found:
            place = f"{reader} {each.reader_path}, {writer} {each.writer_path}"
            yield f"{broken_promise(each, reader, writer)} ({place})"


def _verdict(consequence: ViewConsequence) -> str:
    if consequence.breaks:
        return "[red]broken[/]"
    return "[yellow]other[/]" if consequence.effects else "[green]the same[/]"
