"""Rotating Redis's password as the runbook says: first both passwords are good, then the new one alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import redis

from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import running
from headwater.pipelines.stack.redis import RedisServer
from tests.runbook import PAGES, commands


def test_no_moment_of_rotating_the_password_shuts_a_process_out(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    server = RedisServer(directory=tmp_path / "redis", log=tmp_path / "redis.log", port=port)
    server.prepare()
    with running(server.spec()):
        admin = redis.Redis.from_url(server.url)
        admin.acl_setuser("headwater", enabled=True, passwords=["+old"], keys=["hw:*"], categories=["+@all"])
        let_in, shut_out = commands("redis-cli", PAGES / "rotate-secrets.md")
        run(admin, let_in.words)
        enter(server, "old")
        enter(server, "new")
        run(admin, shut_out.words)
        enter(server, "new")
        with pytest.raises(redis.AuthenticationError):
            enter(server, "old")


def run(admin: redis.Redis, words: tuple[str, ...]) -> None:
    """The command, with its variables."""
    given = {"$NEW_PASSWORD": "new", "$OLD_PASSWORD": "old"}
    for name, value in given.items():
        words = tuple(word.replace(name, value) for word in words)
    admin.execute_command(*words[1:])


def enter(server: RedisServer, password: str) -> None:
    """A command as the user of the processes."""
    redis.Redis.from_url(server.url, username="headwater", password=password).set("hw:x", "1")
