"""What the job does about events that are not as they are expected to be, and how it goes on after it has stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import FlinkCluster
from headwater.pipelines.stack.registry import Registry
from headwater.schemas import between, expect
from headwater.schemas.plan import Action, Plan
from tests.integration.compute_lab import ComputeLab, key_of, make_lab
from tests.waiting import wait_until


@pytest.fixture
def lab(
    broker: Broker, registry: Registry, flink: FlinkCluster, tmp_path: Path, unique_name: Callable[[str], str]
) -> ComputeLab:
    expected = [between("amount", 0, 100), expect("amount < 1000.0", name="sane", action="stop")]
    return make_lab(broker, registry, flink, tmp_path, unique_name("expected"), expect=expected)


@pytest.mark.slow
def test_the_job_stops_at_a_record_and_goes_on_from_there_once_a_person_has_decided(lab: ComputeLab) -> None:
    with lab.job(checkpoint_interval_ms=1_000) as process:
        lab.produce([lab.frame(customer_id="fine"), lab.frame(customer_id="dear", amount=500.0)])
        wait_until(lambda: key_of("dear", lab) in lab.log().rows, 60, "the committed row of an event that only counts")
        assert failures(lab) == {"amount_between": 1, "sane": 0}
        lab.produce([lab.frame(customer_id="insane", amount=5_000.0), lab.frame(customer_id="behind")])
        wait_until(lambda: f"stops at {lab.topic}-0@2: not met: sane" in process.output(), 60, "the job to stop")
        assert not process.has_died()
        assert not {key_of("insane", lab), key_of("behind", lab)} & lab.log(committed=False).rows.keys()
        assert lab.dead_letters() == []

    decided = replace(lab, plan=with_action(lab, "dead_letter"))
    with decided.job(checkpoint_interval_ms=1_000) as process:
        wait_until(lambda: key_of("behind", decided) in decided.log().rows, 60, "the event behind the record")
        submitted = [event for event in process.events() if event["event"] == "job_submitted"]
        assert [event["restored_from"] is not None for event in submitted] == [False, True]
        wait_until(decided.dead_letters, 30, "the letter")
        assert failures(decided) == {"amount_between": 1, "sane": 1}
    (letter,) = decided.dead_letters()
    assert (letter["offset"], letter["reason"]) == (2, "expectation_failed")
    assert letter["detail"] == "not met: sane (sane expects amount < 1000.0)"
    assert key_of("insane", decided) not in decided.log(committed=False).rows
    assert all(decided.log().newest(key_of(name, decided))["count_24h"] == 1 for name in ("fine", "dear", "behind"))


def with_action(lab: ComputeLab, action: Action) -> Plan:
    """The lab's plan, in which what stops the job has another action."""
    source = lab.plan.sources[0]
    expectations = [
        each.model_copy(update={"action": action}) if each.action == "stop" else each for each in source.expectations
    ]
    changed = source.model_copy(update={"expectations": tuple(expectations)})
    return lab.plan.model_copy(update={"sources": (changed,)})


def failures(lab: ComputeLab) -> dict[str, float]:
    """What the TaskManager tells Prometheus of the view's expectations, summed over subtasks."""
    text = httpx.get(f"http://127.0.0.1:{lab.flink.ports.task_manager_metrics}/metrics").text
    lines = [line for line in text.splitlines() if "headwater_view_expectation_failures{" in line]
    found = dict[str, float]()
    for line in lines:
        if f'view="{lab.plan.view}"' in line:
            name = line.partition('expectation="')[2].partition('"')[0]
            found[name] = found.get(name, 0.0) + float(line.rpartition(" ")[2])
    return found
