"""The figures of `headwater bench peers`, their goals and their conditions."""

from __future__ import annotations

from collections.abc import Sequence

from headwater.pipelines.bench.figures import Figure
from headwater.pipelines.bench.peers.environments import versions
from headwater.pipelines.bench.peers.run import HOP_SECONDS, LATENESS_SECONDS, WINDOWS, Compared


def figures_of(compared: Sequence[Compared]) -> list[Figure]:
    """The figures of each peer beside Headwater's."""
    return [figure for each in compared for figure in _figures(each)]


def _figures(compared: Compared) -> list[Figure]:
    peer, theirs, ours = compared.peer, compared.of_peer, compared.of_headwater
    windows = f"{compared.windows} window{'s' if compared.windows > 1 else ''}"
    name, conditions = f"{peer.name}, {windows}", _conditions(compared)
    beside = f"Headwater beside {name}"
    return [
        Figure(name, theirs.events_per_second, "events/s", None, conditions),
        Figure(f"CPU of {name}", theirs.cpu_us_per_event, "us per event", None, conditions),
        Figure(beside, ours.events_per_second, "events/s", None, conditions),
        Figure(f"CPU of {beside}", ours.cpu_us_per_event, "us per event", None, conditions),
        Figure(
            f"Headwater / {name}", compared.ratio, "of events/s", dict(peer.goals).get(compared.windows), conditions
        ),
        Figure(f"Headwater / {name}, at equal CPU", compared.cpu_ratio, "of events", None, conditions),
    ]


def _conditions(compared: Compared) -> str:
    peer, effort = compared.peer, compared.effort
    packages = ", ".join(versions().get(peer.module, ["Headwater's own Flink"]))
    topic = "the same topic" if compared.shape == effort.shape else f"a topic like it ({compared.shape.text()})"
    own = (
        f"Headwater: {effort.shape.text()}; 6 aggregates over each of {', '.join(WINDOWS[compared.windows])}, with a"
        f" row at most each 200 ms for a key, parallelism {effort.choices.parallelism}, checkpoint each"
        f" {effort.choices.checkpoint_ms / 1000:g} s, feature log exactly once, every key's newest row the reference's"
    )
    theirs = (
        f"{peer.name} ({packages}): {topic}; the same windows at each {HOP_SECONDS} s, {LATENESS_SECONDS} s after their"
        f" end so that no event is dropped; {_how(compared)}; delivery {peer.delivery};"
        f" {compared.checked.results:,} results, all of the {compared.checked.closed:,} windows that had closed among"
        " them, were those of the events"
    )
    return f"{own}. {theirs}. Medians of {effort.repeats} runs in turn, after one of each"


def _how(compared: Compared) -> str:
    if compared.peer.on_flink:
        return "a job with the same parallelism and checkpoints; CPU is the TaskManager's and its Python workers'"
    return "one process, from its first event to its end; CPU is all of its own"
