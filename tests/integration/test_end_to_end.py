"""The whole pipeline, on a view that it has never seen, while its processes are killed one after the other."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastavro import schemaless_reader

from headwater.operators.reference import reach
from headwater.pipelines.reader import OnlineReader, Status
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.security import settings_of
from headwater.pipelines.stack.state import StackState, StateDirectory
from headwater.pipelines.verification import Verdict, verify
from headwater.pipelines.verification.topics import read_committed
from headwater.schemas.dead_letter import DEAD_LETTER_SCHEMA, Reason
from headwater.schemas.plan import Plan
from tests.integration.ride_stream import VIEW, RideStream, write_view

pytestmark = pytest.mark.timeout(900)  # the first test waits for the whole run

KILLED = (
    f"materialize.{VIEW}",
    f"archive.{VIEW}",
    "taskmanager",
    "redis",
    f"compute.{VIEW}",
    "jobmanager",
    "taskmanager",
)
EVENTS_BETWEEN_KILLS = 4_000
SECONDS_BETWEEN_KILLS = 6.0
RESTARTED_WITHIN_SECONDS = 5.0


@dataclass
class Outcome:
    """What was seen during the run and found after it."""

    plan: Plan
    settings: Settings
    verdict: Verdict
    sent: int
    poison: Counter[Reason]
    regressions: list[str]
    versions_seen: int
    restarts: dict[str, int]
    restart_seconds: dict[str, float]
    letters: list[dict[str, Any]] = field(default_factory=list)
    late: list[dict[str, Any]] = field(default_factory=list)


@pytest.fixture(scope="module")
def outcome(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcome]:
    root = tmp_path_factory.mktemp("end-to-end")
    views, directory = write_view(root / "views"), StateDirectory(root / "state")
    headwater("up", "--views", str(views), "--state", str(directory.root), "--detach")
    try:
        yield run(directory)
    finally:
        headwater("down", "--state", str(directory.root))


def run(directory: StateDirectory) -> Outcome:
    stack = state_of(directory)
    settings = settings_of(stack)
    plan = Plan.from_json(stack.views[0].plan.read_text())
    rides = RideStream(settings.kafka_bootstrap_servers, settings.registry_url, seed=11, drivers=700)
    watcher = VersionWatcher(settings, plan)
    rides.send(EVENTS_BETWEEN_KILLS)
    rides.send_poison()
    restart_seconds: dict[str, float] = {}
    for name in KILLED:
        rides.send(EVENTS_BETWEEN_KILLS // 2)
        with watcher.paused(name == "redis"):
            killed_at = kill(directory, name)
            rides.send(EVENTS_BETWEEN_KILLS // 2)
            restart_seconds[name] = max(
                restart_seconds.get(name, 0.0), restarted_after(directory, name, killed_at) or float("inf")
            )
        time.sleep(SECONDS_BETWEEN_KILLS)
    verdict = verify(settings, plan, timeout_seconds=180)
    watcher.stop()
    return Outcome(
        plan=plan,
        settings=settings,
        verdict=verdict,
        sent=rides.sent,
        poison=rides.poison,
        regressions=watcher.regressions,
        versions_seen=watcher.versions_seen,
        restarts={process.name: process.restarts for process in state_of(directory).processes},
        restart_seconds=restart_seconds,
        letters=dead_letters(settings, plan.dead_letters.topic),
        late=dead_letters(settings, plan.late.topic),
    )


def test_both_stores_equal_the_reference_after_every_process_was_killed(outcome: Outcome) -> None:
    assert outcome.verdict.right, (str(outcome.verdict), outcome.verdict.online[:10], outcome.verdict.offline[:10])
    assert outcome.verdict.events == outcome.sent
    assert outcome.verdict.keys > 1_000


def test_no_reader_saw_a_version_go_back(outcome: Outcome) -> None:
    assert outcome.versions_seen > 1_000
    assert outcome.regressions == []


def test_what_was_killed_runs_again_within_five_seconds(outcome: Outcome) -> None:
    assert all(outcome.restarts[name] > 0 for name in KILLED), outcome.restarts
    slow = {name: taken for name, taken in outcome.restart_seconds.items() if taken > RESTARTED_WITHIN_SECONDS}
    assert not slow


def test_every_rejected_record_is_a_dead_letter_once_with_reason_and_place(outcome: Outcome) -> None:
    assert Counter(Reason(letter["reason"]) for letter in outcome.letters) == outcome.poison
    assert outcome.verdict.rejected == outcome.poison.total()
    places = {(letter["topic"], letter["partition"], letter["offset"]) for letter in outcome.letters}
    assert len(places) == outcome.poison.total()


def test_a_dead_letter_keeps_the_bytes_unless_there_are_too_many(outcome: Outcome) -> None:
    for letter in outcome.letters:
        if letter["value_bytes"] > 256 * 1024:
            assert letter["value"] is None
            assert len(letter["value_sha256"]) == 64
        elif letter["reason"] != Reason.NULL_VALUE:
            assert len(letter["value"]) == letter["value_bytes"]


def test_late_events_were_out_of_reach(outcome: Outcome) -> None:
    assert {letter["reason"] for letter in outcome.late} <= {Reason.LATE.value}
    now_us = time.time_ns() // 1000
    assert all(letter["event_time"] < reach(outcome.plan, now_us) for letter in outcome.late)


def test_a_service_reads_fresh_typed_values(outcome: Outcome) -> None:
    with OnlineReader(outcome.settings.redis_url.get_secret_value(), VIEW) as reader:
        rows = reader.get_many([{"driver": f"driver-{number}", "city_id": 1} for number in range(50)])
        nobody = reader.get(driver="nobody", city_id=1)
    assert {row.status for row in rows} <= {Status.FRESH, Status.MISSING}
    assert any(isinstance(row.values["fare_sum_24h"], float) and row.values["tariff_first_24h"] for row in rows)
    assert (nobody.status, nobody.values["count_24h"], nobody.values["fare_mean_10m"]) == (Status.MISSING, 0, None)


class VersionWatcher:
    """Polls some rows all the time and notes each version that is less than one seen before."""

    def __init__(self, settings: Settings, plan: Plan) -> None:
        self.regressions: list[str] = []
        self.versions_seen = 0
        self._reader = OnlineReader(settings.redis_url.get_secret_value(), plan.view)
        self._entities = [{"driver": f"driver-{number}", "city_id": number % 3} for number in range(40)]
        self._seen: dict[int, Any] = {}
        self._idle, self._stopping = threading.Event(), threading.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def paused(self, forget: bool) -> Any:
        """For a `with` block in which Redis may lose what it had and be away."""
        return _Paused(self._idle, self._seen) if forget else _Paused(None, {})

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stopping.wait(0.05):
            if self._idle.is_set():
                for number, row in enumerate(self._rows()):
                    if row.version is not None and row.version < self._seen.get(number, row.version):
                        self.regressions.append(f"{row.entity}: {row.version} after {self._seen[number]}")
                    if row.version is not None:
                        self._seen[number] = row.version
                        self.versions_seen += 1

    def _rows(self) -> Any:
        from headwater.schemas.errors import OnlineStoreError

        try:
            return self._reader.get_many(self._entities)
        except OnlineStoreError:
            return ()


class _Paused:
    def __init__(self, idle: threading.Event | None, seen: dict[int, Any]) -> None:
        self._idle, self._seen = idle, seen

    def __enter__(self) -> None:
        if self._idle is not None:
            self._idle.clear()
            time.sleep(0.3)

    def __exit__(self, *_: object) -> None:
        if self._idle is not None:
            time.sleep(5)
            self._seen.clear()
            self._idle.set()


def headwater(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "headwater.pipelines.cli", *arguments], check=True, timeout=280)


def state_of(directory: StateDirectory) -> StackState:
    state = directory.read()
    assert state is not None
    return state


def identity(directory: StateDirectory, name: str) -> Any:
    return next(process.identity for process in state_of(directory).processes if process.name == name)


def kill(directory: StateDirectory, name: str) -> tuple[float, int]:
    """SIGKILL to the process; the time and its pid. Waits for it to be there first."""
    deadline = time.monotonic() + 60
    while (found := identity(directory, name)) is None or (process := found.find()) is None:
        assert time.monotonic() < deadline, f"{name} is not running"
        time.sleep(0.1)
    process.kill()
    return time.monotonic(), found.pid


def restarted_after(directory: StateDirectory, name: str, killed: tuple[float, int]) -> float | None:
    """Seconds from the kill to another process of the name being there; None if that took more than twenty."""
    killed_at, pid = killed
    while time.monotonic() < killed_at + 20:
        found = identity(directory, name)
        if found is not None and found.pid != pid and found.find() is not None:
            return time.monotonic() - killed_at
        time.sleep(0.1)
    return None


def dead_letters(settings: Settings, topic: str) -> list[dict[str, Any]]:
    schema = json.loads(json.dumps(DEAD_LETTER_SCHEMA).replace('"logicalType"', '"noLogicalType"'))
    found = []
    for message in read_committed(settings, topic, 30):
        letter = schemaless_reader(io.BytesIO((message.value() or b"")[5:]), schema, None)
        assert isinstance(letter, dict)
        found.append(letter)
    return found
