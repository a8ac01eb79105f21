"""The topics of the plans: there, kept for long enough, on enough brokers, and open to this user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient, ConfigResource, ResourceType

from headwater.pipelines.doctor.durability import copies
from headwater.pipelines.doctor.finding import Finding, fault, ok, warning
from headwater.pipelines.settings import Settings
from headwater.pipelines.topics import DAY_MS, TopicSpec, described, durability_of, output_topics, same_config
from headwater.schemas.errors import BrokerError, TopicError
from headwater.schemas.plan import Plan

TIMEOUT_SECONDS = 10.0

Copies = list[tuple[int, int]]
"""Of each partition: how many brokers should keep it, and how many of them are in sync."""


def topic_findings(settings: Settings, admin: AdminClient, plans: Sequence[Plan]) -> Iterator[Finding]:
    """What the topics of the plans are like, those that exist.

    Raises:
        BrokerError: the brokers cannot be reached any more.
    """
    reach_ms = {source.topic: plan.reach_ms for plan in plans for source in plan.sources}
    outputs = {spec.name: spec for plan in plans for spec in output_topics(plan, durability_of(settings))}
    there = _copies(admin, {*reach_ms, *outputs})
    for name in sorted(reach_ms.keys() - there.keys()):
        yield fault(
            f"topic {name}",
            "does not exist, and is read",
            f"have its producers create it: {TopicSpec(name, -1).command}",
        )
    for name in sorted(outputs.keys() - there.keys()):
        yield ok(f"topic {name}", "does not exist yet: `headwater apply`, or the compute job, will make it")
    names = sorted(there)
    if not names:
        return
    try:
        configs = dict(
            zip(names, described(admin, [ConfigResource(ResourceType.TOPIC, name) for name in names]), strict=True)
        )
    except TopicError as error:
        yield warning("topics' configuration", str(error), "allow this user DescribeConfigs on them")
        return
    for name in names:
        troubles = [
            *_copy_findings(name, there[name], configs[name]),
            *(source_findings(name, configs[name], reach_ms[name]) if name in reach_ms else ()),
            *(output_findings(outputs[name], len(there[name]), configs[name]) if name in outputs else ()),
            *_right_findings(admin, name, {AclOperation.READ} if name in reach_ms else {AclOperation.WRITE}),
        ]
        yield from troubles or [ok(f"topic {name}", "is as it should be")]


def source_findings(topic: str, config: Mapping[str, str], reach_ms: int | None) -> Iterator[Finding]:
    """What is unsafe about an event topic of a view that reaches so far back; None: for ever."""
    check = f"topic {topic}"
    if config["message.timestamp.type"] != "LogAppendTime":
        yield warning(
            check,
            "has its producers' timestamps: one whose clock is ahead can expire windows",
            f"kafka-configs.sh --bootstrap-server ... --alter --topic {topic}"
            " --add-config message.timestamp.type=LogAppendTime",
        )
    if "compact" in config["cleanup.policy"].split(","):
        yield warning(
            check,
            "is compacted: of events with one record key only the newest stays",
            "have its producers use keys that differ, or set cleanup.policy=delete",
        )
    retention_ms = int(config["retention.ms"])
    if 0 <= retention_ms < DAY_MS:
        yield warning(
            check,
            f"keeps events for {retention_ms / 3_600_000:.1f} h: a job that is away for longer misses some",
            "set retention.ms to the age of the oldest savepoint that may be restored, a day at least",
        )
    elif retention_ms >= 0 and (reach_ms is None or retention_ms < reach_ms):
        yield warning(
            check,
            f"keeps events for {retention_ms / DAY_MS:.1f} days, less than the view's windows reach back: what a new"
            " generation computes is incomplete until it has run for as long as they do",
            "set a longer retention.ms before the next change of the view",
        )


def output_findings(spec: TopicSpec, partitions: int, config: Mapping[str, str]) -> Iterator[Finding]:
    """How a topic of the view's own differs from what it should be."""
    check = f"topic {spec.name}"
    if partitions != spec.partitions:
        yield fault(
            check,
            f"has {partitions} partitions, but the plan says {spec.partitions}",
            "raise the view's generation, so that it gets a topic of its own",
        )
    for name, wanted in spec.config.items():
        found = config.get(name, "")
        if same_config({name: found}, {name: wanted}):
            continue
        loses = name == "cleanup.policy" and "compact" in wanted and "compact" not in found
        yield (fault if loses else warning)(
            check,
            f"{name} is {found}, not {wanted}" + (": rows are deleted that nothing else has" if loses else ""),
            f"`headwater plan` and `apply`, or: kafka-configs.sh --bootstrap-server ... --alter --topic {spec.name}"
            f" --add-config {name}=[{wanted}]",
        )


def _copies(admin: AdminClient, wanted: set[str]) -> dict[str, Copies]:
    try:
        known = admin.list_topics(timeout=TIMEOUT_SECONDS).topics
    except KafkaException as error:
        raise BrokerError(f"the Kafka broker cannot be reached any more: {error.args[0].str()}") from error
    return {
        name: [(len(each.replicas), len(each.isrs)) for each in known[name].partitions.values()]
        for name in wanted & known.keys()
    }


def _copy_findings(topic: str, partitions: Copies, config: Mapping[str, str]) -> Iterator[Finding]:
    check = f"topic {topic}"
    yield from copies(check, min(kept for kept, _ in partitions), int(config.get("min.insync.replicas", 1)))
    lagging = sum(in_sync < kept for kept, in_sync in partitions)
    if lagging:
        yield warning(check, f"{lagging} partitions have copies that are not in sync", "look at the brokers first")


def _right_findings(admin: AdminClient, topic: str, needed: set[AclOperation]) -> Iterator[Finding]:
    """What this user may not do there, as the brokers say; those without ACLs allow everything."""
    futures = admin.describe_topics(TopicCollection([topic]), include_authorized_operations=True)
    try:
        described_topic: Any = futures[topic].result(TIMEOUT_SECONDS)
    except KafkaException as error:
        yield warning(f"topic {topic}", f"cannot be described: {error.args[0].str()}", "allow this user Describe on it")
        return
    allowed = described_topic.authorized_operations
    missing = sorted(each.name for each in needed - set(allowed)) if allowed else []
    if missing:
        yield fault(f"topic {topic}", f"this user may not {', '.join(missing)}", "add an ACL for it")
