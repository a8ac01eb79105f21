"""A schema registry that speaks Confluent's API: Apicurio, with its content in an H2 file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import httpx

from headwater.pipelines.stack.java import java_command
from headwater.pipelines.stack.ports import LOOPBACK, accepts
from headwater.pipelines.stack.process import ProcessSpec

JVM_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:MaxMetaspaceSize=160m",
    "-XX:ReservedCodeCacheSize=48m",
)


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry that keeps schemas and their ids in `directory`."""

    directory: Path
    log: Path
    port: int
    management_port: int
    home: Path
    heap_mb: int = 96

    @property
    def url(self) -> str:
        """The base URL of the Confluent API."""
        return f"http://{LOOPBACK}:{self.port}/apis/ccompat/v7"

    def spec(self) -> ProcessSpec:
        """How the registry is run."""
        properties = (f"-D{name}={value}" for name, value in self._configuration().items())
        return ProcessSpec(
            name="registry",
            command=java_command(
                str(self.home / "quarkus-run.jar"), heap_mb=self.heap_mb, options=(*JVM_OPTIONS, *properties)
            ),
            log=self.log,
            ready=self.is_ready,
            addresses={"registry URL": self.url},
        )

    def is_ready(self) -> bool:
        """Whether it lists its subjects."""
        if not accepts(self.port):
            return False
        try:
            return httpx.get(f"{self.url}/subjects", timeout=2).is_success
        except httpx.TransportError:
            return False

    def _configuration(self) -> dict[str, object]:
        database = self.directory / "registry"
        return {
            "quarkus.http.host": LOOPBACK,
            "quarkus.http.port": self.port,
            "quarkus.http.access-log.enabled": "false",
            "quarkus.management.host": LOOPBACK,
            "quarkus.management.port": self.management_port,
            "apicurio.storage.kind": "sql",
            "apicurio.storage.sql.kind": "h2",
            # By default it is in memory. WRITE_DELAY=0: an id that was given out is on disk, also after SIGKILL.
            "apicurio.datasource.url": f"jdbc:h2:file:{database};WRITE_DELAY=0;DB_CLOSE_ON_EXIT=FALSE",
            "apicurio.datasource.jdbc.initial-size": 2,
            "apicurio.datasource.jdbc.min-size": 2,
            "apicurio.datasource.jdbc.max-size": 8,
        }
