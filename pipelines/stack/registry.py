"""A schema registry that speaks Confluent's API: Apicurio, with its content in an H2 file."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Literal

import httpx

from headwater.pipelines.stack.authority import write_private
from headwater.pipelines.stack.java import java_command
from headwater.pipelines.stack.ports import LOOPBACK, accepts
from headwater.pipelines.stack.process import ProcessSpec
from headwater.pipelines.stack.security import StackSecurity

Role = Literal["read", "write", "admin"]

JVM_OPTIONS = (
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:MaxMetaspaceSize=160m",
    "-XX:ReservedCodeCacheSize=48m",
)


@dataclass(frozen=True, slots=True)
class Registry:
    """A registry that keeps schemas and their ids in `directory`.

    With `security` it speaks TLS and lets in users alone, each in the role that `users` gives it.
    """

    directory: Path
    log: Path
    port: int
    management_port: int
    home: Path
    heap_mb: int = 96
    security: StackSecurity | None = None
    users: Mapping[str, Role] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The base URL of the Confluent API."""
        return f"{'https' if self.security else 'http'}://{LOOPBACK}:{self.port}/apis/ccompat/v7"

    def prepare(self) -> None:
        """Writes what is secret of the configuration, of which there is nothing without security."""
        if self.security:
            self.directory.mkdir(parents=True, exist_ok=True)
            lines = "".join(f"{name}={value}\n" for name, value in self._logins(self.security).items())
            write_private(self._logins_file, lines.encode())

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
            # Who asks is refused where there are users, but by a registry that is ready.
            code = httpx.get(f"{self.url}/subjects", timeout=2, verify=self._trust()).status_code
        except httpx.TransportError:
            return False
        return code == (HTTPStatus.UNAUTHORIZED if self.security else HTTPStatus.OK)

    @property
    def _logins_file(self) -> Path:
        return self.directory / "logins.properties"

    def _trust(self) -> ssl.SSLContext | bool:
        return ssl.create_default_context(cafile=self.security.ca) if self.security else True

    def _configuration(self) -> dict[str, object]:
        database = self.directory / "registry"
        return {
            "quarkus.http.host": LOOPBACK,
            **(self._secured(self.security) if self.security else {"quarkus.http.port": self.port}),
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

    def _secured(self, security: StackSecurity) -> dict[str, object]:
        identity = security.identity("registry")
        return {
            "quarkus.config.locations": self._logins_file,
            "quarkus.http.ssl-port": self.port,
            "quarkus.http.insecure-requests": "disabled",
            "quarkus.http.ssl.certificate.files": identity.certificate,
            "quarkus.http.ssl.certificate.key-files": identity.key,
            "quarkus.http.auth.basic": "true",
            "quarkus.http.auth.proactive": "true",
            "apicurio.auth.role-based-authorization": "true",
        }

    def _logins(self, security: StackSecurity) -> dict[str, str]:
        users = "quarkus.security.users.embedded"
        names = {f'{users}.users."{user}"': security.identity(user).password for user in self.users}
        roles = {f'{users}.roles."{user}"': _ROLES[role] for user, role in self.users.items()}
        return {f"{users}.plain-text": "true", **names, **roles}


_ROLES: dict[Role, str] = {"read": "sr-readonly", "write": "sr-developer", "admin": "sr-admin"}
"""As Apicurio calls them."""
