"""What each component may do follows from the plan: what it needs and no more."""

from __future__ import annotations

import pytest

from headwater.pipelines.security import kafka_acls, redis_acls
from headwater.pipelines.security.grants import COMPONENTS, Component, KafkaGrant, grants_of, users_of
from headwater.pipelines.stack.enforcement import registry_roles
from tests.feature_log_rows import make_plan

PLAN = make_plan(view="clicks")
WRITERS: dict[str, set[Component]] = {
    "the event topic": {"producer", "letters"},
    "the log": {"compute"},
    "the dead letters": {"compute"},
}


@pytest.mark.parametrize(
    ("what", "topic"),
    [
        ("the event topic", PLAN.sources[0].topic),
        ("the log", PLAN.log.topic),
        ("the dead letters", PLAN.dead_letters.topic),
    ],
)
def test_only_those_write_to_a_topic_who_must(what: str, topic: str) -> None:
    writers = {
        component
        for component in COMPONENTS
        for grant in grants_of(PLAN, component).kafka
        if grant.kind == "topic" and grant.name == topic and "Write" in grant.operations
    }
    assert writers == WRITERS[what]


def test_only_the_materializer_writes_to_redis_and_only_readers_beside_it_read() -> None:
    redis = {component: grants_of(PLAN, component).redis for component in COMPONENTS}
    assert {component for component, grant in redis.items() if grant} == {"materialize", "watch", "reader"}
    writing = {component: grant for component, grant in redis.items() if grant and "set" in grant.commands}
    assert set(writing) == {"materialize", "watch"}
    assert all(key.startswith("hw:watch:") for key in writing["watch"].keys)  # all else it may only read


def test_no_grant_is_of_another_view() -> None:
    for component in COMPONENTS:
        for grant in grants_of(PLAN, component).kafka:
            everyones = grant.name.startswith(("headwater_plans", "headwater-dead-letters-", "headwater-watch-"))
            assert everyones or grant.name == "headwater-plan-" or "clicks" in grant.name or grant.kind == "topic", (
                grant
            )


def test_nobody_may_delete_or_alter_the_cluster() -> None:
    operations = {each for c in COMPONENTS for grant in grants_of(PLAN, c).kafka for each in grant.operations}
    assert operations == {"Read", "Write", "Describe", "Create", "AlterConfigs", "DescribeConfigs"}


def test_a_user_of_several_components_and_views_has_all_of_their_grants_once() -> None:
    users = users_of([PLAN, make_plan(view="others")], "one")
    (grants,) = users.values()
    kafka = kafka_acls.kafka_grants(grants)
    assert len({(grant.kind, grant.name, grant.is_prefix) for grant in kafka}) == len(kafka)
    assert len(users_of([PLAN], "{component}.{view}")) == len(COMPONENTS)
    assert {"~hw:{clicks.g*", "~hw:{others.g*"} <= set(redis_acls.rules(grants) or ())


def test_grants_are_printed_as_commands_of_kafka_and_redis() -> None:
    compute, reader = grants_of(PLAN, "compute"), grants_of(PLAN, "reader")
    assert (
        "kafka-acls.sh --bootstrap-server ... --add --allow-principal User:ann --operation Describe --operation Write"
        " --resource-pattern-type prefixed --transactional-id headwater-clicks-g1-"
    ) in kafka_acls.commands("ann", [compute])
    assert redis_acls.command("ann", [reader]) == (
        "ACL SETUSER ann on #SHA256-OF-PASSWORD resetkeys resetchannels clearselectors -@all ~hw:{clicks.g*"
        " ~hw:view:clicks ~hw:schema:* +auth +hello +ping +select +get +mget"
    )
    assert redis_acls.command("ann", [compute]) is None


def test_a_grant_is_one_acl_for_each_operation() -> None:
    acls = kafka_acls.bindings("ann", grants_of(PLAN, "producer").kafka)
    topic = PLAN.sources[0].topic
    assert [kafka_acls.described(acl) for acl in acls] == [
        f"User:ann {each} topic {topic}" for each in ("DESCRIBE", "WRITE")
    ]
    assert kafka_acls.kafka_grants([grants_of(PLAN, "producer")]) == (
        KafkaGrant("topic", topic, ("Describe", "Write")),
    )


def test_what_is_lacking_and_what_is_held_are_told_by_resource_and_operation() -> None:
    grants = kafka_acls.kafka_grants([grants_of(PLAN, "producer")])
    (describe, _) = kafka_acls.bindings("ann", grants)
    assert kafka_acls.lacking("ann", grants, {describe}) == (grants[0]._replace(operations=("Write",)),)
    assert kafka_acls.among("ann", grants, {describe}) == (grants[0]._replace(operations=("Describe",)),)
    assert kafka_acls.lacking("ann", grants, set(kafka_acls.bindings("ann", grants))) == ()
    assert kafka_acls.lacking("bob", grants, set(kafka_acls.bindings("ann", grants))) == grants


def test_in_the_registry_only_those_write_who_register() -> None:
    roles = registry_roles(users_of([PLAN], "{component}"))
    assert {user for user, role in roles.items() if role == "write"} == {"compute", "producer", "letters", "apply"}
    assert "reader" not in roles
