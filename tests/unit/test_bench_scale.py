"""What measures many keys and cores: each key comes once and some again; figures have goals where the issue has."""

from __future__ import annotations

from collections import Counter

from headwater.pipelines.bench.drain import JobChoices
from headwater.pipelines.bench.events import EventShape
from headwater.pipelines.bench.meter import Drained
from headwater.pipelines.bench.scale import AGAIN, OnCores, State, each_key_once
from headwater.pipelines.bench.scale_figures import figures_of

CHOICES = JobChoices(1, 10_000, "hashmap")
SHAPE = EventShape(1000, 10, 100, "Zipf 1.1")


def test_each_key_has_one_event_and_then_some_have_another() -> None:
    events = each_key_once(1000, 100)
    assert Counter(events.keys[:1000].tolist()) == Counter(range(1000))
    assert events.keys[1000:].tolist() == list(range(0, 1000, AGAIN))


def test_two_cores_are_held_against_one() -> None:
    found = [OnCores(cores, SHAPE, 2, Drained(100.0 * cores, 2.0, 1.0, False)) for cores in (1, 2)]
    figures = {figure.name: figure for figure in figures_of(found, [])}
    assert (figures["two cores / one"].value, figures["two cores / one"].goal) == (2.0, ">= 1.8")
    assert not any("two cores" in figure.name for figure in figures_of(found[:1], []))


def test_a_state_is_told_for_each_key_and_its_recovery_has_a_goal_at_a_million() -> None:
    state = State(1_000_000, CHOICES, 50e6, 350e6, 110_000_000, 1.5, 12.0, 4.0)
    figures = {figure.name: figure for figure in figures_of([], [state])}
    assert figures["heap of 1,000,000 keys"].value == 300.0
    assert figures["checkpoint of 1,000,000 keys"].meets_goal()
    assert not figures["outage, 1,000,000 keys"].meets_goal()
    assert figures["heap of a key"].value == 300.0
