"""Faults of the online store."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pydantic import SecretStr
from redis import Redis

from headwater.pipelines.chaos.fault import Fault, ProcessAway, Recovery
from headwater.pipelines.online_store import connect
from headwater.pipelines.stack.ports import LOOPBACK

UNAVAILABLE = frozenset({"online_store_unavailable"})
SECRET = "chaos"  # noqa: S105 - of a store that lives for some minutes on the loopback address


class RedisFault(Fault):
    """One that has a client of the store's."""

    def client(self, password: str | None = None) -> Redis:
        """A client; it is used for one request or two."""
        url = self.lab.settings.redis_url.get_secret_value()
        return connect(SecretStr(url if password is None else url.replace("://", f"://default:{password}@")))


class RedisKilled(RedisFault):
    name = "redis-kill"
    summary = "SIGKILL of Redis, which flushes its append-only file once a second"
    row = 8
    loses_rows = True
    may_tell = UNAVAILABLE

    def inject(self) -> None:
        self.lab.kill("redis")


class RedisCut(ProcessAway):
    name = "redis-cut"
    summary = "SIGKILL of Redis, and its append-only file cut at a random byte of its second half"
    row = 8
    loses_rows = True
    tells = UNAVAILABLE
    seconds = 1.0
    process = "redis"

    def inject(self) -> None:
        super().inject()
        directory: Path = self.lab.stack.services.redis.directory
        (newest, *_) = sorted(directory.rglob("*.incr.aof"), key=lambda file: file.stat().st_mtime, reverse=True)
        size = newest.stat().st_size
        with newest.open("r+b") as file:
            file.truncate(self.chance.randrange(size // 2, size))


class RedisEmptied(RedisFault):
    name = "redis-emptied"
    summary = "FLUSHALL; all is rebuilt from the feature log"
    row = 9
    loses_rows = True

    def inject(self) -> None:
        with self.client() as redis:
            redis.flushall()


class RedisFull(RedisFault):
    name = "redis-full"
    summary = "Redis is out of memory and evicts nothing"
    row = 10
    seconds = 5.0
    tells = UNAVAILABLE

    def inject(self) -> None:
        with self.client() as redis:
            used = int(redis.info("memory")["used_memory"])
            redis.config_set("maxmemory", used // 2)

    def heal(self) -> None:
        with self.client() as redis:
            redis.config_set("maxmemory", 0)


class RedisReadOnly(RedisFault):
    name = "redis-read-only"
    summary = "Redis becomes the replica of a primary that is away"
    row = 10
    seconds = 5.0
    tells = UNAVAILABLE

    def inject(self) -> None:
        with self.client() as redis:
            redis.replicaof(LOOPBACK, 1)

    def heal(self) -> None:
        with self.client() as redis:
            redis.replicaof("NO", "ONE")


class RedisSlow(RedisFault):
    name = "redis-slow"
    summary = "Redis answers nothing for 15 s"
    row = 10
    seconds = 15.0
    tells = UNAVAILABLE

    def inject(self) -> None:
        with self.client() as redis:
            redis.client_pause(int(self.seconds * 1000))


class RedisLocked(RedisFault):
    name = "redis-locked"
    summary = "Redis asks for a password that nobody has been told"
    row = 10
    seconds = 5.0
    tells = UNAVAILABLE

    def inject(self) -> None:
        with self.client() as redis:
            redis.execute_command("ACL", "SETUSER", "default", "resetpass", f">{SECRET}")
            redis.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")

    def heal(self) -> None:
        with self.client(SECRET) as redis:
            redis.execute_command("ACL", "SETUSER", "default", "nopass")


class RedisSpeaksNoTls(RedisFault):
    name = "redis-no-tls"
    summary = "the materializer is told to speak TLS with Redis (rediss://), which does not"
    row = 10
    seconds = 5.0
    tells = UNAVAILABLE

    def inject(self) -> None:
        workers, log = self.lab.workers, self._log
        self._said_before = log.stat().st_size
        url = self.lab.settings.redis_url.get_secret_value().replace("redis://", "rediss://")
        self.lab.deploy(
            replace(workers, environment={**workers.environment, "HEADWATER_REDIS_URL": url}), "materialize"
        )

    def heal(self) -> None:
        self.lab.deploy(self.lab.workers, "materialize")

    def broken(self, recovery: Recovery) -> list[str]:  # noqa: ARG002
        said = self._log.read_bytes()[self._said_before :]
        return [] if b"or none (redis://)" in said else ["the materializer did not say that it may be TLS"]

    @property
    def _log(self) -> Path:
        return self.lab.logs / f"{self.lab.worker('materialize')}.log"
