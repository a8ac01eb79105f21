"""What the doctor makes of what it is told; whether it asks rightly is tested in tests/integration/test_doctor.py."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import pytest

from headwater.pipelines.doctor.broker import ProtocolVersions, configuration_findings, release
from headwater.pipelines.doctor.cluster import configuration_findings as cluster_configuration_findings
from headwater.pipelines.doctor.cluster import jar_findings
from headwater.pipelines.doctor.durability import copies, setting_findings
from headwater.pipelines.doctor.examination import examine
from headwater.pipelines.doctor.finding import Finding, clock
from headwater.pipelines.doctor.online import state_findings
from headwater.pipelines.doctor.topics import source_findings
from headwater.pipelines.jars import JOB_PACKAGES
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.artifacts import pinned
from headwater.schemas.errors import SettingsError

DAY_MS = 86_400_000
SAFE_SOURCE = {
    "message.timestamp.type": "LogAppendTime",
    "cleanup.policy": "delete",
    "retention.ms": str(7 * DAY_MS),
}


def levels(found: Iterable[Finding]) -> list[tuple[str, str]]:
    found = list(found)
    assert all(bool(each.remedy) == (each.level != "ok") for each in found)
    return [(each.check, each.level) for each in found]


@pytest.mark.parametrize(
    ("ahead", "uncertain", "level"),
    [
        (0.3, 0.1, "ok"),
        (-0.9, 0.0, "ok"),
        (1.4, 0.5, "ok"),
        (1.4, 0.1, "warning"),
        (-29, 0, "warning"),
        (61, 1, "fault"),
    ],
)
def test_a_clock_is_judged_by_how_far_off_it_surely_is(ahead: float, uncertain: float, level: str) -> None:
    assert clock("it", ahead, uncertain).level == level


def test_the_brokers_release_is_told_from_the_requests_that_it_takes() -> None:
    versions = ProtocolVersions()
    versions.logger.log(logging.DEBUG, "[thrd:b] b:   ApiKey Fetch (1) Versions 4..17")
    versions.logger.log(logging.DEBUG, "[thrd:b] b:  Feature MsgVer2: Fetch (4..32767) supported by broker")
    assert versions.ranges == {1: (4, 17)}
    assert release(versions.ranges).level == "ok"
    assert release({1: (0, 17), 22: (0, 5)}).level == "warning"
    assert release({1: (0, 11), 22: (0, 1)}).level == "fault"
    assert release({}).level == "warning"


def test_brokers_that_may_lose_records_or_make_topics_by_themselves_are_warned_of() -> None:
    unsafe = {
        "unclean.leader.election.enable": "true",
        "auto.create.topics.enable": "true",
        "transaction.state.log.replication.factor": "1",
        "default.replication.factor": "1",
    }
    assert levels(configuration_findings(Settings(), [unsafe, unsafe])) == [
        ("unclean.leader.election.enable", "warning"),
        ("auto.create.topics.enable", "warning"),
        ("transaction.state.log.replication.factor", "warning"),
        ("default.replication.factor", "warning"),
    ]
    short = {"transaction.max.timeout.ms": "900000"}
    assert levels(configuration_findings(Settings(transaction_timeout_ms=900_001), [short])) == [
        ("transaction.max.timeout.ms", "fault")
    ]
    safe = {**unsafe, "unclean.leader.election.enable": "false", "auto.create.topics.enable": "false"}
    assert levels(configuration_findings(Settings(), [safe])) == []


@pytest.mark.parametrize(
    ("replication", "least", "count"), [(1, None, 1), (3, 2, 0), (3, 3, 1), (3, 1, 1), (2, 2, 1), (3, None, 0)]
)
def test_copies_must_survive_a_broker_and_not_need_all_of_them(replication: int, least: int | None, count: int) -> None:
    assert levels(copies("x", replication, least)) == [("x", "warning")] * count


def test_settings_that_no_topic_can_have_are_faults() -> None:
    assert levels(setting_findings(Settings(topic_replication=3), 2)) == [("HEADWATER_TOPIC_REPLICATION", "fault")]
    impossible = Settings(topic_replication=2, topic_min_insync_replicas=3)
    assert levels(setting_findings(impossible, 3)) == [("HEADWATER_TOPIC_MIN_INSYNC_REPLICAS", "fault")]
    assert levels(setting_findings(Settings(topic_replication=3, topic_min_insync_replicas=2), 3)) == []


@pytest.mark.parametrize(
    ("change", "reach_ms", "word"),
    [
        ({"message.timestamp.type": "CreateTime"}, DAY_MS, "LogAppendTime"),
        ({"cleanup.policy": "compact,delete"}, DAY_MS, "cleanup.policy"),
        ({"retention.ms": str(DAY_MS // 2)}, DAY_MS // 4, "retention.ms"),
        ({}, 8 * DAY_MS, "retention.ms"),
        ({}, None, "retention.ms"),
    ],
)
def test_each_trouble_of_an_event_topic_has_its_remedy(change: dict[str, str], reach_ms: int | None, word: str) -> None:
    (found,) = source_findings("t", {**SAFE_SOURCE, **change}, reach_ms)
    assert (found.level, word in found.remedy) == ("warning", True)


def test_an_event_topic_that_keeps_everything_is_good_enough_for_ever() -> None:
    assert list(source_findings("t", SAFE_SOURCE, DAY_MS)) == []
    assert list(source_findings("t", {**SAFE_SOURCE, "retention.ms": "-1"}, None)) == []


def test_a_redis_that_cannot_be_written_is_a_fault() -> None:
    assert levels(state_findings({"role": "master"})) == []
    assert levels(state_findings({"role": "slave"})) == [("role", "fault")]
    assert levels(state_findings({"role": "master", "cluster_enabled": 1})) == [("cluster mode", "fault")]
    assert levels(state_findings({"role": "master", "aof_last_write_status": "err"})) == [("persistence", "fault")]
    assert levels(state_findings({"role": "master", "maxmemory": 100, "used_memory": 90})) == [("memory", "warning")]


def test_a_cluster_may_have_the_jobs_jars_only_in_the_same_version_and_once() -> None:
    (connector,) = pinned("connector")
    once = {"classloader.parent-first-patterns.additional": ";".join(JOB_PACKAGES)}
    assert levels(jar_findings(["flink-dist.jar"], {})) == [("jars", "ok")]
    assert levels(jar_findings([connector.file_name], once)) == [("jars", "ok")]
    assert levels(jar_findings([connector.file_name], {})) == [("jars", "fault")]
    assert levels(jar_findings([f"{connector.name}-3.2.0-1.19.jar"], once)) == [("jars", "fault")]


def test_a_cluster_without_high_availability_or_metrics_is_warned_of() -> None:
    assert levels(cluster_configuration_findings({})) == [("high availability", "warning"), ("metrics", "warning")]
    good = {"high-availability.type": "zookeeper", "metrics.reporters": "prom"}
    assert levels(cluster_configuration_findings(good)) == []


def test_a_part_that_is_none_cannot_be_skipped() -> None:
    with pytest.raises(SettingsError, match="--skip kafak: there is no such part; there are kafka, registry"):
        list(examine(Settings(), [], ["kafak"]))
