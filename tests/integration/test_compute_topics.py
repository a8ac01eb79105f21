"""What is found out about a view's topics before its job is submitted."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from confluent_kafka.cimpl import NewTopic

from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.topics import check_topics, check_transaction_timeout, create_output_topics
from headwater.schemas.errors import BrokerError, SettingsError, TopicError
from headwater.schemas.plan import Plan, SideTopic
from tests.feature_log_rows import make_plan
from tests.waiting import wait_until

UniqueName = Callable[[str], str]


@pytest.fixture
def admin(broker: Broker) -> AdminClient:
    return AdminClient({"bootstrap.servers": broker.bootstrap_servers})


@pytest.fixture
def plan(unique_name: UniqueName) -> Plan:
    view = unique_name("topics")
    made = make_plan(view=view)
    source = made.sources[0].model_copy(update={"topic": f"{view}.events"})
    dead, late = (SideTopic(topic=f"{view}_{name}", subject=f"{view}_{name}-value") for name in ("dead", "late"))
    return made.model_copy(update={"sources": (source,), "dead_letters": dead, "late": late})


def create(admin: AdminClient, topic: str, partitions: int, **config: str) -> None:
    for created in admin.create_topics([NewTopic(topic, partitions, config=config)]).values():
        created.result(20)


def topic_config(admin: AdminClient, topic: str) -> dict[str, str]:
    (described,) = admin.describe_configs([ConfigResource(ResourceType.TOPIC, topic)]).values()
    return {name: entry.value for name, entry in described.result(20).items()}


def test_a_missing_topic_is_named_with_the_command_that_creates_it(admin: AdminClient, plan: Plan) -> None:
    create_output_topics(admin, plan)
    with pytest.raises(TopicError, match=rf"create it: kafka-topics.sh .*--create --topic {plan.sources[0].topic}"):
        check_topics(admin, plan)


def test_the_views_own_topics_are_created_once_and_pass_the_check(admin: AdminClient, plan: Plan) -> None:
    create(admin, plan.sources[0].topic, 1)
    create_output_topics(admin, plan)
    create_output_topics(admin, plan)
    check_topics(admin, plan)


def test_a_log_with_other_partitions_than_the_plan_is_refused(admin: AdminClient, plan: Plan) -> None:
    create(admin, plan.sources[0].topic, 1)
    create(admin, plan.log.topic, plan.log.partitions + 1, **{"cleanup.policy": "compact"})
    create_output_topics(admin, plan)
    with pytest.raises(TopicError, match="raise the view's generation"):
        check_topics(admin, plan)


def test_a_log_that_is_not_compacted_is_refused(admin: AdminClient, plan: Plan) -> None:
    create(admin, plan.sources[0].topic, 1)
    create_output_topics(admin, plan)
    policy = ConfigEntry("cleanup.policy", "delete", incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, plan.log.topic, incremental_configs=[policy])
    for altered in admin.incremental_alter_configs([resource]).values():
        altered.result(20)
    wait_until(lambda: topic_config(admin, plan.log.topic)["cleanup.policy"] == "delete")  # brokers learn it later
    with pytest.raises(TopicError, match=r"add-config cleanup\.policy"):
        check_topics(admin, plan)


def test_a_transaction_timeout_above_the_brokers_limit_is_refused(admin: AdminClient) -> None:
    check_transaction_timeout(admin, 600_000)
    with pytest.raises(SettingsError, match="the broker allows"):
        check_transaction_timeout(admin, 10**9)


def test_a_broker_that_is_not_there_is_a_broker_error(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headwater.pipelines.topics.TIMEOUT_SECONDS", 1.0)
    with pytest.raises(BrokerError):
        check_topics(AdminClient({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}), plan)
