"""The command line. Each command is a page in `headwater.pipelines.commands`, imported when it is used."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from headwater.pipelines.commands import (
    acls,
    bench,
    board,
    chaos,
    dead_letters,
    doctor,
    lineage,
    processes,
    rollout,
    savepoints,
    schemas,
    slo,
    stack,
    tail,
    testing,
    views,
    watch,
)
from headwater.pipelines.commands.console import out, print_error
from headwater.schemas.errors import HeadwaterError

app = typer.Typer(
    name="headwater",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

TRY = "Try it"
LOCAL = "A stack on this machine"
VIEWS = "Feature views"
PROCESSES = "Processes of a deployment"
CONTRACTS = "Data contracts"
MEASUREMENTS = "Measurements"

app.command(rich_help_panel=TRY)(stack.demo)
app.command(rich_help_panel=LOCAL)(stack.up)
app.command(rich_help_panel=LOCAL)(stack.status)
app.command(rich_help_panel=LOCAL)(stack.down)
app.command(rich_help_panel=VIEWS, name="compile")(views.compile_views)
app.command(rich_help_panel=VIEWS, name="test")(testing.run_tests)
app.command(rich_help_panel=VIEWS)(rollout.plan)
app.command(rich_help_panel=VIEWS)(rollout.apply)
app.command(rich_help_panel=VIEWS)(acls.acls)
app.command(rich_help_panel=VIEWS)(views.get)
app.command(rich_help_panel=VIEWS)(tail.tail)
app.add_typer(dead_letters.app, name="dead-letters", rich_help_panel=VIEWS)
app.add_typer(slo.app, name="slo", rich_help_panel=VIEWS)
app.add_typer(schemas.app, name="schemas", rich_help_panel=CONTRACTS)
app.command(rich_help_panel=CONTRACTS)(lineage.lineage)
app.command(rich_help_panel=PROCESSES)(doctor.doctor)
app.command(rich_help_panel=PROCESSES)(processes.compute)
app.command(rich_help_panel=PROCESSES)(processes.materialize)
app.command(rich_help_panel=PROCESSES)(processes.archive)
app.command(rich_help_panel=PROCESSES)(watch.watch)
app.add_typer(savepoints.app, name="savepoint", rich_help_panel=PROCESSES)
app.command(rich_help_panel=PROCESSES)(board.top)
app.command(rich_help_panel=PROCESSES)(board.board)
app.add_typer(bench.app, name="bench", rich_help_panel=MEASUREMENTS)
app.command(rich_help_panel=MEASUREMENTS)(chaos.chaos)

_debug = False


def main() -> None:
    """Runs the command of `sys.argv`; exits with 0 if it did what it says, 1 and a message if not, 2 for wrong use.

    `headwater plan` alone exits with 2 also where there is something to apply.
    """
    try:
        app()
    except HeadwaterError as error:
        if _debug:
            raise
        print_error(error)
        sys.exit(1)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        out.print(f"headwater {version('headwater')}", highlight=False)
        raise typer.Exit


@app.callback()
def _all_commands(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Say which version this is.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the whole traceback of an error.")] = False,
) -> None:
    """Turns Kafka event topics into fresh machine-learning features.

    Declare a feature view in Python, and Headwater computes it with Flink, serves it from Redis and logs it as
    Parquet. See it work:  `headwater demo`

    Serve views of your own:  `headwater up --views my_views/`  then  `headwater get my_view customer_id=42`
    """
    global _debug  # noqa: PLW0603
    _debug = debug


if __name__ == "__main__":
    main()
