"""Faults of the broker, and of what is in its topics."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace

import httpx
import psutil
from prometheus_client.parser import text_string_to_metric_families

from headwater.pipelines.chaos import open_transaction
from headwater.pipelines.chaos.fault import Fault, ProcessAway, Recovery
from headwater.pipelines.stack.workers import WORKERS
from headwater.schemas.errors import StackError

SILENCE = frozenset({"no_events"})
"""Producers have to find the broker again as well; until they have, there are none."""

BROKER_ABORTS_WITHIN_SECONDS = 10.0
"""How often the broker looks for transactions that are past their timeout."""

SLACK_SECONDS = 15.0

IMPATIENT = {"request.timeout.ms": "6000", "delivery.timeout.ms": "12000", "session.timeout.ms": "6000"}
"""Of all Kafka clients, by librdkafka's names: how long they wait for a broker. A broker allows no shorter session."""

LONG_AWAY_SECONDS = 40.0
FLOWS_WITHIN_SECONDS = 90.0
CAUGHT_UP_WITHIN_SECONDS = 90.0
"""Of which the broker takes some to start, and a busy machine more."""

MOST_GROWTH_BYTES = 256 * 2**20

SOURCE_AS_OF = "flink_taskmanager_job_task_operator_headwater_view_source_as_of_ms"
BELIEVED_MS = 2_000
"""For so long after its last word a broker may be taken for one that has nothing to say."""


class BrokerKilled(Fault):
    name = "broker-kill"
    summary = "SIGKILL of the broker"
    row = 5
    may_tell = SILENCE

    def inject(self) -> None:
        self.lab.kill("broker")


class BrokerAway(ProcessAway):
    name = "broker-away"
    summary = "SIGKILL of the broker, which stays away for 15 s"
    row = 5
    seconds = 15.0
    tells = frozenset({"stuck"})
    may_tell = SILENCE
    process = "broker"


class BrokerAwayLong(ProcessAway):
    """Producers give up what they could not deliver, and the job fails for it; consumers lose their place."""

    name = "broker-away-long"
    summary = (
        f"SIGKILL of the broker, which stays away for {LONG_AWAY_SECONDS:.0f} s; producers give up after"
        f" {int(IMPATIENT['delivery.timeout.ms']) // 1000} s, members of groups after"
        f" {int(IMPATIENT['session.timeout.ms']) // 1000} s"
    )
    row = 5
    tells = frozenset({"stuck", "job_down"})
    may_tell = SILENCE
    process = "broker"

    def inject(self) -> None:
        workers = self.lab.workers
        environment = {**workers.environment, "HEADWATER_KAFKA_PROPERTIES": json.dumps(IMPATIENT)}
        self.lab.deploy(replace(workers, environment=environment), *WORKERS)
        deployed_ms = time.time() * 1000
        self.lab.wait_until(
            lambda: min(self.lab.heartbeats_ms(), default=0) > deployed_ms, FLOWS_WITHIN_SECONDS, "values to be fresh"
        )
        self._task_manager = self.lab.pid("taskmanager")
        self._before = self._resident_bytes()
        super().inject()
        time.sleep(LONG_AWAY_SECONDS)

    def heal(self) -> None:
        try:
            self._meanwhile = self._resident_bytes()
        finally:
            super().heal()

    def broken(self, recovery: Recovery) -> list[str]:
        found = self._resident_bytes()
        grown = {name: max(self._meanwhile[name], size) - self._before[name] for name, size in found.items()}
        died = self.lab.pid("taskmanager") != self._task_manager
        late = recovery.seconds is not None and recovery.seconds > CAUGHT_UP_WITHIN_SECONDS
        return [
            *(
                f"{name} has grown by {size >> 20} MiB, more than {MOST_GROWTH_BYTES >> 20}"
                for name, size in grown.items()
                if size > MOST_GROWTH_BYTES
            ),
            *(["the TaskManager has died of what could not be delivered"] if died else []),
            *([f"fresh data flowed only {recovery.seconds:.0f} s after the broker was let back"] if late else []),
        ]

    def afterwards(self) -> None:
        self.lab.deploy(self.lab.workers, *WORKERS)

    def _resident_bytes(self) -> dict[str, int]:
        names = ("taskmanager", self.lab.worker("materialize"), self.lab.worker("archive"))
        return {name: psutil.Process(self.lab.pid(name)).memory_info().rss for name in names}


class BrokerFrozen(Fault):
    name = "broker-frozen"
    summary = "SIGSTOP of the broker for 15 s, which keeps its connections and answers nothing"
    row = 5
    seconds = 15.0
    tells = frozenset({"stuck"})
    may_tell = SILENCE

    def inject(self) -> None:
        self._pid = self.lab.send("broker", signal.SIGSTOP)
        self._frozen_at_ms = time.time() * 1000

    def heal(self) -> None:
        try:
            self._believed_ms = self._source_as_of_ms() - self._frozen_at_ms
        finally:
            psutil.Process(self._pid).resume()

    def broken(self, recovery: Recovery) -> list[str]:  # noqa: ARG002
        if self._believed_ms > BELIEVED_MS:
            return [f"a source took the broker's silence for that of producers for {self._believed_ms / 1000:.0f} s"]
        return []

    def _source_as_of_ms(self) -> float:
        """Up to when the source that has come furthest says that it has read all."""
        text = httpx.get(self.lab.metrics("taskmanager")).text
        samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        return max(sample.value for sample in samples if sample.name == SOURCE_AS_OF)


class OpenTransaction(Fault):
    name = "open-transaction"
    summary = f"a producer dies with a transaction open in the feature log, of {open_transaction.TIMEOUT_MS // 1000} s"
    row = 6
    tells = frozenset({"open_transaction"})

    def inject(self) -> None:
        log = self.lab.plan.log
        producer = subprocess.Popen(
            (
                *(sys.executable, open_transaction.__file__),
                *(self.lab.settings.kafka_bootstrap_servers, log.topic, str(log.partitions)),
            ),
            stdout=subprocess.PIPE,
        )
        opened = producer.stdout.readline() if producer.stdout else b""
        producer.kill()
        producer.wait()
        self.lab.kills += 1
        if opened.strip() != open_transaction.OPENED:
            raise StackError("a transaction cannot be opened in the feature log")

    def broken(self, recovery: Recovery) -> list[str]:
        bound = open_transaction.TIMEOUT_MS / 1000 + BROKER_ABORTS_WITHIN_SECONDS + SLACK_SECONDS
        if recovery.offline is not None and recovery.offline > bound:
            return [f"committed rows were held back for {recovery.offline:.0f} s, more than {bound:.0f} s"]
        return []
