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

from headwater.pipelines.security.kafka import python_properties
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.authority import write_private
from headwater.pipelines.stack.java import java_command, java_environment
from headwater.pipelines.stack.ports import LOOPBACK, accepts
from headwater.pipelines.stack.process import ProcessSpec
from headwater.pipelines.stack.security import ADMIN, SCRAM, StackSecurity
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
    """A broker that keeps its log in `directory`, and finds it again when it starts there another time.

    With `security` it speaks TLS with clients of the stack's authority alone, knows users by SCRAM, and allows them
    what ACLs say; without, it lets in whoever comes.
    """

    directory: Path
    log: Path
    port: int
    controller_port: int
    classpath: Sequence[Path]
    heap_mb: int = 224
    security: StackSecurity | None = None

    @property
    def bootstrap_servers(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        """Writes the configuration, and formats the storage on the first start.

        Raises:
            StackError: the storage cannot be formatted, or was with `--secure` and is now without, or the reverse.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{name}={value}\n" for name, value in self._configuration().items())
        write_private(self._properties, text.encode())
        if not (self._storage / "meta.properties").exists():
            self._format()
        elif self._secured_mark.exists() != (self.security is not None):
            how = "with" if self.security is None else "without"
            raise StackError(
                f"the stack in {self.directory.parent} was made {how} --secure: start it so, or purge it first with"
                f" `headwater down --purge --state {self.directory.parent}`"
            )

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
            self.admin().list_topics(timeout=2)
        except KafkaException:
            return False
        return True

    def admin(self) -> AdminClient:
        """A client that may do everything."""
        login = python_properties(Settings(**self.security.settings(ADMIN))) if self.security else {}  # type: ignore[arg-type]
        return AdminClient({**login, "bootstrap.servers": self.bootstrap_servers, "log_level": 0})

    @property
    def _properties(self) -> Path:
        return self.directory / "server.properties"

    @property
    def _secured_mark(self) -> Path:
        return self.directory / "secured"

    @property
    def _storage(self) -> Path:
        return self.directory / "log"

    def _format(self) -> None:
        cluster_id = urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A", 1)
        arguments = ["format", "--ignore-formatted", "--cluster-id", cluster_id, "--config", str(self._properties)]
        if self.security:
            password = self.security.identity(ADMIN).password
            arguments += ["--add-scram", f"{SCRAM}=[name={ADMIN},password={password}]"]
        java, *words = java_command(
            "kafka.tools.StorageTool",
            arguments,
            classpath=self.classpath,
            heap_mb=64,
            options=(*MEMORY_OPTIONS, "-XX:TieredStopAtLevel=1"),
        )
        # From a file that Java reads: anyone can see the command line of a process, and there is a password in this.
        words_file = self.directory / "format.args"
        write_private(words_file, "\n".join(f'"{word}"' for word in words).encode())
        outcome = subprocess.run(
            (java, f"@{words_file}"),
            env=java_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        words_file.unlink()
        if self.security:
            self._secured_mark.touch()
        if outcome.returncode != 0:
            raise StackError(f"the broker's storage cannot be formatted:\n{outcome.stdout}{outcome.stderr}")

    def _configuration(self) -> dict[str, object]:
        controller = f"{LOOPBACK}:{self.controller_port}"
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{controller}",
            "controller.listener.names": "CONTROLLER",
            "listeners": f"CLIENT://{self.bootstrap_servers},CONTROLLER://{controller}",
            "advertised.listeners": f"CLIENT://{self.bootstrap_servers}",
            "inter.broker.listener.name": "CLIENT",
            **(_secured(self.security) if self.security else _OPEN),
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


_OPEN = {"listener.security.protocol.map": "CLIENT:PLAINTEXT,CONTROLLER:PLAINTEXT"}


def _secured(security: StackSecurity) -> dict[str, object]:
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    password = security.identity(ADMIN).password
    return {
        "listener.security.protocol.map": "CLIENT:SASL_SSL,CONTROLLER:SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": security.identity("broker").both,
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": security.ca,
        "ssl.client.auth": "required",
        # Where SASL is spoken, a client's certificate is only wanted if the listener itself says so.
        "listener.name.client.ssl.client.auth": "required",
        "sasl.enabled.mechanisms": SCRAM,
        "sasl.mechanism.inter.broker.protocol": SCRAM,
        f"listener.name.client.{SCRAM.lower()}.sasl.jaas.config": (
            f'{module} required username="{ADMIN}" password="{password}";'
        ),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "false",
        "super.users": f"User:{ADMIN};User:CN=broker",
    }
