"""One change of a view, and which of several weighs most."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

ChangeVerdict = Literal["compatible", "needs history", "incompatible"]

STATE_IS_KEPT = ("nothing", "compatible")
"""Verdicts under which a job goes on from the state that is there."""

_WEIGHTS: tuple[ChangeVerdict, ...] = ("compatible", "needs history", "incompatible")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that is declared otherwise than it is deployed.

    Attributes:
        place: where in the view, such as `features.amount_sum` or `source rides.where`.
        what: what is different, and what follows.
    """

    verdict: ChangeVerdict
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.place} {self.what}"


def worst(changes: Iterable[Change]) -> Literal["nothing", "compatible", "needs history", "incompatible"]:
    """The verdict that decides; `nothing` if there is no change."""
    found = [_WEIGHTS.index(change.verdict) for change in changes]
    return _WEIGHTS[max(found)] if found else "nothing"
