"""What has changed between the deployed definition of a view and the declared one, and what that means.

The verdicts follow from what the kernel's state holds and from what a version of a row says. State is kept only where
every value that is there goes on to mean what it meant; whatever changes which events count, a key's clock, its number
of events or an existing value needs a new generation, with a state, a log and keys of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from headwater.schemas.evolution.event_changes import event_changes
from headwater.schemas.evolution.feature_changes import feature_changes, meaning_digests
from headwater.schemas.evolution.findings import STATE_IS_KEPT, Change, worst
from headwater.schemas.evolution.view_changes import view_changes
from headwater.schemas.plan import Plan

Verdict = Literal["nothing", "new", "compatible", "needs history", "incompatible", "removed"]
"""What becomes of a view.

`nothing`: it is as declared. `new`: it is not deployed yet. `compatible`: the job goes on from its state. `needs
history`: values that are there stay what they are, but the state lacks what new ones need, so that a new generation
computes all of them from the events that the topics still have. `incompatible`: existing values change their meaning; a
new generation keeps both apart. `removed`: it is deployed, but not declared any more.
"""


@dataclass(frozen=True, slots=True)
class ViewChange:
    """What becomes of one view.

    Attributes:
        deployed, declared: its generations; None if it is not.
        refusal: why it cannot be deployed as it is declared, and what to do; empty if it can.
    """

    view: str
    verdict: Verdict
    changes: tuple[Change, ...] = ()
    deployed: int | None = None
    declared: int | None = None
    refusal: str = ""

    @property
    def keeps_state(self) -> bool:
        """Whether the job goes on from the state that is there."""
        return self.verdict in STATE_IS_KEPT and self.deployed == self.declared


def compare(deployed: Plan | None, declared: Plan | None, earlier: Mapping[str, str] | None = None) -> ViewChange:
    """What becomes of the view that is deployed by the first plan and declared by the second; one may be missing.

    Args:
        earlier: what the names of features have meant in the deployed generation, as `meanings_of` gives it.
    """
    if declared is None:
        if deployed is None:
            raise ValueError("a view is either deployed or declared")
        return ViewChange(deployed.view, "removed", deployed=deployed.generation)
    if deployed is None:
        return ViewChange(declared.view, "new", declared=declared.generation)
    changes = tuple(definition_changes(deployed, declared, earlier))
    generations = (deployed.generation, declared.generation)
    if deployed.generation == declared.generation:
        verdict = worst(changes)
        refusal = "" if verdict in STATE_IS_KEPT else _raise_it(deployed)
        return ViewChange(declared.view, verdict, changes, *generations, refusal)
    raised = Change(
        "incompatible",
        "generation",
        f"is {declared.generation}, was {deployed.generation}: a state, a log, a table and keys of its own",
    )
    verdict = worst(changes)
    refusal = ""
    if declared.generation < deployed.generation:
        refusal = (
            f"generation {declared.generation} is older than the deployed one: to go back, declare the old definition"
            f" with generation={deployed.generation + 1}"
        )
    return ViewChange(
        declared.view,
        "incompatible" if verdict in STATE_IS_KEPT else verdict,
        (raised, *changes),
        *generations,
        refusal,
    )


def definition_changes(deployed: Plan, declared: Plan, earlier: Mapping[str, str] | None = None) -> Iterable[Change]:
    """Every change between two plans of a view but that of its generation."""
    yield from view_changes(deployed, declared)
    yield from event_changes(deployed, declared)
    yield from feature_changes(deployed, declared, earlier or {})


def meanings_of(plan: Plan, earlier: Mapping[str, str] | None = None) -> dict[str, str]:
    """What each feature's name means in this generation, by digest; with the `earlier` ones, whose rows the log has."""
    return {**(earlier or {}), **meaning_digests(plan)}


def _raise_it(deployed: Plan) -> str:
    return (
        f"set generation={deployed.generation + 1} in the view, so that it gets a state and a log of its own;"
        " readers switch once it has caught up"
    )
