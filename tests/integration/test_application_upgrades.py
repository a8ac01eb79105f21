"""A job's life on a real Flink cluster while events flow: upgraded, rescaled, its JobManager killed; nothing is lost.

The steps are those of the Kubernetes operator with the chart's `upgradeMode: savepoint`: stop with a savepoint, start
the JobManager anew with `execution.state-recovery.path`. High availability is ZooKeeper's here, Kubernetes' there.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from headwater.operators.reference import row_at
from headwater.operators.reference_exactness import row_mismatch
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import distribution_jars
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import running
from headwater.pipelines.stack.registry import Registry
from headwater.pipelines.stack.zookeeper import ZooKeeper
from headwater.schemas.evolution.changes import compare
from headwater.schemas.feature_log import ROW_HEADER_NAME, RowHeader
from tests.integration.application_lab import application, new_cluster
from tests.integration.compute_lab import PARTITIONS, ComputeLab, make_lab, read, unframe, with_fewer_and_others
from tests.waiting import wait_until

UniqueName = Callable[[str], str]

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1800)]

CUSTOMERS = 20
PAUSE_SECONDS = 0.1


def test_upgrades_rescaling_and_a_killed_job_manager_lose_and_double_nothing_while_events_flow(
    broker: Broker, registry: Registry, tmp_path: Path, unique_name: UniqueName
) -> None:
    with zookeeper(tmp_path) as keeper:
        lab = make_lab(broker, registry, new_cluster(tmp_path, keeper), tmp_path, unique_name("purchases"))
        changed = with_fewer_and_others(lab)
        assert compare(lab.plan, changed.plan).verdict == "compatible"
        with flowing(lab) as purchases:
            with application(lab, parallelism=1) as job:
                wait_for_more(lab)
                savepoint = job.stop_with_savepoint()

            with application(changed, *going_on_from(savepoint), parallelism=2) as job:
                assert job.went_on_from() == savepoint
                assert job.parallelism() == {2}
                wait_for_more(changed)
                job.replace_job_manager()
                assert "/chk-" in job.went_on_from(), "high availability knows more than the option says"
                wait_for_more(changed)
                savepoint = job.stop_with_savepoint()

            with application(changed, *going_on_from(savepoint), parallelism=1) as job:
                assert job.went_on_from() == savepoint
                assert job.parallelism() == {1}
                wait_for_more(changed)
                purchases.end()
                wait_until(
                    lambda: counted(changed) == purchases.sent, 120, f"all {purchases.sent} purchases in the log"
                )

    events, rows = changed.reference_events(), committed(changed)
    assert rows.keys() == events.keys()
    for key, found in rows.items():
        versions = [row.version for row in found]
        assert versions == sorted(set(versions)), "committed versions of a key only rise, and none comes twice"
        newest = found[-1]
        expected = row_at(changed.plan, events[key], newest.header.clock_us)
        assert newest.header.n == expected.n
        assert not row_mismatch(changed.plan, events[key], expected, newest.value(changed))


@contextmanager
def zookeeper(directory: Path) -> Iterator[ZooKeeper]:
    (port,) = free_ports(1)
    keeper = ZooKeeper(directory / "zookeeper", directory / "zookeeper.log", port, distribution_jars())
    keeper.prepare()
    with running(keeper.spec()):
        yield keeper


def going_on_from(savepoint: str) -> tuple[str, str]:
    """The option by which the operator names the state that an upgraded job goes on from."""
    return ("-D", f"execution.state-recovery.path={savepoint}")


@dataclass
class Purchases:
    """Purchases that are made until `end`, each customer's over all partitions, some of them late."""

    lab: ComputeLab
    sent: int = 0
    _ended: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def begin(self) -> None:
        self._thread = threading.Thread(target=self._flow, daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Returns once no further one will be made."""
        self._ended.set()
        assert self._thread is not None
        self._thread.join(60)
        assert not self._thread.is_alive()

    def _flow(self) -> None:
        chance = random.Random(7)
        while not self._ended.wait(PAUSE_SECONDS):
            now_ms = int(time.time() * 1000)
            batch = [
                self.lab.frame(
                    customer_id=f"c{number}",
                    amount=round(chance.uniform(-10, 100), 2),
                    purchased_at=now_ms - int(chance.expovariate(1 / 2000)),
                )
                for number in range(CUSTOMERS)
            ]
            self.lab.produce(batch, partition=lambda _: chance.randrange(PARTITIONS))
            self.sent += len(batch)


@contextmanager
def flowing(lab: ComputeLab) -> Iterator[Purchases]:
    purchases = Purchases(lab)
    purchases.begin()
    try:
        yield purchases
    finally:
        purchases.end()


@dataclass(frozen=True)
class Row:
    """A committed row, not yet decoded."""

    header: RowHeader
    frame: bytes

    @property
    def version(self) -> tuple[int, ...]:
        return tuple(self.header[:3])

    def value(self, lab: ComputeLab) -> dict[str, Any]:
        return unframe(self.frame, lab.plan.log.schema_)


def committed(lab: ComputeLab) -> dict[bytes, list[Row]]:
    """The committed rows of every key, in the order of the log."""
    rows: dict[bytes, list[Row]] = {}
    for message in read(lab.broker.bootstrap_servers, lab.plan.log.topic):
        headers = dict(message.headers())
        if ROW_HEADER_NAME in headers:
            row = Row(RowHeader.unpack(headers[ROW_HEADER_NAME]), message.value())
            rows.setdefault(message.key(), []).append(row)
    return rows


def counted(lab: ComputeLab) -> int:
    """How many purchases the newest committed rows know of."""
    return sum(rows[-1].header.n for rows in committed(lab).values())


def wait_for_more(lab: ComputeLab) -> None:
    """Returns once committed rows of every customer know of more purchases than now."""
    before = {key: rows[-1].header.n for key, rows in committed(lab).items()}

    def grown() -> bool:
        now = {key: rows[-1].header.n for key, rows in committed(lab).items()}
        return len(now) == CUSTOMERS and all(now[key] > before.get(key, 0) for key in now)

    wait_until(grown, 120, "committed rows of every customer")
