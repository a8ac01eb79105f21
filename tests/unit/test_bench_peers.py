"""What compares Headwater with its peers: results are judged against the events, figures have their conditions."""

from __future__ import annotations

import json

import pytest

from headwater.pipelines.bench.drain import JobChoices
from headwater.pipelines.bench.events import SCHEMA, BenchEvents, EventShape
from headwater.pipelines.bench.peers.catalogue import PEERS
from headwater.pipelines.bench.peers.check import (
    Checked,
    Numbers,
    Window,
    check_results,
    closed_until,
    parse,
    windows_of,
)
from headwater.pipelines.bench.peers.environments import versions
from headwater.pipelines.bench.peers.figures import figures_of
from headwater.pipelines.bench.peers.run import Compared, Effort
from headwater.pipelines.bench.peers.running import Rate
from headwater.pipelines.bench.peers.task import Task, Totals, decoder
from headwater.schemas.errors import VerificationError

END_US = 1_800_000_000_000_000
SHAPE = EventShape(2000, 20, 2, "uniform")
EVENTS = BenchEvents(SHAPE, END_US)
TASK = Task("", "", "events", "results", SHAPE.events, json.dumps(SCHEMA), (600, 900), 60, 95, 10.0, "")


def naive() -> dict[Window, Numbers]:
    """Every window of every user, event by event."""
    totals: dict[Window, Totals] = {}
    decode = decoder(TASK)
    for value in EVENTS.values(7, 0, SHAPE.events):
        user, at_us, amount = decode(value)
        for seconds in TASK.windows_seconds:
            first = at_us // 60_000_000 * 60 + 60
            for end in range(first, first + seconds, 60):
                totals.setdefault((user, seconds, end), Totals()).add(amount)
    return parse(each.result(*window).encode() for window, each in totals.items())


def test_results_that_are_computed_event_by_event_are_those_of_the_windows() -> None:
    expected = dict(windows_of(EVENTS, TASK))
    results = naive()
    assert results.keys() == expected.keys()
    checked = check_results("a peer", EVENTS, TASK, results)
    assert checked.results == len(results) > checked.closed > 0


def test_a_window_that_is_still_open_needs_no_result() -> None:
    due = closed_until(EVENTS, TASK)
    closed = {window: numbers for window, numbers in naive().items() if window[2] <= due}
    assert check_results("a peer", EVENTS, TASK, closed) == Checked(len(closed), len(closed))


def test_a_result_that_differs_is_missing_or_of_no_event_is_named() -> None:
    results = naive()
    window = min(results, key=lambda each: each[2])
    count, *others = results[window]
    with pytest.raises(VerificationError, match=r"a peer: the window of .* instead of"):
        check_results("a peer", EVENTS, TASK, {**results, window: (count + 1, *others)})
    with pytest.raises(VerificationError, match="is missing"):
        check_results("a peer", EVENTS, TASK, {key: each for key, each in results.items() if key != window})
    with pytest.raises(VerificationError, match="1 results are of windows that hold no event"):
        check_results("a peer", EVENTS, TASK, {**results, ("nobody", 600, 60): results[window]})


def test_every_peer_that_is_no_job_has_its_versions_pinned() -> None:
    assert versions().keys() == {peer.module for peer in PEERS if not peer.on_flink}
    assert all("==" in package for packages in versions().values() for package in packages)


def test_figures_of_peers_are_ratios_with_goals_and_what_was_compared() -> None:
    effort = Effort(EventShape(1000, 10, 100, "Zipf 1.1"), 100, JobChoices(1, 10_000, "hashmap"), 2)
    flink_sql, quix = PEERS[0], PEERS[2]
    compared = [
        Compared(peer, 5, effort.shape_for(peer), effort, Checked(60, 50), Rate(1000.0, 20.0), Rate(25_000.0, 2.0))
        for peer in (flink_sql, quix)
    ]
    figures = {figure.name: figure for figure in figures_of(compared)}
    ratio = figures["Headwater / Flink SQL, 5 windows"]
    assert (ratio.value, ratio.goal, ratio.meets_goal()) == (25.0, ">= 20", True)
    assert "60 results, all of the 50 windows that had closed among them" in ratio.conditions
    assert "the same topic" in ratio.conditions
    of_quix = figures["Headwater / Quix Streams, 5 windows"]
    assert of_quix.goal is None
    assert "quixstreams==" in of_quix.conditions
    assert "a topic like it (100 events of 10 keys, Zipf 1.1, 10 for each second" in of_quix.conditions
    assert figures["Headwater / Quix Streams, 5 windows, at equal CPU"].value == 10.0
