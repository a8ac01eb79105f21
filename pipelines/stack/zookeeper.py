"""The ZooKeeper server of the apache-flink wheel, which lets a JobManager that was killed go on with its jobs."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.pipelines.stack.java import java_command
from headwater.pipelines.stack.ports import LOOPBACK
from headwater.pipelines.stack.process import ProcessSpec

SERVER_CLASS = "org.apache.flink.shaded.zookeeper3.org.apache.zookeeper.server.ZooKeeperServerMain"
HEAP_MB = 64
JVM_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:MaxMetaspaceSize=64m",
    "-XX:ReservedCodeCacheSize=24m",
)

SESSION_SECONDS = 6
"""How long a JobManager that was killed keeps the next one from leading."""

ANSWER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class ZooKeeper:
    """A single server that keeps what it knows in `directory`.

    Attributes:
        classpath: Flink's own jars, one of which contains the server.
    """

    directory: Path
    log: Path
    port: int
    classpath: Sequence[Path]

    @property
    def quorum(self) -> str:
        """Its address, as clients want it."""
        return f"{LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        """Makes the directory, and writes the configuration into it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        lines = (f"{name}={value}\n" for name, value in self._configuration().items())
        self._configuration_file.write_text("".join(lines))

    def spec(self) -> ProcessSpec:
        """How the server is run."""
        return ProcessSpec(
            name="zookeeper",
            command=java_command(
                SERVER_CLASS,
                (self._configuration_file,),
                classpath=self.classpath,
                heap_mb=HEAP_MB,
                options=(*JVM_OPTIONS, "-Dorg.apache.logging.log4j.level=WARN"),
            ),
            log=self.log,
            ready=self.is_ready,
            addresses={"quorum": self.quorum},
        )

    def is_ready(self) -> bool:
        """Whether it says that it is in order."""
        try:
            with socket.create_connection((LOOPBACK, self.port), ANSWER_SECONDS) as connection:
                connection.sendall(b"ruok")
                return connection.recv(4) == b"imok"
        except OSError:
            return False

    @property
    def _configuration_file(self) -> Path:
        return self.directory / "zoo.cfg"

    def _configuration(self) -> dict[str, object]:
        return {
            "dataDir": self.directory / "data",
            "clientPort": self.port,
            "clientPortAddress": LOOPBACK,
            # The unit of its sessions, which last from 2 to 20 of them.
            "tickTime": 500,
            "admin.enableServer": "false",
            "4lw.commands.whitelist": "ruok",
            "autopurge.snapRetainCount": 3,
            "autopurge.purgeInterval": 1,
        }
