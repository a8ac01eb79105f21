"""A case of the comparison: all that is needed to make a view and a stream again, in one line of JSON."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, dataclass

from hypothesis import strategies as st

from headwater.schemas.plan import Plan
from tests.properties.programs import Program
from tests.properties.streams import SCENES, Knobs, any_knobs, program
from tests.properties.views import View, any_view


@dataclass(frozen=True)
class Case:
    """A view, what its stream is like, and the seed of the rest."""

    view: View
    knobs: Knobs
    seed: int

    @property
    def base_us(self) -> int:
        """About when it happens."""
        return SCENES[self.knobs.scene][1]

    def plan(self) -> Plan:
        return self.view.plan(self.base_us)

    def program(self) -> Program:
        return program(self.plan(), self.knobs, self.seed)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Case:
        value = json.loads(text)
        return cls(View.from_json(value["view"]), Knobs(**value["knobs"]), value["seed"])


def batches(size: int) -> st.SearchStrategy[list[Case]]:
    """So many of any views with any streams for them.

    Hypothesis draws one number, from which the rest follows. Drawn part by part it would make a case from another by
    repeating parts of it, drawn one by one it would draw small numbers again and again, and either would take longer
    than the comparison.
    """
    return st.integers(0, 2**64 - 1).map(lambda seed: _batch(seed, size))


def _batch(seed: int, size: int) -> list[Case]:
    chance = random.Random(seed)
    return [case_of(chance.getrandbits(64)) for _ in range(size)]


def case_of(number: int) -> Case:
    """The case of this number."""
    chance = random.Random(number)
    view = any_view(chance)
    return Case(view, any_knobs(chance, view), chance.getrandbits(32))
