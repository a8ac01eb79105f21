"""The state of kernels as they once were, and what they would have put out had they gone on from it themselves.

A kernel whose state has another layout than the one before gets states of its own, which later ones have to read too:

    .venv/bin/python -m tests.properties.kept_states NAME CLASSES

`NAME` is how it is called, such as its commit, and `CLASSES` the directory of its compiled classes.
"""

from __future__ import annotations

import itertools
import json
import random
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from headwater.schemas.aggregation import AGGREGATES
from headwater.schemas.plan import Plan
from tests.properties.harness import KernelHarness, KernelRow, Op
from tests.properties.programs import timeline
from tests.properties.streams import SCENES, any_knobs, program
from tests.properties.views import DERIVED, View, any_view

DIRECTORY = Path(__file__).parent / "kept"
SCENE = "an ordinary afternoon"
AGGREGATED = AGGREGATES.keys() - set(DERIVED)

Output = list[Any]
"""A row: how many operations after the restart, key, header and value in hex."""


@dataclass(frozen=True)
class KeptState:
    """A state, the operations that follow upon it, and the rows that its own kernel put out then."""

    name: str
    backend: str
    plan: Plan
    wall_ms: int
    ops: list[Op]
    rows: list[Output]

    @property
    def state(self) -> Path:
        """The file that the harness reads."""
        return DIRECTORY / f"{self.name}.state"


def kept_states() -> list[KeptState]:
    """All of them, by name."""
    return [_read(file) for file in sorted(DIRECTORY.glob("*.json"))]


def go_on(kernel: KernelHarness, kept: KeptState) -> list[Output]:
    """What this kernel puts out from there."""
    ops = [["kept", str(kept.state)], *kept.ops]
    run = kernel.run(kept.plan, ops, backend=kept.backend, wall_ms=kept.wall_ms)
    return _output(run.rows, 1)


def keep(kernel: KernelHarness, name: str, view: View, chance: random.Random) -> None:
    """Lets the kernel work through half of a stream, and keeps its state, the other half and what comes of it."""
    backend = chance.choice(["hashmap", "rocksdb"])
    plan = view.plan(SCENES[SCENE][1])
    knobs = replace(any_knobs(chance, view), scene=SCENE, crashes=0, bounded=False, events=40, keys=4)
    whole = program(plan, knobs, chance.getrandbits(32)).with_a_crash_halfway(1)
    happened = timeline(whole.of(plan))
    at = happened.crashes[0][0]
    state = DIRECTORY / f"{name}.state"
    DIRECTORY.mkdir(exist_ok=True)
    ops = [*happened.ops[:at], ["keep", 0, str(state)], *happened.ops[at:]]
    run = kernel.run(plan, ops, backend=backend, wall_ms=whole.wall_ms)
    rows = _output(run.rows, at + 1)
    what = {"backend": backend, "plan": plan.as_dict(), "wall_ms": whole.wall_ms}
    content = {**what, "ops": happened.ops[at:], "rows": rows}
    (DIRECTORY / f"{name}.json").write_text(json.dumps(content) + "\n")


def _output(rows: Iterable[KernelRow], restart: int) -> list[Output]:
    """The rows from the restart on, which is this operation."""
    return [
        [row.op - restart, row.key.hex(), row.packed_header.hex(), row.framed_value.hex()]
        for row in rows
        if row.op >= restart
    ]


def _read(file: Path) -> KeptState:
    content = json.loads(file.read_text())
    return KeptState(file.stem, **{**content, "plan": Plan.from_json(json.dumps(content["plan"]))})


def main(name: str, classes: Path) -> None:
    """Keeps states of the kernel in this directory of classes: of as many views as have every aggregate among them."""
    kernel = KernelHarness(classes)
    missing = set(AGGREGATED)
    for number in itertools.count():
        chance = random.Random(number)
        view = any_view(chance)
        asked = {each.aggregate for each in view.asked}
        if asked & missing:
            keep(kernel, f"{name}-{number}", view, chance)
            missing -= asked
        if not missing:
            break
    kernel.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).resolve(strict=True))
