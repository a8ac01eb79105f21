"""`headwater plan` and `headwater apply`: what a change of views would do, shown first, then done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headwater.pipelines.commands.acls import user_names
from headwater.pipelines.commands.console import DEFAULT_STATE, AsJson, err, out
from headwater.pipelines.commands.local_stack import told_or_local_settings
from headwater.pipelines.security.names import NAMES

if TYPE_CHECKING:
    from headwater.pipelines.rollout.actions import Action

CHANGES = 2
"""The exit code that says that there is something to apply."""

State = Annotated[
    Path,
    typer.Option(help="State directory of the local stack, used unless HEADWATER_KAFKA_BOOTSTRAP_SERVERS is set."),
]


def plan(
    path: Annotated[Path, typer.Argument(help="A file of feature views, or a directory of such files.")],
    destination: Annotated[
        Path | None, typer.Option("--out", help="Write the plan there, for `headwater apply`.", show_default=False)
    ] = None,
    schemas: Annotated[
        Path | None, typer.Option("--schemas", help="Avro files, if not beside the views.", show_default=False)
    ] = None,
    allow_delete: Annotated[
        list[str] | None,
        typer.Option(metavar="VIEW", help="Delete what a view has left behind that is deployed, but not declared."),
    ] = None,
    acls: Annotated[
        bool, typer.Option("--acls", help="Also give Kafka's users what the views need of them (`headwater acls`).")
    ] = False,
    user: Annotated[str, typer.Option("--user", help="With --acls: how they are named.")] = NAMES,
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Say what deploying these views would change, and do nothing. Exit code 0: nothing to do, 2: changes, 1: an error.

    Of each view: nothing, new, compatible (its state is kept), needs history or incompatible (a new generation computes
    it beside the old one), removed; why; and which topics, schemas, ACLs and records of plans it takes.

    Example:  `headwater plan my_views/ --out rollout.json`
    """
    from headwater.pipelines.commands.rollout_tables import print_rollout
    from headwater.pipelines.declarations import load_plans
    from headwater.pipelines.logs import configure_logging
    from headwater.pipelines.rollout.planning import plan_rollout
    from headwater.pipelines.rollout.world import World

    settings = told_or_local_settings(state)
    configure_logging(settings)
    users = user_names(user) if acls else None
    declared = [view.plan for view in load_plans(path, schemas)]
    with World(settings) as world:
        rollout = plan_rollout(world, declared, allow_delete or (), users)
    if destination is not None and not rollout.refusals:
        destination.write_text(rollout.to_json(), encoding="utf-8")
    if as_json:
        out.print_json(rollout.to_json())
    else:
        print_rollout(out, rollout, None if rollout.refusals else destination)
    if rollout.refusals:
        raise typer.Exit(1)
    if rollout.actions:
        raise typer.Exit(CHANGES)


def apply(
    file: Annotated[Path, typer.Argument(help="What `headwater plan --out` wrote.")],
    state: State = DEFAULT_STATE,
    as_json: AsJson = False,
) -> None:
    """Do exactly what a plan says, or nothing if the world has changed since.

    What is done already is passed over: after an interruption, run it once more. Jobs are started by `headwater
    compute`, which goes on from the state of a view if its plan says so.

    Example:  `headwater apply rollout.json`
    """
    from headwater.pipelines.logs import configure_logging
    from headwater.pipelines.rollout.applying import apply_rollout
    from headwater.pipelines.rollout.rollout import Rollout
    from headwater.pipelines.rollout.world import World

    settings = told_or_local_settings(state)
    configure_logging(settings)
    taken: list[dict[str, str | bool]] = []

    def say(action: Action, was_done: bool) -> None:
        taken.append({"action": str(action), "done_before": was_done})
        if not as_json:
            line = f"{'was done' if was_done else 'done'}: {action}"
            err.print(line, highlight=False, soft_wrap=True, markup=False)

    rollout = Rollout.from_file(file)
    with World(settings) as world:
        apply_rollout(world, rollout, say)
    if as_json:
        out.print_json(data=taken)
    else:
        out.print(f"{len(taken)} actions are done" if taken else "nothing to do", highlight=False)
