"""`headwater savepoint` on a real cluster: one is taken while events flow, and gone back to."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from headwater.pipelines.checkpoints import METADATA
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import FlinkCluster
from headwater.pipelines.stack.registry import Registry
from tests.integration.compute_lab import ComputeLab, ComputeProcess, key_of, make_lab
from tests.waiting import wait_until

UniqueName = Callable[[str], str]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def lab(broker: Broker, registry: Registry, flink: FlinkCluster, tmp_path: Path, unique_name: UniqueName) -> ComputeLab:
    return make_lab(broker, registry, flink, tmp_path, unique_name("purchases"))


def test_a_job_goes_back_to_the_savepoint_that_was_taken_of_it_once_and_reads_again_what_came_since(
    lab: ComputeLab,
) -> None:
    lab.produce([lab.frame(amount=2.0)])
    with lab.job() as first:
        wait_until(lambda: sums(lab)[-1:] == [2.0], 60, "the first purchase in the committed log")
        taken = headwater(lab, "take")["savepoint"]
        lab.produce([lab.frame(amount=3.0)])
        wait_until(lambda: sums(lab)[-1:] == [5.0], 60, "both purchases in the committed log")
        (job_id,) = lab.job_ids("RUNNING")
        went_back = headwater(lab, "restore", taken, "--yes")["restore_from"]
        assert lab.job_ids("CANCELED") == [job_id]
        assert first.process.wait(60) != 0, "whoever supervises it starts it again"
    following = [each for each in headwater(lab, "list") if each["use"] == "next"]
    assert [(each["kind"], each["url"]) for each in following] == [("savepoint", went_back)]

    with lab.job() as second:
        wait_until(lambda: sums(lab) == [2.0, 5.0, 5.0], 60, "the row of both, committed once more")
        (job_id,) = lab.job_ids("RUNNING")
        wait_until(lambda: list(lab.directory.glob(f"checkpoints/*/{job_id}/chk-*/{METADATA}")), 60, "a checkpoint")
        assert restored_from(second) == went_back
        assert next(each for each in headwater(lab, "list") if each["use"] == "next")["job"] == job_id


def headwater(lab: ComputeLab, command: str, *words: str) -> Any:
    """What the command prints as JSON."""
    settings = {
        "HEADWATER_FLINK_REST_URL": lab.flink.rest_url,
        "HEADWATER_CHECKPOINT_DIR": (lab.directory / "checkpoints").as_uri(),
    }
    plan = ("--plan", str(lab.directory / f"{lab.plan.view}.plan.json"))
    outcome = subprocess.run(
        (sys.executable, "-m", "headwater.pipelines.cli", "savepoint", command, lab.plan.view, *words, *plan, "--json"),
        env={**os.environ, **settings, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stderr
    return json.loads(outcome.stdout)


def sums(lab: ComputeLab) -> list[float]:
    """Of the one customer, as the committed rows have them, in the order of the log."""
    return [float(row["amount_sum_24h"]) for _, row in lab.log().rows.get(key_of("anna", lab), [])]


def restored_from(process: ComputeProcess) -> str:
    submitted = [event for event in process.events() if event["event"] == "job_submitted"]
    return str(submitted[-1]["restored_from"])
