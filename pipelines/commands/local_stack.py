"""The stack on this machine, for the commands that ask it unless they are told of a deployment; and what tells them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from headwater.pipelines.commands.console import err
from headwater.pipelines.commands.processes import chosen_plan
from headwater.schemas.errors import SettingsError, StackError

if TYPE_CHECKING:
    from headwater.pipelines.security.grants import Component
    from headwater.pipelines.settings import Settings
    from headwater.pipelines.stack.state import StackState
    from headwater.schemas.plan import Plan

View = Annotated[str, typer.Argument(help="Name of the feature view.")]
State = Annotated[Path, typer.Option(help="State directory of the local stack, used unless a plan or views are given.")]


def running_stack(state: Path, otherwise: str) -> StackState:
    """The stack that runs in the state directory.

    Args:
        otherwise: what to do for a deployment instead, for the message.

    Raises:
        StackError: there is none.
    """
    from headwater.pipelines.stack.state import StateDirectory

    stack = StateDirectory(state).read()
    if stack is None:
        raise StackError(f"no stack was started in {state}: start one with `headwater up`, or {otherwise}")
    if not stack.is_supervised:
        raise StackError(f"the stack in {state} does not run: start it with `headwater up`, or {otherwise}")
    return stack


def settings_as(stack: StackState, component: Component | None, view: str) -> Settings:
    """The settings of a process that uses the stack's services, as this component of the view where it is secure.

    None is the stack's administrator.

    Raises:
        SettingsError: another setting is malformed.
    """
    from headwater.pipelines.security.names import NAMES
    from headwater.pipelines.stack.security import settings_of

    return settings_of(stack) if component is None else settings_of(stack, NAMES.format(component=component, view=view))


def told_or_local_settings(state: Path) -> Settings:
    """The environment's settings if they name brokers, else those of the stack in the state directory, and says so.

    Raises:
        SettingsError: a setting is malformed.
        StackError: no brokers are named and no stack runs.
    """
    from headwater.pipelines.settings import load_settings

    settings = load_settings()
    if "kafka_bootstrap_servers" in settings.model_fields_set:
        return settings
    from headwater.pipelines.stack.security import settings_of

    stack = running_stack(
        state, "set HEADWATER_KAFKA_BOOTSTRAP_SERVERS and HEADWATER_REGISTRY_URL to those of a deployment"
    )
    err.print(f"of the stack in {state}", highlight=False)
    return settings_of(stack)


def settings_and_plan(
    view: str, plan: Path | None, views: Path | None, schemas: Path | None, state: Path, component: Component | None
) -> tuple[Settings, Plan]:
    """Where the view's topics are, and its plan: of a deployment if options name a plan, else of the local stack.

    Args:
        component: as which the local stack is used; None is its administrator.

    Raises:
        SettingsError: the options do not fit together.
        StackError: no stack runs in the state directory.
        DeclarationError: the declarations are wrong.
    """
    from headwater.pipelines.logs import configure_logging
    from headwater.pipelines.settings import load_settings

    if plan is None and views is None:
        settings, chosen = _of_local_stack(view, state, component)
    else:
        settings, chosen = load_settings(), chosen_plan(plan, views, view, schemas)
    if chosen.view != view:
        raise SettingsError(f"--plan {plan} is of the view {chosen.view}, not of {view}")
    configure_logging(settings)
    return settings, chosen


def _of_local_stack(view: str, state: Path, component: Component | None) -> tuple[Settings, Plan]:
    stack = running_stack(
        state, "give --plan or --views, and settings such as HEADWATER_KAFKA_BOOTSTRAP_SERVERS, for a deployment"
    )
    plans = {each.view: each.plan for each in stack.views}
    if view not in plans:
        raise SettingsError(f"the stack in {state} has the views {', '.join(plans)}, not {view}")
    return settings_as(stack, component, view), chosen_plan(plans[view], None, None, None)
