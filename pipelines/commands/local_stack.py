"""The stack on this machine, for the commands that ask it unless they are told of a deployment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from headwater.pipelines.commands.console import err
from headwater.schemas.errors import StackError

if TYPE_CHECKING:
    from headwater.pipelines.settings import Settings
    from headwater.pipelines.stack.state import StackState


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
