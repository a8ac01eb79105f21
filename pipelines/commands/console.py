"""What all commands share: where they print, how errors look, how tables look."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from headwater.schemas.errors import DeclarationError, HeadwaterError

DEFAULT_STATE = Path(".headwater")
"""Where a stack lives unless `--state` says otherwise; relative to where the command is run."""

WIDTH_OF_FILES = 160
"""Columns that are used where the output is no terminal."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
"""The option of commands that print one document."""

out = Console(width=None if sys.stdout.isatty() else WIDTH_OF_FILES)
"""For what was asked for."""

err = Console(stderr=True, width=None if sys.stderr.isatty() else WIDTH_OF_FILES)
"""For progress and problems."""


def print_error(error: HeadwaterError) -> None:
    """The error as a person wants to read it: what is wrong, and what to do."""
    if isinstance(error, DeclarationError):
        err.print(mistakes_table(error))
        return
    first, *rest = str(error).splitlines() or [type(error).__name__]
    err.print(f"[bold red]error:[/] {escape(first)}", highlight=False, soft_wrap=True)
    for line in rest:
        err.print(f"       {escape(line)}", highlight=False, soft_wrap=True)


def mistakes_table(error: DeclarationError) -> Table:
    """Every mistake of a declaration, a row each."""
    count = len(error.mistakes)
    table = new_table(
        f"{count} mistake{'s' if count > 1 else ''} in the declarations", "where", "view", "in", "what", "remedy"
    )
    for mistake in error.mistakes:
        cells = (mistake.where, mistake.view, mistake.place, mistake.what, mistake.remedy)
        table.add_row(*map(escape, cells))
    return table


def new_table(title: str, *columns: str) -> Table:
    """An empty table in the style of all others."""
    table = Table(title=title, title_justify="left", header_style="bold", show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table
