"""A view is changed under its job: with a real savepoint, it goes on from its state, or is refused before it starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headwater.operators.reference import row_at
from headwater.operators.reference_exactness import row_mismatch
from headwater.pipelines.rollout.deployed import DeployedPlans
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import FlinkCluster
from headwater.pipelines.stack.registry import Registry
from headwater.schemas import count_events
from headwater.schemas.evolution.changes import compare
from headwater.schemas.feature_log import ROW_HEADER_NAME, RowHeader
from tests.integration.compute_lab import (
    WINDOWS,
    ComputeLab,
    key_of,
    make_lab,
    read,
    unframe,
    with_features,
    with_fewer_and_others,
)
from tests.waiting import wait_until

CUSTOMERS = 5


@pytest.fixture
def lab(
    broker: Broker, registry: Registry, flink: FlinkCluster, tmp_path: Path, unique_name: Callable[[str], str]
) -> ComputeLab:
    return make_lab(broker, registry, flink, tmp_path, unique_name("purchases"))


@pytest.mark.slow
def test_a_job_whose_features_are_fewer_and_others_goes_on_from_the_savepoint_with_the_values_of_the_reference(
    lab: ComputeLab,
) -> None:
    produce(lab, 0)
    with lab.job():
        wait_until(lambda: len(lab.log().rows) == CUSTOMERS, 120, "a committed row of every customer")
    changed = with_fewer_and_others(lab)
    assert compare(lab.plan, changed.plan).verdict == "compatible"
    produce(changed, 1000)
    with changed.job() as process:
        wait_until(lambda: len(rows_of(changed)) == CUSTOMERS, 120, "a row of the changed view of every customer")
        (submitted,) = [event for event in process.events() if event["event"] == "job_submitted"][-1:]
        assert "savepoint" in submitted["restored_from"]
        time.sleep(3)
    events, rows = changed.reference_events(), rows_of(changed)
    for number in range(CUSTOMERS):
        key = key_of(f"c{number}", changed)
        header, value = max(rows[key], key=lambda row: row[0][:3])
        expected = row_at(changed.plan, events[key], header.clock_us)
        assert header.n == expected.n
        assert not row_mismatch(changed.plan, events[key], expected, value)
    deployed = DeployedPlans(Settings(kafka_bootstrap_servers=lab.broker.bootstrap_servers)).read()
    assert deployed[lab.plan.view].digest == changed.plan.digest()
    assert "amount_mean_1h" in deployed[lab.plan.view].meanings


def test_a_job_with_a_window_more_is_refused_before_it_is_submitted(lab: ComputeLab) -> None:
    produce(lab, 0)
    with lab.job():
        wait_until(lambda: lab.log().rows, 120, "a committed row")
    process = with_features(lab, count_events(over=[*WINDOWS, "7d"])).start()
    assert process.process.wait(120) != 0
    assert "set generation=2 in the view" in process.output()
    assert "windows.7d is new" in process.output()
    assert lab.job_ids("RUNNING", "CREATED", "INITIALIZING") == []


def produce(lab: ComputeLab, first: int) -> None:
    now_ms = int(time.time() * 1000)
    lab.produce(
        lab.frame(
            customer_id=f"c{number % CUSTOMERS}",
            amount=number * 0.25,
            purchased_at=now_ms - (number * 7919) % 7_000_000,
        )
        for number in range(first, first + 300)
    )


def rows_of(lab: ComputeLab) -> dict[bytes, list[tuple[RowHeader, dict[str, Any]]]]:
    """The committed rows that were written with the view's present schema, which is the one registered last."""
    rows: dict[bytes, list[tuple[RowHeader, dict[str, Any]]]] = {}
    found = [
        message for message in read(lab.broker.bootstrap_servers, lab.plan.log.topic) if message.value() is not None
    ]
    newest = max((message.value()[:5] for message in found), default=b"")
    oldest = min((message.value()[:5] for message in found), default=b"")
    for message in found:
        if message.value()[:5] == newest != oldest:
            header = RowHeader.unpack(dict(message.headers())[ROW_HEADER_NAME])
            rows.setdefault(message.key(), []).append((header, unframe(message.value(), lab.plan.log.schema_)))
    return rows
