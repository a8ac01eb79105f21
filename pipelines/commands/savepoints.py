"""`headwater savepoint`: what a view's job can go on from; take one more; go back to an older one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from headwater.pipelines.commands.console import DEFAULT_STATE, AsJson, err, new_table, out
from headwater.pipelines.commands.local_stack import State, View, settings_and_plan
from headwater.pipelines.commands.processes import PlanFile, SchemasPath, ViewsPath

if TYPE_CHECKING:
    from rich.table import Table

    from headwater.pipelines.checkpoints import CheckpointStore
    from headwater.pipelines.flink_rest import FlinkRest
    from headwater.pipelines.savepoints import Listed
    from headwater.schemas.plan import Plan

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="markdown",
    help="The state that a view's job can go on from: list it, take a savepoint, go back to an older one.",
)


@app.command("list")
def list_savepoints(
    view: View,
    plan: PlanFile = None,
    views: ViewsPath = None,
    schemas: SchemasPath = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Show what is kept of a view's state, the newest first, and which of it the next job goes on from.

    That is read from HEADWATER_CHECKPOINT_DIR alone; no cluster needs to run.

    Example:  `headwater savepoint list customer_purchases`
    """
    from headwater.pipelines.checkpoints import checkpoint_store
    from headwater.pipelines.savepoints import listed

    settings, chosen = settings_and_plan(view, plan, views, schemas, state, None)
    store = checkpoint_store(settings.checkpoint_dir, chosen)
    kept = listed(store)
    if as_json:
        out.print_json(data=[each._asdict() for each in kept])
    else:
        out.print(_table(store, kept))


@app.command()
def take(
    view: View,
    stop: Annotated[
        bool,
        typer.Option("--stop", help="End the job with it. A `headwater compute` that watches it ends with an error."),
    ] = False,
    plan: PlanFile = None,
    views: ViewsPath = None,
    schemas: SchemasPath = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Have the view's running job take a savepoint, which is kept until somebody deletes it, and print its URL.

    The job goes on meanwhile. Stopping `headwater compute` stops the job with a savepoint as well; `--stop` is for a
    job that no process watches.

    Example:  `headwater savepoint take customer_purchases`
    """
    from headwater.pipelines import savepoints

    with _cluster(view, plan, views, schemas, state) as (flink, store, chosen):
        taken = savepoints.take(flink, store, chosen, stop=stop)
    if as_json:
        out.print_json(data={"savepoint": taken, "job_stopped": stop})
    else:
        typer.echo(taken)


@app.command()
def restore(
    view: View,
    savepoint: Annotated[
        str, typer.Argument(help="A name as `headwater savepoint list` shows it, or its URL.", metavar="SAVEPOINT")
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    plan: PlanFile = None,
    views: ViewsPath = None,
    schemas: SchemasPath = None,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Go back to a savepoint: the running job is cancelled, and the next one goes on from there, once.

    `headwater compute` starts the next one; where it is supervised, it does so by itself. All events since then are
    read again: online values end as they are, and rows since then come a second time into the offline log. Newer
    checkpoints and savepoints are left behind; one can still go back to them as long as they are there.

    Refused are savepoints of another view or generation, damaged ones, and those whose state a changed view cannot take
    over.

    Example:  `headwater savepoint restore customer_purchases savepoints/savepoint-0a1b2c-0123456789ab`
    """
    from headwater.pipelines import savepoints

    with _cluster(view, plan, views, schemas, state) as (flink, store, chosen):
        if not yes:
            typer.confirm(f"Cancel the job of {view} and go back to {savepoint}?", abort=True, err=True)
        found = savepoints.restore(flink, store, chosen, savepoint)
    if as_json:
        out.print_json(data={"restore_from": found.url})
    else:
        message = f"the next job of {view} goes on from {found.url}; `headwater compute` starts it"
        out.print(escape(message), highlight=False, soft_wrap=True)


@contextmanager
def _cluster(
    view: str, plan: Path | None, views: Path | None, schemas: Path | None, state: Path
) -> Iterator[tuple[FlinkRest, CheckpointStore, Plan]]:
    from headwater.pipelines.checkpoints import checkpoint_store
    from headwater.pipelines.flink_rest import FlinkRest

    settings, chosen = settings_and_plan(view, plan, views, schemas, state, None)
    with closing(FlinkRest(settings.flink_rest_url)) as flink:
        err.print(f"asking Flink at {escape(settings.flink_rest_url)}", highlight=False, soft_wrap=True)
        yield flink, checkpoint_store(settings.checkpoint_dir, chosen), chosen


def _table(store: CheckpointStore, kept: list[Listed]) -> Table:
    from headwater.pipelines.dead_letters.explanation import instant_text

    table = new_table(f"{store.url}: {len(kept) or 'nothing'} kept", "name", "kind", "written", "use")
    for each in kept:
        use = "next: a job goes on from it" if each.use == "next" else each.use.replace("_", " ")
        table.add_row(*map(escape, (each.name, each.kind, instant_text(each.written_ms * 1000), use)))
    return table
