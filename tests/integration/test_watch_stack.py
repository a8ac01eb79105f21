"""A real pipeline, watched: its probe is seen, its stores agree, and its three states are told apart."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from headwater.pipelines.demo.traffic import Traffic
from headwater.pipelines.settings import Settings, load_settings
from tests.integration.test_local_stack import Stack
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

SCHEMAS = Path(__file__).parents[2] / "schemas"
VIEWS = """
from headwater.schemas import EventSource, FeatureView, count_events, last_of, mean_of, probe, sum_of

purchases = EventSource(topic="shop.purchases", key="customer_id", event_time="purchased_at", allowed_skew="10s")

watched = FeatureView(
    name="watched",
    source=purchases,
    features=[
        count_events(over=["1m", "24h"]),
        sum_of("amount", over=["1m", "24h"]),
        mean_of("amount", over="24h"),
        last_of("item.category", over="24h", name="last_category"),
    ],
    owner="tests",
    description="For a test.",
    freshness="3s",
    probe=probe(
        {
            "purchase_id": "probe",
            "customer_id": "headwater-probe",
            "amount": 0.0,
            "quantity": 1,
            "discount": None,
            "item": {"sku": "none", "category": "BOOKS"},
        },
        every="1h",  # once, so that the topic can fall silent
    ),
)
"""
SETTINGS = {
    "HEADWATER_WATCH_CHECK_SECONDS": "2",
    "HEADWATER_WATCH_REFERENCE_PAUSE_SECONDS": "1",
    "HEADWATER_WATCH_REFERENCE_BYTES_PER_SECOND": "100000000",
    "HEADWATER_ARCHIVE_FLUSH_SECONDS": "2",
    "HEADWATER_CHECKPOINT_INTERVAL_MS": "2000",
}


class Watched(Stack):
    """A stack with the view."""

    def samples(self, worker: str) -> list[Sample]:
        """All that a process tells at one moment."""
        text = httpx.get(self.told().views[0].metrics[worker], timeout=10).text
        return [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def sample(self, worker: str, name: str, **labels: str) -> float:
        """The sum of the samples with these labels."""
        samples = self.samples(worker)
        return sum(each.value for each in samples if each.name == name and labels.items() <= each.labels.items())

    def rows_agreed(self, against: str) -> float:
        return self.sample("watch", "headwater_parity_rows_total", against=against, outcome="agreed")

    def view_state(self) -> str:
        """What the materializer says of the view, as a state and as a condition."""
        holding = [each for each in self.samples("materialize") if each.value]
        (state,) = (each.labels["state"] for each in holding if each.name == "headwater_view_state")
        conditions = {each.labels["condition"] for each in holding if each.name == "headwater_condition"}
        assert conditions & {"no_events", "stuck"} == {state} - {"fresh", "starting"}
        return state

    def settings(self) -> Settings:
        return load_settings(**self.told().endpoints.model_dump())


@contextmanager
def environment(settings: Mapping[str, str]) -> Iterator[None]:
    """These variables, for processes that are started meanwhile."""
    os.environ |= settings
    try:
        yield
    finally:
        for name in settings:
            del os.environ[name]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    directory = tmp_path_factory.mktemp("watched")
    (directory / "views.py").write_text(VIEWS)
    made = Watched(directory / "state")
    with environment(SETTINGS):
        try:
            outcome = made.run("up", "--views", str(directory / "views.py"), "--schemas", str(SCHEMAS), "--detach")
            assert outcome.returncode == 0, outcome.stderr
            yield made
        finally:
            made.run("down")


def test_what_flows_agrees_and_the_probe_is_seen(watched: Watched) -> None:
    traffic = Traffic(watched.settings(), seed=7, customers=50, rate=100)
    traffic.send_history(2_000)
    traffic.start()
    try:
        wait_until(lambda: watched.rows_agreed("offline") >= 20, 120, "rows that agree with the offline log")
        wait_until(lambda: watched.rows_agreed("reference") >= 20, 120, "rows that agree with the reference")
        wait_until(lambda: watched.sample("watch", "headwater_probe_seen_seconds_count"), 120, "the probe to be seen")
    finally:
        traffic.stop()
    assert watched.sample("watch", "headwater_probe_sent_total") == 1
    assert watched.sample("watch", "headwater_probe_waiting_seconds") == 0
    assert watched.sample("watch", "headwater_parity_rows_total", outcome="disagreed") == 0
    assert watched.sample("watch", "headwater_condition") == 0
    (view,) = watched.status()["views"]
    assert set(view["metrics"]) >= {"watch"}


def test_fresh_no_events_and_stuck_are_told_apart(watched: Watched) -> None:
    traffic = Traffic(watched.settings(), seed=8, customers=50, rate=50)
    traffic.start()
    try:
        wait_until(lambda: watched.view_state() == "fresh", 120, "fresh values")
    finally:
        traffic.stop()
    wait_until(lambda: watched.view_state() == "no_events", 120, "silence to be told")
    identity = watched.process("taskmanager").identity
    assert identity is not None
    os.kill(identity.pid, signal.SIGSTOP)
    try:
        wait_until(lambda: watched.view_state() == "stuck", 120, "the stall to be told")
    finally:
        os.kill(identity.pid, signal.SIGCONT)
    wait_until(lambda: watched.view_state() == "no_events", 120, "the stall to be over")
