"""What every action of a rollout can tell and do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Literal

from pydantic import BaseModel, ConfigDict

from headwater.pipelines.rollout.world import World

Status = Literal["open", "done", "changed"]
"""`changed`: what the action is about is neither as it was seen nor as it would leave it."""


class OneAction(BaseModel, ABC):
    """One thing to do, with what was seen before it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def status(self, world: World) -> Status:
        """Whether it is still to be done."""

    @abstractmethod
    def carry_out(self, world: World) -> None:
        """Does it."""
