"""stack.json says which processes are ours, and is never half written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from headwater.pipelines.stack.state import Endpoints, ProcessIdentity, ProcessRecord, StackState, StateDirectory
from headwater.schemas.errors import StackError

ENDPOINTS = Endpoints(
    kafka_bootstrap_servers="127.0.0.1:1",
    registry_url="http://127.0.0.1:2",
    redis_url="redis://127.0.0.1:3/0",
    flink_rest_url="http://127.0.0.1:4",
    checkpoint_dir="file:///checkpoints",
    offline_root="/offline",
)


def make_state(*processes: ProcessRecord) -> StackState:
    return StackState(
        phase="running", supervisor=ProcessIdentity.of_this_process(), endpoints=ENDPOINTS, processes=processes
    )


def test_what_is_written_is_read(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path)
    record = ProcessRecord(
        name="broker",
        state="ready",
        identity=ProcessIdentity(pid=1, created=2.5),
        restarts=3,
        exit_code=-9,
        log=tmp_path / "broker.log",
        addresses={"bootstrap servers": "127.0.0.1:1"},
    )
    directory.write(make_state(record))
    assert directory.read() == make_state(record)


def test_a_directory_in_which_nothing_was_started_has_no_state(tmp_path: Path) -> None:
    assert StateDirectory(tmp_path / "absent").read() is None


def test_a_state_of_another_version_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text('{"format": 2}')
    with pytest.raises(StackError, match=r"stack\.json"):
        StateDirectory(tmp_path).read()


def test_a_process_is_found_while_it_lives() -> None:
    identity = ProcessIdentity.of_this_process()
    process = identity.find()
    assert process is not None
    assert process.pid == os.getpid()


def test_a_process_that_got_the_pid_of_a_dead_one_is_not_taken_for_it() -> None:
    impostor = ProcessIdentity(pid=os.getpid(), created=psutil.Process().create_time() - 60)
    assert impostor.find() is None


def test_a_zombie_is_not_alive() -> None:
    child = subprocess.Popen([sys.executable, "-c", ""])
    created = psutil.Process(child.pid).create_time()
    while psutil.Process(child.pid).status() != psutil.STATUS_ZOMBIE:
        pass
    try:
        assert ProcessIdentity(pid=child.pid, created=created).find() is None
    finally:
        child.wait()


def test_a_directory_has_one_owner_at_a_time(tmp_path: Path) -> None:
    with (
        StateDirectory(tmp_path).owned(),
        pytest.raises(StackError, match="already running"),
        StateDirectory(tmp_path).owned(),
    ):
        pass
    with StateDirectory(tmp_path).owned():
        pass
