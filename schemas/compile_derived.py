"""From ratios and differences, which name their inputs, to features of the plan, which number them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from headwater.schemas.aggregation import Aggregation
from headwater.schemas.mistakes import Mistakes
from headwater.schemas.plan import Feature

NUMERIC = ("long", "double")


@dataclass(frozen=True, slots=True)
class Derived:
    """A feature that is made of two others, by name."""

    name: str
    aggregation: Aggregation
    inputs: tuple[str, str]


def with_derived(
    declared: Sequence[Feature | Derived], broken: frozenset[str] | None, mistakes: Mistakes
) -> tuple[Feature, ...]:
    """The features in their order, without those whose inputs are wrong.

    Args:
        declared: all features of the view.
        broken: names of features in which mistakes were found already; None if not even their names are known.
        mistakes: takes what is wrong with inputs: unknown names, values that are no numbers, cycles.
    """
    by_name = {each.name: each for each in declared}
    wrong = set(broken or ())
    for derived in _derived(declared):
        for name in derived.inputs:
            if name in by_name:
                is_right = _is_number(derived, by_name[name], mistakes)
            else:
                is_right = False
                if broken is not None and name not in broken:
                    _add_unknown(derived, name, by_name, mistakes)
            if not is_right:
                wrong.add(derived.name)
    for derived in _derived(declared):
        if cycle := _cycle(derived, by_name):
            mistakes.add(
                f"features.{derived.name}", f"is made of itself: {' -> '.join(cycle)}", "break the circle somewhere"
            )
            wrong.add(derived.name)
    while more := {each.name for each in _derived(declared) if wrong & set(each.inputs)} - wrong:
        wrong |= more
    kept = [each for each in declared if each.name not in wrong]
    places = {each.name: place for place, each in enumerate(kept)}
    return tuple(each if isinstance(each, Feature) else _compiled(each, places) for each in kept)


def _compiled(derived: Derived, places: Mapping[str, int]) -> Feature:
    first, second = derived.inputs
    return Feature(
        name=derived.name,
        aggregate=derived.aggregation.aggregate,
        type="double",
        inputs=(places[first], places[second]),
    )


def _add_unknown(derived: Derived, name: str, by_name: Mapping[str, Feature | Derived], mistakes: Mistakes) -> None:
    close = difflib.get_close_matches(name, by_name, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(by_name)}"
    mistakes.add(f"features.{derived.name}", f"the view has no feature {name!r}", hint)


def _is_number(derived: Derived, found: Feature | Derived, mistakes: Mistakes) -> bool:
    if isinstance(found, Derived) or found.type in NUMERIC:
        return True
    mistakes.add(
        f"features.{derived.name}",
        f"{found.name} is of type {found.type}",
        f"a {derived.aggregation.aggregate} is made of numbers",
    )
    return False


def _cycle(derived: Derived, by_name: Mapping[str, Feature | Derived]) -> list[str]:
    """A way from the feature back to it; empty if there is none."""
    ways = [[derived.name]]
    seen = set()
    while ways:
        way = ways.pop()
        last = by_name.get(way[-1])
        for name in last.inputs if isinstance(last, Derived) else ():
            if name == derived.name:
                return [*way, name]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []


def _derived(declared: Sequence[Feature | Derived]) -> list[Derived]:
    return [each for each in declared if isinstance(each, Derived)]
