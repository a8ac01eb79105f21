"""A real broker, registry, Redis and Flink cluster, each started when the first test asks for it, and shared.

Tests keep apart by names: `unique_name` gives one that no other test has.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from headwater.pipelines.stack import artifacts
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import FlinkCluster, FlinkPorts
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import running
from headwater.pipelines.stack.redis import RedisServer
from headwater.pipelines.stack.registry import Registry

FLINK_SLOTS = 8

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def stack_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the session's processes keep their data and logs."""
    return tmp_path_factory.mktemp("stack")


@pytest.fixture(scope="session")
def broker(stack_directory: Path) -> Iterator[Broker]:
    """A Kafka broker: `broker.bootstrap_servers`. Topics are not created by themselves."""
    port, controller_port = free_ports(2)
    server = Broker(
        directory=stack_directory / "broker",
        log=stack_directory / "broker.log",
        port=port,
        controller_port=controller_port,
        classpath=artifacts.broker_classpath(),
    )
    server.prepare()
    with running(server.spec()):
        yield server


@pytest.fixture(scope="session")
def registry(stack_directory: Path) -> Iterator[Registry]:
    """A schema registry: `registry.url`, of the Confluent API."""
    port, management_port = free_ports(2)
    server = Registry(
        directory=stack_directory / "registry",
        log=stack_directory / "registry.log",
        port=port,
        management_port=management_port,
        home=artifacts.registry_home(),
    )
    with running(server.spec()):
        yield server


@pytest.fixture(scope="session")
def redis_server(stack_directory: Path) -> Iterator[RedisServer]:
    """A Redis server: `redis_server.url`."""
    (port,) = free_ports(1)
    server = RedisServer(directory=stack_directory / "redis", log=stack_directory / "redis.log", port=port)
    server.prepare()
    with running(server.spec()):
        yield server


@pytest.fixture(scope="session")
def flink(stack_directory: Path) -> Iterator[FlinkCluster]:
    """A Flink session cluster: `flink.rest_url`; `flink.environment` is for processes that submit to it."""
    cluster = FlinkCluster(
        directory=stack_directory / "flink",
        log_directory=stack_directory,
        ports=FlinkPorts(*free_ports(7)),
        slots=FLINK_SLOTS,
    )
    cluster.prepare()
    with running(cluster.job_manager_spec()), running(cluster.task_manager_spec()):
        yield cluster


@pytest.fixture
def unique_name() -> Callable[[str], str]:
    """Makes a name that no other test of this session uses, fit for a topic, a view and a file."""
    return lambda stem: f"{stem}_{os.getpid()}_{next(_numbers)}"
