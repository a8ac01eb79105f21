"""`headwater up` to `headwater down`, as a person runs them: one stack for all tests of this file, in their order."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.state import ProcessRecord, StackState, StateDirectory
from headwater.pipelines.stack.workers import job_state
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
VIEWS = ("--views", str(ROOT / "pipelines/shop/views.py"), "--schemas", str(ROOT / "schemas"))
RESTART_SECONDS = 5
SECOND_START_SECONDS = 30
"""On a machine that has nothing else to do."""

pytestmark = pytest.mark.timeout(300)


class Stack:
    """A stack and its state directory."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            (sys.executable, "-m", "headwater.pipelines.cli", command, "--state", str(self.state), *arguments),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    def up(self, *arguments: str) -> float:
        """Starts it in the background; returns how many seconds that took."""
        began = time.monotonic()
        outcome = self.run("up", *VIEWS, "--detach", *arguments)
        assert outcome.returncode == 0, outcome.stderr
        return time.monotonic() - began

    def status(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return found

    def told(self) -> StackState:
        """What the supervisor wrote last."""
        state = StateDirectory(self.state).read()
        assert state is not None
        return state

    def process(self, name: str) -> ProcessRecord:
        (record,) = (record for record in self.told().processes if record.name == name)
        return record

    def alive(self) -> list[str]:
        """The names of the processes that live, whatever the supervisor says of them."""
        return [record.name for record in self.told().processes if record.identity and record.identity.find()]

    def kill(self, name: str) -> float:
        """Kills a process; returns the seconds until another one has taken its place."""
        killed = self.process(name).identity
        assert killed is not None
        began = time.monotonic()
        os.kill(killed.pid, signal.SIGKILL)
        wait_until(lambda: self.process(name).identity not in {None, killed}, 20)
        return time.monotonic() - began

    def job_runs(self) -> bool:
        state = self.told()
        return job_state(state.endpoints.flink_rest_url, state.views[0].job_name) == "RUNNING"


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("up") / "state")
    stack.up()
    yield stack
    stack.run("down")


def test_status_says_where_everything_listens(stack: Stack) -> None:
    status = stack.status()
    assert status["phase"] == "running"
    assert {process["state"] for process in status["processes"]} == {"ready"}
    assert set(status["endpoints"]) == {
        "kafka_bootstrap_servers",
        "registry_url",
        "redis_url",
        "flink_rest_url",
        "checkpoint_dir",
        "offline_root",
    }
    (view,) = status["views"]
    assert view["job"] == "RUNNING"
    assert set(view["metrics"]) == {"compute", "materialize", "archive", "watch", "taskmanager"}


