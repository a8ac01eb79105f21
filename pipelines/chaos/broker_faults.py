"""Faults of the broker, and of what is in its topics."""

from __future__ import annotations

import subprocess
import sys

from headwater.pipelines.chaos import open_transaction
from headwater.pipelines.chaos.fault import Fault, ProcessAway, Recovery
from headwater.schemas.errors import StackError

SILENCE = frozenset({"no_events"})
"""Producers have to find the broker again as well; until they have, there are none."""

BROKER_ABORTS_WITHIN_SECONDS = 10.0
"""How often the broker looks for transactions that are past their timeout."""

SLACK_SECONDS = 15.0


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
