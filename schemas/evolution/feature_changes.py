"""Changes of features: which the state can be read for, and which values that are there mean something else now."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from headwater.schemas.evolution.event_changes import column_reads
from headwater.schemas.evolution.findings import Change
from headwater.schemas.evolution.state_cells import state_cells
from headwater.schemas.evolution.view_changes import window_meaning
from headwater.schemas.plan import Feature, Plan

Meaning = dict[str, Any]

_FROM_THE_NEXT_ROW = "a key has it from its next row on"

_AS_THEY_ARE = ("aggregate", "type", "limit", "sample", "fraction", "half_life_ms", "weight_scale", "precision")
_RESOLVED = {"column": "field", "filter": "where", "weight": "weight", "window": "window", "inputs": "inputs"}
_NAMELESS = ("name",)

COMPARED = frozenset((*_AS_THEY_ARE, *_RESOLVED, *_NAMELESS))
"""All parts of a feature."""


def feature_changes(deployed: Plan, declared: Plan, earlier: Mapping[str, str]) -> Iterator[Change]:
    """Every change of the features.

    Args:
        earlier: what names have meant in this generation, by digest.
    """
    before, now = _meanings(deployed), _meanings(declared)
    held = frozenset().union(*state_cells(deployed).values())
    lacking = {name: sorted(cells - held) for name, cells in state_cells(declared).items()}
    digests = meaning_digests(declared)
    gone = [name for name in before if name not in now]
    for name, meaning in now.items():
        place = f"features.{name}"
        was = before.get(name)
        if was is not None and was != meaning:
            parts = ", ".join(part for part in meaning if meaning[part] != was[part])
            yield Change("incompatible", place, f"is computed otherwise ({parts}): values that are there change")
        elif lacking[name]:
            what = "is new" if was is None else "is kept, but would be read otherwise"
            yield Change("needs history", place, f"{what}: the state has no {', no '.join(lacking[name])}")
        elif earlier.get(name, digests[name]) != digests[name]:
            what = "had another meaning earlier in this generation, and rows with it are in the log still"
            yield Change("incompatible", place, what)
        elif was is None:
            old_name = next((each for each in gone if before[each] == meaning), None)
            if old_name is not None:
                gone.remove(old_name)
                what = f"was called {old_name}: the state is the same, and {_FROM_THE_NEXT_ROW}"
            else:
                what = f"is new, and the state has all that it needs: {_FROM_THE_NEXT_ROW}"
            yield Change("compatible", place, what)
    for name in gone:
        yield Change("compatible", f"features.{name}", "is gone: a key's row is without it from the next one on")
    if [*before] != [*now] and before == now:
        yield Change("compatible", "features", "stand in another order")


def meaning_digests(plan: Plan) -> dict[str, str]:
    """By feature, a digest of all that its values depend on."""
    return {
        name: hashlib.sha256(repr(sorted(meaning.items())).encode()).hexdigest()[:16]
        for name, meaning in _meanings(plan).items()
    }


def _meanings(plan: Plan) -> dict[str, Meaning]:
    return {feature.name: _meaning(plan, feature) for feature in plan.features}


def _meaning(plan: Plan, feature: Feature) -> Meaning:
    """What a feature says, without its name, and with what its numbers stand for."""
    meaning: Meaning = {part: getattr(feature, part) for part in _AS_THEY_ARE}
    for part in ("column", "filter", "weight"):
        meaning[_RESOLVED[part]] = _without_name(column_reads(plan, getattr(feature, part)))
    meaning["window"] = None if feature.window is None else window_meaning(plan, plan.windows[feature.window])
    meaning["inputs"] = [_meaning(plan, plan.features[each]) for each in feature.inputs or ()]
    return meaning


def _without_name(reads: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """A column may be called otherwise where another feature named it first."""
    return None if reads is None else (reads[0].model_copy(update={"name": ""}), *reads[1:])
