"""`headwater doctor` on real servers: well ones, and each with a fault of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from confluent_kafka.cimpl import NewTopic

from headwater.pipelines.doctor.examination import examine
from headwater.pipelines.registry import Registry as RegistryCalls
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.flink import FlinkCluster
from headwater.pipelines.stack.ports import free_ports
from headwater.pipelines.stack.process import running
from headwater.pipelines.stack.redis import RedisServer
from headwater.pipelines.stack.registry import Registry
from tests.integration.compute_lab import ComputeLab, make_lab
from tests.integration.object_store import object_store

UniqueName = Callable[[str], str]
Findings = dict[tuple[str, str], tuple[str, str]]
"""Level and remedy, by part and check."""


@pytest.fixture
def lab(broker: Broker, registry: Registry, flink: FlinkCluster, tmp_path: Path, unique_name: UniqueName) -> ComputeLab:
    return make_lab(broker, registry, flink, tmp_path, unique_name("purchases"))


def test_a_sound_environment_has_no_fault_and_nothing_is_left_in_it(lab: ComputeLab, redis_server: RedisServer) -> None:
    admin = AdminClient({"bootstrap.servers": lab.broker.bootstrap_servers})
    topics = set(admin.list_topics(timeout=10).topics)
    found = doctor(lab, redis_url=redis_server.url)
    assert [check for check, (level, _) in found.items() if level == "fault"] == []
    for check in [
        *(("kafka", each) for each in ("version", "transactions", "clock", "create topics")),
        *(("redis", each) for each in ("settings", "rights", "clock")),
        *(("offline", each) for each in ("write", "conditional write")),
        *(("flink", each) for each in ("version", "java", "jars")),
        *(("registry", "clock"), ("checkpoints", "write"), ("machine", "kernel")),
    ]:
        assert found[check][0] == "ok", check
    assert set(admin.list_topics(timeout=10).topics) - {"__transaction_state"} == topics - {"__transaction_state"}
    assert not list(redis.Redis.from_url(redis_server.url).scan_iter("*headwater-doctor*"))
    assert not list((lab.directory / "offline").iterdir())
    assert not list((lab.directory / "checkpoints").iterdir())


def test_topics_that_lose_rows_are_told_with_the_command_that_mends_them(lab: ComputeLab) -> None:
    admin = AdminClient({"bootstrap.servers": lab.broker.bootstrap_servers})
    wrong = NewTopic(lab.plan.log.topic, 2, 1, config={"cleanup.policy": "delete"})
    admin.create_topics([wrong])[lab.plan.log.topic].result(20)
    entry = ConfigEntry("message.timestamp.type", "CreateTime", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, lab.topic, incremental_configs=[entry])
    next(iter(admin.incremental_alter_configs([resource]).values())).result(20)

    found = doctor(lab, only="kafka", transaction_timeout_ms=10_000_000)
    level, remedy = found["kafka", f"topic {lab.plan.log.topic}"]
    assert level == "fault"
    assert "--add-config cleanup.policy=[compact" in remedy
    assert "LogAppendTime" in found["kafka", f"topic {lab.topic}"][1]
    assert found["kafka", "transaction.max.timeout.ms"][0] == "fault"
    assert found["kafka", "transactions"] == (
        "fault",
        "lower HEADWATER_TRANSACTION_TIMEOUT_MS, or raise the broker's transaction.max.timeout.ms",
    )


def test_a_broker_that_is_not_there_is_one_fault_and_keeps_nothing_else_from_being_looked_at(lab: ComputeLab) -> None:
    (port,) = free_ports(1)
    settings = {"kafka_bootstrap_servers": f"127.0.0.1:{port}"}
    found = doctor(lab, skip=("redis", "offline", "flink"), **settings)
    assert [check for check, (level, _) in found.items() if level == "fault"] == [("kafka", "reached")]
    assert found["registry", "reached"][0] == found["checkpoints", "write"][0] == "ok"


def test_a_log_of_other_rows_is_a_contradiction(lab: ComputeLab) -> None:
    other = {"type": "record", "name": "Other", "fields": [{"name": "a", "type": "string"}]}
    RegistryCalls(Settings(registry_url=lab.registry.url)).register(lab.plan.log.subject, other)
    found = doctor(lab, only="registry")
    assert found["registry", f"subject {lab.plan.log.subject}"][0] == "fault"
    assert "generation" in found["registry", f"subject {lab.plan.log.subject}"][1]


def test_a_redis_that_evicts_or_forbids_scripts_is_a_fault(lab: ComputeLab, tmp_path: Path) -> None:
    with private_redis(tmp_path) as server:
        client = redis.Redis.from_url(server.url)
        client.config_set("maxmemory-policy", "allkeys-lru")
        client.execute_command(*MATERIALIZER.format(view=lab.plan.view).split())
        assert (
            doctor(lab, only="redis", redis_url=server.url.replace("://", "://least:secret@"))["redis", "rights"][0]
            == "ok"
        )
        client.acl_setuser(
            "reader", enabled=True, passwords=["+secret"], keys=["hw:*"], categories=["+@read"], commands=["+info"]
        )
        found = doctor(lab, only="redis", redis_url=server.url)
        assert found["redis", "settings"][0] == "fault"
        assert "CONFIG SET maxmemory-policy noeviction" in found["redis", "settings"][1]
        client.config_set("maxmemory-policy", "noeviction")
        found = doctor(lab, only="redis", redis_url=server.url.replace("://", "://reader:secret@"))
        assert found["redis", "rights"][0] == "fault"
        assert "+@scripting" in found["redis", "rights"][1]
        found = doctor(lab, only="redis", redis_url=server.url.replace("://", "://reader:wrong@"))
        assert found["redis", "reached"][0] == "fault"


@pytest.mark.parametrize("honest", [True, False])
def test_a_store_that_lets_a_second_writer_win_is_a_fault(lab: ComputeLab, honest: bool) -> None:
    with object_store(ignores_conditions=not honest) as store:
        known = store.settings().model_dump(include={"offline_root", "store_endpoint_url", "store_region"})
        keys = {"store_access_key_id": "test-key", "store_secret_access_key": "test-secret"}
        found = doctor(lab, only="offline", **known, **keys)
        assert found["offline", "write"][0] == "ok"
        assert found["offline", "conditional write"][0] == ("ok" if honest else "fault")
        found = doctor(lab, only="offline", **{**known, "offline_root": "s3://nowhere/x"}, **keys)
        assert found["offline", "write"] == ("fault", "make the bucket, or correct its name and region")


def test_people_get_a_table_scripts_json_and_both_an_exit_code(lab: ComputeLab) -> None:
    well = run(lab)
    assert (well.returncode, "0 faults" in well.stdout, "kernel" in well.stdout) == (0, True, True)
    (port,) = free_ports(1)
    ill = run(lab, "--json", registry_url=f"http://127.0.0.1:{port}")
    assert ill.returncode == 1
    (fault,) = (each for each in json.loads(ill.stdout) if each["level"] == "fault")
    assert (fault["part"], fault["check"]) == ("registry", "reached")
    assert fault["remedy"]


# The least that the materializer of a view can do with.
MATERIALIZER = (
    "ACL SETUSER least on >secret ~hw:{{{view}.g* ~hw:view:{view} ~hw:schema:* -@all +info +ping +get +mget +exists"
    " +set +getrange +eval +evalsha +watch +unwatch +multi +exec"
)

PARTS = ("kafka", "registry", "redis", "offline", "checkpoints", "flink", "machine")


def doctor(lab: ComputeLab, *, only: str = "", skip: tuple[str, ...] = (), **settings: object) -> Findings:
    """What it finds; of several findings for one check, the worst."""
    left_out = tuple(part for part in PARTS if only and part != only) or skip
    given = Settings(**{**surroundings(lab), **settings})  # type: ignore[arg-type]
    order = ("ok", "warning", "fault")
    found: Findings = {}
    for part, each in sorted(examine(given, [lab.plan], left_out), key=lambda each: order.index(each.finding.level)):
        found[part, each.check] = (each.level, each.remedy)
    return found


def surroundings(lab: ComputeLab) -> dict[str, str]:
    """The settings by which the lab's servers are found."""
    return {
        "kafka_bootstrap_servers": lab.broker.bootstrap_servers,
        "registry_url": lab.registry.url,
        "flink_rest_url": lab.flink.rest_url,
        "offline_root": str(lab.directory / "offline"),
        "checkpoint_dir": str(lab.directory / "checkpoints"),
    }


def run(lab: ComputeLab, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """The command, but for what takes long and is tested above."""
    plan = lab.directory / "view.plan.json"
    plan.write_text(lab.plan.canonical_json())
    environment = {f"HEADWATER_{name.upper()}": value for name, value in {**surroundings(lab), **settings}.items()}
    skipped = (word for part in PARTS if part not in {"registry", "machine"} for word in ("--skip", part))
    return subprocess.run(
        (sys.executable, "-m", "headwater.pipelines.cli", "doctor", "--plan", plan, *skipped, *options),
        env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )


@contextmanager
def private_redis(directory: Path) -> Iterator[RedisServer]:
    (port,) = free_ports(1)
    server = RedisServer(directory=directory / "redis", log=directory / "redis.log", port=port)
    server.prepare()
    with running(server.spec()):
        yield server
