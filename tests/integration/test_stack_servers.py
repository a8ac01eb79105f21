"""The servers of the local stack are what the pipeline relies on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest
import redis
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient

from headwater.pipelines.stack import artifacts
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import FlinkCluster
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import RunningProcess
from headwater.pipelines.stack.redis import RedisServer
from headwater.pipelines.stack.registry import Registry

SCHEMA = json.dumps({"type": "record", "name": "Event", "fields": [{"name": "x", "type": "long"}]})


@pytest.fixture
def own_registry(tmp_path: Path) -> Registry:
    port, management_port = free_ports(2)
    return Registry(tmp_path / "data", tmp_path / "log", port, management_port, artifacts.registry_home())


@pytest.fixture
def started() -> Iterator[Callable[..., RunningProcess]]:
    processes = []

    def start(spec: object) -> RunningProcess:
        process = RunningProcess.start(spec)  # type: ignore[arg-type]
        processes.append(process)
        process.wait_ready()
        return process

    yield start
    for process in processes:
        process.kill()


def test_a_topic_that_was_not_created_is_not_made_up(broker: Broker, unique_name: Callable[[str], str]) -> None:
    topic = unique_name("absent")
    admin = AdminClient({"bootstrap.servers": broker.bootstrap_servers})
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "message.timeout.ms": 1000})
    producer.produce(topic, b"x")
    producer.flush(5)
    assert topic not in admin.list_topics(timeout=10).topics


def test_a_transaction_may_stay_open_for_15_minutes_and_no_longer(
    broker: Broker, unique_name: Callable[[str], str]
) -> None:
    def begin(timeout_ms: int) -> None:
        settings = {"bootstrap.servers": broker.bootstrap_servers, "transactional.id": unique_name("id")}
        Producer({**settings, "transaction.timeout.ms": timeout_ms}).init_transactions(20)

    begin(900_000)
    with pytest.raises(KafkaException):
        begin(900_001)


def test_the_broker_names_itself_by_the_loopback_address(broker: Broker) -> None:
    (node,) = AdminClient({"bootstrap.servers": broker.bootstrap_servers}).list_topics(timeout=10).brokers.values()
    assert f"{node.host}:{node.port}" == broker.bootstrap_servers


def test_a_schema_id_survives_a_registry_that_was_killed_right_after_giving_it_out(
    own_registry: Registry, started: Callable[..., RunningProcess]
) -> None:
    process = started(own_registry.spec())
    versions = f"{own_registry.url}/subjects/events-value/versions"
    schema_id = httpx.post(versions, json={"schema": SCHEMA}).raise_for_status().json()["id"]
    process.kill()

    started(own_registry.spec())
    stored = httpx.get(f"{own_registry.url}/schemas/ids/{schema_id}").raise_for_status().json()["schema"]
    assert json.loads(stored) == json.loads(SCHEMA)
    assert httpx.post(versions, json={"schema": SCHEMA}).raise_for_status().json()["id"] == schema_id


def test_the_shared_registry_answers(registry: Registry) -> None:
    assert httpx.get(f"{registry.url}/subjects").is_success


def test_redis_keeps_what_it_acknowledged_though_it_is_killed(
    tmp_path: Path, started: Callable[..., RunningProcess]
) -> None:
    (port,) = free_ports(1)
    server = RedisServer(tmp_path / "data", tmp_path / "log", port)
    server.prepare()
    process = started(server.spec())
    with redis.Redis.from_url(server.url) as client:
        client.set("key", b"value")
        process.kill()
        started(server.spec())
        assert client.get("key") == b"value"


def test_redis_refuses_to_evict(redis_server: RedisServer) -> None:
    with redis.Redis.from_url(redis_server.url) as client:
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_nothing_listens_on_an_address_that_others_can_reach(
    broker: Broker, registry: Registry, redis_server: RedisServer, flink: FlinkCluster
) -> None:
    started_here = psutil.Process().children(recursive=True)
    addresses = {
        connection.laddr.ip.removeprefix("::ffff:")
        for process in started_here
        for connection in process.net_connections()
        if connection.status == psutil.CONN_LISTEN
    }
    assert addresses == {"127.0.0.1"}


def test_the_cluster_offers_all_its_slots_and_its_metrics(flink: FlinkCluster) -> None:
    overview = httpx.get(f"{flink.rest_url}/overview").raise_for_status().json()
    assert overview["slots-available"] == flink.slots
    assert overview["taskmanagers"] == 1
    for port in (flink.ports.job_manager_metrics, flink.ports.task_manager_metrics):
        assert "flink_" in httpx.get(f"http://127.0.0.1:{port}/metrics").text
