"""The one user that docker-compose.yml gives Redis may do all that the online path does, and nothing else."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
import redis

from headwater.pipelines.reader import OnlineReader
from headwater.pipelines.stack.broker import Broker
from tests.feature_log_rows import make_plan
from tests.integration.online_stack import FakeRegistry, LogWriter, MaterializerProcess, OwnRedis, online_rows
from tests.waiting import wait_until

COMPOSE = Path(__file__).parents[2] / "docker-compose.yml"


def test_rows_are_materialized_and_read_by_the_user_that_compose_makes(
    broker: Broker, tmp_path: Path, unique_name: Callable[[str], str]
) -> None:
    plan = make_plan(view=unique_name("online"))
    with ExitStack() as stack:
        server = OwnRedis(tmp_path)
        stack.callback(server.close)
        url = restricted(server)
        registry = FakeRegistry(plan.log.schema_)
        stack.callback(registry.close)
        log = LogWriter(broker.bootstrap_servers, plan)
        connections = {"kafka_bootstrap_servers": broker.bootstrap_servers, "registry_url": registry.url}
        materializer = MaterializerProcess(tmp_path, plan, redis_url=url, **connections)
        stack.callback(materializer.stop)
        with log.transaction():
            log.row(7)
            log.heartbeat()
        wait_until(lambda: online_rows(server.client, plan) == log.expected(), 60)
        with OnlineReader(url, plan.view) as reader:
            wait_until(lambda: reader.get(customer_id="c7").age is not None)


@pytest.mark.parametrize(
    "command", [("FLUSHALL",), ("CONFIG", "SET", "maxmemory", "1"), ("GET", "other"), ("ACL", "LIST")]
)
def test_that_user_may_do_nothing_else(tmp_path: Path, command: tuple[str, ...]) -> None:
    server = OwnRedis(tmp_path)
    try:
        with redis.Redis.from_url(restricted(server)) as client, pytest.raises(redis.exceptions.NoPermissionError):
            client.execute_command(*command)
    finally:
        server.close()


def restricted(server: OwnRedis) -> str:
    """The server's URL for the user that compose makes, made here as there."""
    (rights,) = re.findall(r"user headwater on >%s (.*?)\\n", COMPOSE.read_text())
    server.client.execute_command("ACL", "SETUSER", "headwater", "on", ">secret", *rights.split())
    return server.url.replace("redis://", "redis://headwater:secret@")
