"""What is planted in a store is found, and what is right is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from headwater.pipelines.offline_table import open_table
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.redis import RedisServer
from headwater.pipelines.stack.registry import Registry
from tests.integration.compute_lab import make_lab
from tests.integration.watch_lab import WatchLab, make_watch_lab

CUSTOMERS = [f"customer-{number}" for number in range(12)]


@pytest.fixture
def lab(
    broker: Broker, registry: Registry, redis_server: RedisServer, tmp_path: Path, unique_name: Callable[[str], str]
) -> Iterator[WatchLab]:
    structlog.reset_defaults()
    made = make_watch_lab(
        make_lab(broker, registry, None, tmp_path, unique_name("watched")),  # type: ignore[arg-type]
        redis_server.url,
        tmp_path,
    )
    made.produce(CUSTOMERS, each=10)
    made.fill()
    yield made
    made.client.close()


def told(logs: list[Any]) -> list[Any]:
    return [line for line in logs if line["event"] == "parity_broken"]


def test_rows_that_are_right_agree_with_the_offline_log_and_with_the_reference(lab: WatchLab) -> None:
    with capture_logs() as logs:
        lab.look()
        lab.reference_parity.check()
    assert not told(logs)
    for against in ("offline", "reference"):
        assert lab.rows_told(against, "agreed") == len(CUSTOMERS)
        assert lab.features_told(against, "agreed") == {feature.name for feature in lab.plan.features}
        assert not lab.features_told(against, "disagreed")


def test_a_wrong_value_planted_in_redis_is_found_by_both_and_told_without_personal_data(lab: WatchLab) -> None:
    lab.change("customer-3", lambda fields: {"amount_sum_24h": fields["amount_sum_24h"] + 0.01})
    with capture_logs() as logs:
        lab.look()
        lab.reference_parity.check()
    for against, line in zip(("offline", "reference"), told(logs), strict=True):
        assert lab.features_told(against, "disagreed") == {"amount_sum_24h"}
        assert lab.rows_told(against, "disagreed") == 1
        assert (line["against"], set(line["features"])) == (against, {"amount_sum_24h"})
        assert "customer-3" not in str(line)
        assert line["key"].startswith("sha256:")
        values = line["features"]["amount_sum_24h"]
        assert values["online"] == pytest.approx(values[against] + 0.01)
    assert lab.metrics.seconds_since_disagreement() < 60


def test_a_wrong_value_planted_in_the_parquet_files_is_found(lab: WatchLab) -> None:
    table = open_table(lab.settings, lab.plan.view, lab.plan.generation)
    table.update({"count_6h": "count_6h + 1"}, predicate="customer_id = 'customer-5'")
    with capture_logs() as logs:
        lab.look()
        lab.reference_parity.check()
    (line,) = told(logs)
    assert line["features"]["count_6h"]["offline"] == line["features"]["count_6h"]["online"] + 1
    assert lab.features_told("offline", "disagreed") == {"count_6h"}
    assert lab.rows_told("reference", "agreed") == len(CUSTOMERS)


def test_a_row_that_lacks_an_event_is_found_by_the_reference_alone(lab: WatchLab) -> None:
    lab.change("customer-1", lambda fields: {"n": fields["n"] - 1, "count_24h": fields["count_24h"] - 1})
    lab.look()
    lab.reference_parity.check()
    assert lab.rows_told("reference", "disagreed") == 1
    assert lab.rows_told("offline", "unmatched") == 1
    assert lab.rows_told("offline", "disagreed") == 0


def test_a_row_that_is_missing_is_found_once_a_passage_has_come_by_its_events(
    lab: WatchLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("headwater.pipelines.watch.source_scan.DECODED_IN_PASSING", 1)
    lab.client.delete(lab.name(lab.key("customer-9")))
    lab.reference_parity.check()
    assert lab.rows_told("reference", "disagreed") == 0
    lab.reference_parity.check()
    assert lab.rows_told("reference", "disagreed") == 1


def test_a_row_that_is_newer_online_than_in_the_offline_log_waits_for_it(lab: WatchLab) -> None:
    lab.produce(["customer-2"], each=1)
    newer = lab.rows()[lab.key("customer-2")]
    lab.write(lab.key("customer-2"), lab.fields(lab.key("customer-2"), newer))
    lab.client.set(lab.name(lab.key("customer-2")).split(b"r:")[0] + b"offset", 10_000)
    lab.look()
    assert lab.rows_told("offline", "agreed") == len(CUSTOMERS) - 1
    assert lab.rows_told("offline", "disagreed") == lab.rows_told("offline", "unmatched") == 0
    lab.fill()
    lab.offline_parity.check()
    assert lab.rows_told("offline", "agreed") == len(CUSTOMERS)


def test_what_cannot_be_read_at_all_is_told(lab: WatchLab) -> None:
    lab.client.set(lab.name(lab.key("customer-4")), b"nothing that was ever a row")
    with capture_logs() as logs:
        lab.look()
    (line,) = told(logs)
    assert "stored row" in line["problem"]
    assert lab.rows_told("offline", "disagreed") == 1
