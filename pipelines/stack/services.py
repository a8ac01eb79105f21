"""The servers of a stack, laid out in one state directory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from headwater.pipelines.stack import artifacts
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import FlinkCluster, FlinkPorts, distribution_jars
from headwater.pipelines.stack.ports import PortBook
from headwater.pipelines.stack.process import ProcessSpec
from headwater.pipelines.stack.redis import RedisServer
from headwater.pipelines.stack.registry import Registry, Role
from headwater.pipelines.stack.security import StackSecurity, environment
from headwater.pipelines.stack.state import Endpoints, StateDirectory
from headwater.pipelines.stack.zookeeper import ZooKeeper


@dataclass(frozen=True, slots=True)
class Services:
    """What the workers connect to."""

    broker: Broker
    registry: Registry
    redis: RedisServer
    flink: FlinkCluster
    endpoints: Endpoints
    security: StackSecurity | None = None

    def environment(self, user: str) -> dict[str, str]:
        """The settings by name of a process that uses them as this user."""
        return environment(self.endpoints, self.security, user)

    def prepare(self) -> None:
        """Writes configurations and makes directories."""
        self.broker.prepare()
        self.registry.prepare()
        self.redis.prepare()
        self.flink.prepare()
        if self.flink.zookeeper:
            self.flink.zookeeper.prepare()

    def specs(self) -> tuple[ProcessSpec, ...]:
        """How they are run. None but the JobManager needs another one to start, which is ZooKeeper if there is one."""
        return (
            *((self.flink.zookeeper.spec(),) if self.flink.zookeeper else ()),
            self.broker.spec(),
            self.registry.spec(),
            self.redis.spec(),
            self.flink.job_manager_spec(),
            self.flink.task_manager_spec(),
        )


def lay_out(
    directory: StateDirectory,
    ports: PortBook,
    *,
    slots: int,
    task_heap_mb: int,
    managed_mb: int,
    high_availability: bool = False,
    security: StackSecurity | None = None,
    registry_users: Mapping[str, Role] | None = None,
) -> Services:
    """The servers of the stack in this directory. The files they are made of must have been fetched.

    Args:
        slots: how many subtasks of each operator the Flink cluster holds, over all views.
        task_heap_mb, managed_mb: memory of the TaskManager, on the heap and for RocksDB.
        high_availability: whether ZooKeeper is one of the servers.
        security: what makes them secure; without it, anyone may enter who reaches them.
        registry_users: who may enter a secure registry, and as what.
    """
    broker = Broker(
        directory=directory.root / "broker",
        log=directory.logs / "broker.log",
        port=ports.port("broker"),
        controller_port=ports.port("broker-controller"),
        classpath=artifacts.broker_classpath(),
        security=security,
    )
    registry = Registry(
        directory=directory.root / "registry",
        log=directory.logs / "registry.log",
        port=ports.port("registry"),
        management_port=ports.port("registry-management"),
        home=artifacts.registry_home(),
        security=security,
        users=registry_users or {},
    )
    redis = RedisServer(directory.root / "redis", directory.logs / "redis.log", ports.port("redis"), security)
    zookeeper = ZooKeeper(
        directory=directory.root / "zookeeper",
        log=directory.logs / "zookeeper.log",
        port=ports.port("zookeeper"),
        classpath=distribution_jars(),
    )
    flink = FlinkCluster(
        directory=directory.root / "flink",
        log_directory=directory.logs,
        ports=FlinkPorts(
            rest=ports.port("flink"),
            job_manager_rpc=ports.port("jobmanager-rpc"),
            job_manager_blob=ports.port("jobmanager-blob"),
            job_manager_metrics=ports.port("jobmanager-metrics"),
            task_manager_rpc=ports.port("taskmanager-rpc"),
            task_manager_data=ports.port("taskmanager-data"),
            task_manager_metrics=ports.port("taskmanager-metrics"),
        ),
        slots=slots,
        task_heap_mb=task_heap_mb,
        managed_mb=managed_mb,
        zookeeper=zookeeper if high_availability else None,
    )
    endpoints = Endpoints(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        registry_url=registry.url,
        redis_url=redis.url,
        flink_rest_url=flink.rest_url,
        checkpoint_dir=flink.checkpoint_directory.as_uri(),
        offline_root=str(directory.offline),
    )
    return Services(broker, registry, redis, flink, endpoints, security)
