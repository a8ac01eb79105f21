"""What producers do to the stream. Late, old, future and poisonous records are in it all the time (`rides`)."""

from __future__ import annotations

from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from headwater.pipelines.chaos.fault import Fault, Recovery
from headwater.pipelines.chaos.rides import SUBJECT, WRONG_SCHEMA
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import client_properties
from headwater.schemas.errors import ContractError

PARTITIONS_ADDED = 2
TIMEOUT_SECONDS = 30


class Copies(Fault):
    name = "copies"
    summary = "every record is sent three times"
    row = 12
    seconds = 8.0

    def inject(self) -> None:
        self.lab.traffic.copies = 3

    def heal(self) -> None:
        self.lab.traffic.copies = 1


class Shuffled(Fault):
    name = "shuffled"
    summary = "the order of events within ten minutes is left to chance"
    row = 12
    seconds = 8.0

    def inject(self) -> None:
        self.lab.traffic.shuffle(shuffled=True)

    def heal(self) -> None:
        self.lab.traffic.shuffle(shuffled=False)


class PartitionIdle(Fault):
    name = "partition-idle"
    summary = "nothing is sent to one partition of the event topic for 20 s; values expire all the same"
    row = 17
    seconds = 20.0

    def inject(self) -> None:
        lab = self.lab
        lab.traffic.only = tuple(range(1, len(lab.ends(lab.traffic.topic))))
        self._before_ms = lab.watermark_ms()

    def heal(self) -> None:
        self._passed_ms = self.lab.watermark_ms() - self._before_ms
        self.lab.traffic.only = ()

    def broken(self, recovery: Recovery) -> list[str]:  # noqa: ARG002
        if self._passed_ms < 1000 * self.seconds / 2:
            return [f"the watermark moved by {self._passed_ms / 1000:.1f} s in {self.seconds:.0f} s"]
        return []


class SourceIdle(Fault):
    name = "source-idle"
    summary = "nothing is sent for 12 s"
    row = 17
    seconds = 12.0
    tells = frozenset({"no_events"})

    def inject(self) -> None:
        self.lab.traffic.pause()

    def heal(self) -> None:
        self.lab.traffic.resume()


class PartitionsAdded(Fault):
    name = "partitions-added"
    summary = f"the event topic gets {PARTITIONS_ADDED} more partitions"
    row = 16
    seconds = 5.0

    def inject(self) -> None:
        admin = AdminClient({**client_properties(self.lab.settings), "log_level": 0})
        topic = self.lab.traffic.topic
        before = len(admin.list_topics(topic, TIMEOUT_SECONDS).topics[topic].partitions)
        wanted = [NewPartitions(topic, before + PARTITIONS_ADDED)]
        for answer in admin.create_partitions(wanted, operation_timeout=TIMEOUT_SECONDS).values():
            answer.result(TIMEOUT_SECONDS)


class SchemaChanged(Fault):
    name = "schema-changed"
    summary = "producers change to a compatible schema; an incompatible one is offered to the registry"
    row = 15
    seconds = 3.0

    def inject(self) -> None:
        self._refused = False
        with Registry(self.lab.settings) as registry:
            try:
                registry.register(SUBJECT, WRONG_SCHEMA)
            except ContractError:
                self._refused = True
        self.lab.traffic.change_schema()

    def broken(self, recovery: Recovery) -> list[str]:  # noqa: ARG002
        return [] if self._refused else ["the registry took a schema of rides that the view cannot read"]
