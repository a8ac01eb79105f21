"""Least privilege: what each component of a view does in Kafka, Redis and the registry, from its plan, and no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from headwater.pipelines.deployment import job_name
from headwater.pipelines.security.names import NAMES
from headwater.schemas.plan import Plan

Component = Literal["compute", "materialize", "archive", "watch", "reader", "producer", "letters", "apply"]
COMPONENTS: tuple[Component, ...] = (
    "compute",
    "materialize",
    "archive",
    "watch",
    "reader",
    "producer",
    "letters",
    "apply",
)
"""`letters` is `headwater dead-letters`, `apply` is `headwater plan` and `apply`; readers and producers are yours."""

PLANS_TOPIC = "headwater_plans"

ResourceKind = Literal["topic", "group", "transactional id"]
Operation = Literal["Read", "Write", "Describe", "Create", "AlterConfigs", "DescribeConfigs"]

_READ: tuple[Operation, ...] = ("Describe", "Read")
_WRITE: tuple[Operation, ...] = ("Describe", "Write")

# What a client says about its library, CLIENT SETINFO, it may leave out; Redis 7.0 does not know it.
_CONNECTED = ("auth", "hello", "ping", "select")
_REDIS_READ = (*_CONNECTED, "get", "mget")
# The fence's script calls them too: Redis checks what a script does as if its caller did it.
_REDIS_WRITE = (
    *_REDIS_READ,
    *("exists", "set", "getrange", "eval", "evalsha", "watch", "unwatch", "multi", "exec", "info"),
)


class KafkaGrant(NamedTuple):
    """Operations on a resource, or on all whose names begin with `name`."""

    kind: ResourceKind
    name: str
    operations: tuple[Operation, ...]
    is_prefix: bool = False


class RedisGrant(NamedTuple):
    """Commands, on keys of these patterns alone; some keys may only be read."""

    keys: tuple[str, ...]
    commands: tuple[str, ...]
    read_only: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Grants:
    """What a component needs; `registry` is the least role there that serves it."""

    component: Component
    kafka: tuple[KafkaGrant, ...] = ()
    redis: RedisGrant | None = None
    registry: Literal["none", "read", "write"] = "none"


def grants_of(plan: Plan, component: Component) -> Grants:
    """What the component of this view needs."""
    return _GRANTS[component](plan)


def users_of(plans: Iterable[Plan], names: str = NAMES) -> dict[str, tuple[Grants, ...]]:
    """What each user needs, who may serve several components and views: `names` has {component} and {view}, or not."""
    users: dict[str, tuple[Grants, ...]] = {}
    for plan in plans:
        for component in COMPONENTS:
            user = names.format(component=component, view=plan.view)
            users[user] = (*users.get(user, ()), grants_of(plan, component))
    return users


def _compute(plan: Plan) -> Grants:
    name = job_name(plan)
    return Grants(
        "compute",
        (
            *(KafkaGrant("topic", source.topic, (*_READ, "DescribeConfigs")) for source in plan.sources),
            # Reading them is what Kafka asks of whoever wants to know of transactions that a dead job left open there.
            *(
                KafkaGrant("topic", topic, (*_READ, "Write", "DescribeConfigs"))
                for topic in (plan.log.topic, plan.dead_letters.topic, plan.late.topic)
            ),
            KafkaGrant("group", name, _READ),
            KafkaGrant("transactional id", f"{name}-", _WRITE, is_prefix=True),
            *_noting(plan),
        ),
        registry="write",
    )


def _materialize(plan: Plan) -> Grants:
    group = f"headwater-{plan.view}-g{plan.generation}-materialize"
    return Grants(
        "materialize",
        (KafkaGrant("topic", plan.log.topic, _READ), KafkaGrant("group", group, _READ)),
        RedisGrant(_keys(plan), _REDIS_WRITE),
        "read",
    )


def _archive(plan: Plan) -> Grants:
    group = f"headwater-{plan.view}-g{plan.generation}-archive"
    return Grants(
        "archive",
        (KafkaGrant("topic", plan.log.topic, _READ), KafkaGrant("group", group, ("Describe",))),
        registry="read",
    )


def _watch(plan: Plan) -> Grants:
    topics = [source.topic for source in plan.sources]
    probed = topics if plan.probe is not None else []
    return Grants(
        "watch",
        (
            *(KafkaGrant("topic", topic, (*_READ, "DescribeConfigs")) for topic in topics),
            *(KafkaGrant("topic", topic, _WRITE) for topic in probed),
            KafkaGrant("group", "headwater-watch-", ("Describe",), is_prefix=True),
        ),
        RedisGrant((f"hw:watch:{plan.view}.g*",), (*_REDIS_READ, "scan", "set"), read_only=_keys(plan)),
        "read",
    )


def _reader(plan: Plan) -> Grants:
    return Grants("reader", redis=RedisGrant(_keys(plan), _REDIS_READ))


def _producer(plan: Plan) -> Grants:
    return Grants(
        "producer", tuple(KafkaGrant("topic", source.topic, _WRITE) for source in plan.sources), None, "write"
    )


def _letters(plan: Plan) -> Grants:
    letters = plan.dead_letters.topic
    return Grants(
        "letters",
        (
            KafkaGrant("topic", letters, _READ),
            KafkaGrant("topic", plan.late.topic, _READ),
            KafkaGrant("topic", f"{letters}_handled", (*_READ, "Write", "Create")),
            *(KafkaGrant("topic", source.topic, (*_READ, "Write")) for source in plan.sources),
            KafkaGrant("group", "headwater-dead-letters-", ("Describe",), is_prefix=True),
            KafkaGrant("transactional id", f"headwater-{letters}-handling", _WRITE),
        ),
        registry="write",
    )


def _apply(plan: Plan) -> Grants:
    outputs = (plan.log.topic, plan.dead_letters.topic, plan.late.topic)
    seen: tuple[Operation, ...] = ("Describe", "DescribeConfigs")
    return Grants(
        "apply",
        (
            *(KafkaGrant("topic", source.topic, seen) for source in plan.sources),
            *(
                KafkaGrant("topic", topic, ("Describe", "DescribeConfigs", "Create", "AlterConfigs"))
                for topic in outputs
            ),
            KafkaGrant("topic", PLANS_TOPIC, ("Create", "DescribeConfigs")),
            KafkaGrant("group", "headwater-plan-", ("Describe",), is_prefix=True),
            *_noting(plan),
        ),
        registry="write",
    )


def _noting(plan: Plan) -> tuple[KafkaGrant, ...]:
    """Of whoever records a plan as deployed."""
    return (
        KafkaGrant("topic", PLANS_TOPIC, (*_READ, "Write")),
        KafkaGrant("group", "headwater-dead-letters-", ("Describe",), is_prefix=True),
        KafkaGrant("transactional id", f"headwater-plans-{plan.view}", _WRITE),
    )


def _keys(plan: Plan) -> tuple[str, ...]:
    """All generations of the view: a reader goes from one to the next by itself."""
    return (f"hw:{{{plan.view}.g*", f"hw:view:{plan.view}", "hw:schema:*")


_GRANTS: dict[Component, Callable[[Plan], Grants]] = {
    "compute": _compute,
    "materialize": _materialize,
    "archive": _archive,
    "watch": _watch,
    "reader": _reader,
    "producer": _producer,
    "letters": _letters,
    "apply": _apply,
}