def test_nothing_listens_on_an_address_that_others_can_reach(stack: Stack) -> None:
    addresses = {
        connection.laddr.ip.removeprefix("::ffff:")
        for record in stack.told().processes
        for connection in psutil.Process(record.identity.pid if record.identity else None).net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


@pytest.mark.parametrize("worker", ["redis", "materialize.customer_purchases", "archive.customer_purchases"])
def test_a_killed_process_is_replaced_within_5_seconds(stack: Stack, worker: str) -> None:
    assert stack.kill(worker) < RESTART_SECONDS
    wait_until(lambda: stack.process(worker).state == "ready", 60)
    assert stack.process(worker).restarts == 1
    assert stack.process(worker).exit_code == -signal.SIGKILL


def test_a_job_whose_cluster_was_killed_goes_on_from_its_newest_checkpoint(stack: Stack) -> None:
    log = stack.state / "logs" / "compute.customer_purchases.log"
    wait_until(lambda: any(stack.state.glob("flink/checkpoints/*/*/chk-*/_metadata")), 30)
    assert stack.kill("jobmanager") < RESTART_SECONDS
    wait_until(lambda: "/chk-" in log.read_text(), 120)
    wait_until(stack.job_runs, 60)


def test_a_second_stack_in_the_same_directory_is_refused(stack: Stack) -> None:
    outcome = stack.run("up", *VIEWS, "--detach")
    assert outcome.returncode == 1
    assert "already running" in outcome.stderr


def test_a_port_in_use_is_named_before_anything_starts(stack: Stack, tmp_path: Path) -> None:
    port = stack.told().endpoints.redis_url.rpartition(":")[2].partition("/")[0]
    outcome = Stack(tmp_path / "other").run("up", *VIEWS, "--port", f"redis={port}")
    assert outcome.returncode == 1
    assert outcome.stderr.strip().startswith(f"error: port {port} for redis is in use")
    assert not (tmp_path / "other").exists()


def test_plan_and_up_say_of_a_changed_view_that_it_needs_another_generation(stack: Stack, tmp_path: Path) -> None:
    views, schemas = Path(VIEWS[1]), VIEWS[3]
    same = stack.run("plan", str(views), "--schemas", schemas)
    assert (same.returncode, "customer_purchases generation 1: nothing" in same.stdout) == (0, True), same.stderr
    assert f"of the stack in {stack.state}" in same.stderr

    changed = tmp_path / "views.py"
    changed.write_text(views.read_text().replace('key="customer_id"', 'key="item.category"'))
    planned = stack.run("plan", str(changed), "--schemas", schemas)
    assert (planned.returncode, "set generation=2 in the view" in planned.stdout) == (1, True)

    stack.run("down")
    refused = stack.run("up", "--views", str(changed), "--schemas", schemas)
    assert refused.returncode == 1
    assert "customer_purchases: set generation=2 in the view" in refused.stderr
    assert "key" in refused.stderr
    assert not stack.alive()
    stack.up()


def test_down_stops_what_up_started_and_nothing_else_and_the_next_up_goes_on_soon(stack: Stack) -> None:
    before = stack.told()
    bystander = subprocess.Popen((sys.executable, "-c", "import time; time.sleep(600)", str(stack.state)))
    try:
        assert stack.run("down").returncode == 0
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()
    assert not [record.name for record in before.processes if record.identity and record.identity.find()]
    assert before.supervisor.find() is None
    assert any(stack.state.glob("flink/checkpoints/*/stops/savepoint-*/_metadata"))

    others_share = max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    assert stack.up() < SECOND_START_SECONDS * others_share
    assert stack.told().endpoints == before.endpoints
    compute_log = (stack.state / "logs" / "compute.customer_purchases.log").read_text()
    submitted = [json.loads(line) for line in compute_log.splitlines() if '"job_submitted"' in line]
    assert "/stops/savepoint-" in submitted[-1]["restored_from"]


def test_a_supervisor_that_is_killed_takes_all_with_it_and_up_starts_again(stack: Stack) -> None:
    os.kill(stack.told().supervisor.pid, signal.SIGKILL)
    wait_until(lambda: not stack.alive(), 10)
    after = stack.status()
    assert after["phase"] == "stopped"
    assert "supervisor was killed" in after["problem"]
    stack.up()


@pytest.mark.slow
def test_a_stack_in_the_foreground_stops_in_order_on_ctrl_c(tmp_path: Path) -> None:
    stack = Stack(tmp_path / "state")
    (port,) = free_ports(1)
    arguments = ("up", *VIEWS, "--state", str(stack.state), "--port", f"redis={port}")
    with (tmp_path / "output").open("w") as output:
        foreground = subprocess.Popen(
            (sys.executable, "-m", "headwater.pipelines.cli", *arguments),
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        wait_until(lambda: (stack.state / "stack.json").exists() and stack.told().phase == "running", 120)
        assert stack.told().endpoints.redis_url == f"redis://127.0.0.1:{port}/0"
        foreground.send_signal(signal.SIGINT)
        assert foreground.wait(60) == 0
    finally:
        foreground.kill()
        foreground.wait()
    lines = (tmp_path / "output").read_text().splitlines()
    stopped = [line.split()[-1] for line in lines if " stopped  " in line]
    assert stopped[0] == "compute.customer_purchases"
    assert set(stopped[-4:]) >= {"broker", "registry"}
    assert not stack.alive()
    assert stack.run("down", "--purge").returncode == 0
    assert not stack.state.exists()
