"""A Kafka broker and its controller in one JVM (KRaft mode), for one machine."""

from __future__ import annotations

import subprocess
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from headwater.pipelines.stack.java import java_command, java_environment
from headwater.pipelines.stack.ports import LOOPBACK, accepts
from headwater.pipelines.stack.process import ProcessSpec
from headwater.schemas.errors import StackError

MEMORY_OPTIONS = ("-XX:+UseSerialGC", "-XX:MaxMetaspaceSize=96m", "-XX:ReservedCodeCacheSize=48m")
LOGGING_OPTIONS = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
)
TRANSACTION_MAX_TIMEOUT_MS = 900_000


@dataclass(frozen=True, slots=True)
class Broker:
    """A broker that keeps its log in `directory`, and finds it again when it starts there another time."""

    directory: Path
    log: Path
    port: int
    controller_port: int
    classpath: Sequence[Path]
    heap_mb: int = 224

    @property
    def bootstrap_servers(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        """Writes the configuration, and formats the storage on the first start.

        Raises:
            StackError: the storage cannot be formatted.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        self._properties.write_text("".join(f"{name}={value}\n" for name, value in self._configuration().items()))
        if not (self._storage / "meta.properties").exists():
            self._format()

    def spec(self) -> ProcessSpec:
        """How the broker is run."""
        options = (*MEMORY_OPTIONS, *LOGGING_OPTIONS)
        return ProcessSpec(
            name="broker",
            command=java_command(
                "kafka.Kafka", [self._properties], classpath=self.classpath, heap_mb=self.heap_mb, options=options
            ),
            log=self.log,
            ready=self.is_ready,
            addresses={"bootstrap servers": self.bootstrap_servers},
        )

    def is_ready(self) -> bool:
        """Whether it answers a request for its topics."""
        if not accepts(self.port):
            return False
        try:
            AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 0}).list_topics(timeout=2)
        except KafkaException:
            return False
        return True

    @property
    def _properties(self) -> Path:
        return self.directory / "server.properties"

    @property
    def _storage(self) -> Path:
        return self.directory / "log"

    def _format(self) -> None:
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)
        command = java_command(
            "kafka.tools.StorageTool",
            ["format", "--ignore-formatted", "--cluster-id", cluster_id, "--config", self._properties],
            classpath=self.classpath,
            heap_mb=64,
            options=(*MEMORY_OPTIONS, "-XX:TieredStopAtLevel=1"),
        )
        outcome = subprocess.run(
            command, env=java_environment(), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if outcome.returncode != 0:
            raise StackError(f"the broker's storage cannot be formatted:\n{outcome.stdout}{outcome.stderr}")

    def _configuration(self) -> dict[str, object]:
        controller = f"{LOOPBACK}:{self.controller_port}"
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"PLAINTEXT://{self.bootstrap_servers},CONTROLLER://{controller}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap_servers}",
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "log.dirs": self._storage,
            "auto.create.topics.enable": "false",
            "transaction.max.timeout.ms": TRANSACTION_MAX_TIMEOUT_MS,
            # One machine: nothing to replicate to.
            "default.replication.factor": 1,
            "offsets.topic.replication.factor": 1,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            # Small: it serves a handful of clients. The cleaner's default buffer alone is 128 MB.
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.num.partitions": 8,
            "num.network.threads": 2,
            "num.io.threads": 4,
            # How long a killed broker's registration keeps the next one out.
            "broker.session.timeout.ms": 4000,
            "broker.heartbeat.interval.ms": 1000,
            "log.cleaner.dedupe.buffer.size": 16 * 2**20,
            "log.segment.bytes": 256 * 2**20,
            "metadata.log.segment.bytes": 16 * 2**20,
        }
