"""What is wrong with a Redis is refused at start or waited for, said once, and costs nothing that was in the log."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from headwater.pipelines.online_store import check_store, connect
from headwater.pipelines.reader import OnlineReader
from headwater.pipelines.stack import artifacts
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import RunningProcess, running
from headwater.schemas.errors import OnlineStoreError
from tests.feature_log_rows import make_plan
from tests.integration.online_stack import FakeRegistry, LogWriter, MaterializerProcess, OwnRedis, keys_of, online_rows
from tests.waiting import wait_until


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path)
    yield server
    server.close()


@pytest.fixture
def registry() -> Iterator[FakeRegistry]:
    server = FakeRegistry(make_plan().log.schema_)
    yield server
    server.close()


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[tuple[Broker, RunningProcess]]:
    port, controller_port = free_ports(2)
    server = Broker(tmp_path / "broker", tmp_path / "broker.log", port, controller_port, artifacts.broker_classpath())
    server.prepare()
    with running(server.spec()) as process:
        yield server, process


@pytest.fixture
def log(broker: Broker, unique_name: Callable[[str], str]) -> LogWriter:
    return LogWriter(broker.bootstrap_servers, make_plan(view=unique_name("trouble")))


Start = Callable[..., MaterializerProcess]


@pytest.fixture
def start(
    broker: Broker, registry: FakeRegistry, log: LogWriter, own_redis: OwnRedis, tmp_path: Path
) -> Iterator[Start]:
    """Starts a materializer of the log, by default into its own Redis."""
    started: list[MaterializerProcess] = []

    def start(**settings: str) -> MaterializerProcess:
        directory = tmp_path / f"materializer-{len(started)}"
        directory.mkdir()
        known = {
            "kafka_bootstrap_servers": broker.bootstrap_servers,
            "registry_url": registry.url,
            "redis_url": own_redis.url,
        }
        started.append(MaterializerProcess(directory, log.plan, **{**known, **settings}))
        return started[-1]

    yield start
    for process in started:
        process.stop()


def write_rows(log: LogWriter, *numbers: int) -> None:
    with log.transaction():
        for number in numbers:
            log.row(number)
        log.heartbeat()


def test_a_redis_that_may_evict_is_refused_with_the_command_that_mends_it(own_redis: OwnRedis, start: Start) -> None:
    own_redis.client.config_set("maxmemory-policy", "allkeys-lru")
    process = start()
    assert process.exit_code() == 1
    assert "redis-cli CONFIG SET maxmemory-policy noeviction" in process.log.read_text()


def test_a_user_who_may_not_see_the_configuration_is_judged_by_what_info_says(own_redis: OwnRedis) -> None:
    own_redis.client.acl_setuser(
        "app", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@all"], commands=["-config"]
    )
    url = SecretStr(own_redis.url.replace("//", "//app:secret@"))
    with connect(url) as client:
        assert check_store(client) == []
        own_redis.client.config_set("maxmemory-policy", "volatile-ttl")
        with pytest.raises(OnlineStoreError, match="volatile-ttl"):
            check_store(client)


def test_a_redis_without_an_append_only_file_is_warned_of(own_redis: OwnRedis) -> None:
    own_redis.client.config_set("appendonly", "no")
    with connect(SecretStr(own_redis.url)) as client:
        (warning,) = check_store(client)
    assert "append-only" in warning


@contextmanager
def down(own_redis: OwnRedis) -> Iterator[str]:
    own_redis.kill()
    yield "refused"
    own_redis.start()


@contextmanager
def full(own_redis: OwnRedis) -> Iterator[str]:
    own_redis.client.config_set("maxmemory", "1mb")
    yield "raise maxmemory"
    own_redis.client.config_set("maxmemory", "0")


@contextmanager
def read_only(own_redis: OwnRedis) -> Iterator[str]:
    """Made a replica of a server that is not there; as such it keeps its values and refuses writes."""
    own_redis.client.replicaof("127.0.0.1", "1")
    yield "read only replica"
    own_redis.client.replicaof("NO", "ONE")


@contextmanager
def password_changed(own_redis: OwnRedis) -> Iterator[str]:
    own_redis.client.config_set("requirepass", "new")
    own_redis.client.client_kill_filter(_type="normal", skipme=True)
    yield "HEADWATER_REDIS_URL"
    own_redis.client.config_set("requirepass", "")


@contextmanager
def stopped(own_redis: OwnRedis) -> Iterator[str]:
    os.kill(own_redis.process.pid, signal.SIGSTOP)
    yield "Timeout"
    os.kill(own_redis.process.pid, signal.SIGCONT)


@pytest.mark.parametrize("trouble", [down, full, read_only, password_changed, stopped])
def test_trouble_with_redis_is_waited_out_said_once_and_loses_nothing(
    trouble: Callable[[OwnRedis], AbstractContextManager[str]], own_redis: OwnRedis, log: LogWriter, start: Start
) -> None:
    process = start()
    write_rows(log, 1, 2, 3)
    wait_until(lambda: online_rows(own_redis.client, log.plan) == log.expected())
    with trouble(own_redis) as said:
        write_rows(log, 2, 3, 4)
        wait_until(lambda: process.logged("online_store_unavailable"))
        assert process.metric("headwater_online_store_unavailable") == 1
        assert process.metric('headwater_condition{condition="online_store_unavailable"') == 1
        write_rows(log, 5)
    wait_until(lambda: online_rows(own_redis.client, log.plan) == log.expected(), 40)
    wait_until(lambda: process.metric("headwater_online_store_unavailable") == 0)
    assert process.metric('headwater_condition{condition="online_store_unavailable"') == 0
    told = process.logged("online_store_unavailable")
    assert any(said in line["error"] for line in told), told
    assert len(told) <= 3, "once for each kind of trouble"


def test_a_wrong_password_is_waited_out_without_being_told_to_the_log(own_redis: OwnRedis, start: Start) -> None:
    own_redis.client.config_set("requirepass", "right")
    process = start(redis_url=own_redis.url.replace("//", "//:wr0ng@"))
    wait_until(lambda: process.logged("online_store_unavailable"))
    assert "password" in process.logged("online_store_unavailable")[0]["error"]
    assert "wr0ng" not in process.log.read_text()
    process.process.ask_to_stop()
    assert process.exit_code() == 0, "also while it waits"


def test_tls_to_a_redis_without_it_is_waited_out_with_a_hint(own_redis: OwnRedis, start: Start) -> None:
    process = start(redis_url=own_redis.url.replace("redis://", "rediss://"))
    wait_until(lambda: process.logged("online_store_unavailable"))
    assert "TLS" in process.logged("online_store_unavailable")[0]["error"]


def test_a_log_that_ends_before_what_redis_has_stops_the_materializer(
    own_redis: OwnRedis, log: LogWriter, start: Start
) -> None:
    own_redis.client.set(keys_of(log.plan, 0).offset, 1_000)
    process = start()
    assert process.exit_code() == 1
    assert f"redis-cli DEL '{keys_of(log.plan, 0).offset.decode()}'" in process.log.read_text()


def test_a_log_that_starts_after_what_redis_has_is_read_from_its_start(
    own_redis: OwnRedis, log: LogWriter, start: Start
) -> None:
    write_rows(log, *range(20))
    log.delete_before({0: 5, 1: 5})
    for partition in range(2):
        own_redis.client.set(keys_of(log.plan, partition).offset, 2)
    process = start()
    wait_until(lambda: len(process.logged("log_starts_later")) == 2)
    write_rows(log, *range(20))
    wait_until(lambda: online_rows(own_redis.client, log.plan) == log.expected())


def test_a_missing_log_is_named_with_the_command_that_creates_it(
    broker: Broker, own_redis: OwnRedis, tmp_path: Path
) -> None:
    process = MaterializerProcess(
        tmp_path, make_plan(view="nowhere"), kafka_bootstrap_servers=broker.bootstrap_servers, redis_url=own_redis.url
    )
    assert process.exit_code() == 1
    assert "--create --topic nowhere_features_g1 --partitions 2" in process.log.read_text()


def test_a_zombie_that_comes_back_after_another_took_its_partitions_harms_nothing(
    own_redis: OwnRedis, log: LogWriter, start: Start
) -> None:
    short = '{"session.timeout.ms": "6000", "heartbeat.interval.ms": "500"}'
    zombie = start(instance="a", kafka_properties=short)
    write_rows(log, *range(50))
    wait_until(lambda: online_rows(own_redis.client, log.plan) == log.expected())
    os.kill(zombie.process.pid, signal.SIGSTOP)
    write_rows(log, *range(50))
    heir = start(instance="b", kafka_properties=short)
    wait_until(lambda: online_rows(own_redis.client, log.plan) == log.expected(), 40)
    os.kill(zombie.process.pid, signal.SIGCONT)
    write_rows(log, *range(25, 75))
    wait_until(lambda: online_rows(own_redis.client, log.plan) == log.expected(), 40)
    assert heir.process.exit_code is None


def test_a_broker_that_is_killed_and_restarted_is_waited_for(
    own_broker: tuple[Broker, RunningProcess], own_redis: OwnRedis, registry: FakeRegistry, tmp_path: Path
) -> None:
    server, process = own_broker
    log = LogWriter(server.bootstrap_servers, make_plan(view="broken"))
    materializer = MaterializerProcess(
        tmp_path,
        log.plan,
        kafka_bootstrap_servers=server.bootstrap_servers,
        registry_url=registry.url,
        redis_url=own_redis.url,
    )
    write_rows(log, 1, 2, 3)
    wait_until(lambda: online_rows(own_redis.client, log.plan) == log.expected())
    process.kill()
    restarted = RunningProcess.start(server.spec())
    try:
        restarted.wait_ready()
        write_rows(log, 2, 3, 4)
        wait_until(lambda: online_rows(own_redis.client, log.plan) == log.expected(), 60)
        assert materializer.process.exit_code is None
    finally:
        materializer.stop()
        restarted.stop()


def test_two_processes_of_one_instance_are_told_apart(log: LogWriter, start: Start) -> None:
    first = start()
    wait_until(first.is_reading)
    second = start()
    wait_until(second.is_reading)
    assert first.exit_code() == 1
    assert "HEADWATER_INSTANCE" in first.log.read_text()


def test_a_view_that_is_not_there_is_answered_with_those_that_are(own_redis: OwnRedis) -> None:
    own_redis.client.set("hw:view:shop", "{}")
    with OnlineReader(own_redis.url, "ship") as reader, pytest.raises(OnlineStoreError, match="'ship': it has shop"):
        reader.get(customer_id="c1")


def test_a_reader_says_that_redis_is_away(own_redis: OwnRedis) -> None:
    own_redis.kill()
    with OnlineReader(own_redis.url, "shop") as reader, pytest.raises(OnlineStoreError, match="cannot read"):
        reader.get(customer_id="c1")
