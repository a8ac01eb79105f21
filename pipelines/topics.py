"""The topics that a view reads and writes: made, where they are Headwater's own, and checked before a job uses them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType
from confluent_kafka.cimpl import NewTopic

from headwater.pipelines.security.kafka_trouble import told
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import BrokerError, SettingsError, TopicError
from headwater.schemas.plan import Plan

DAY_MS = 86_400_000
ARCHIVE_OUTAGE_MS = 7 * DAY_MS
"""For so long the archive may be away before the log forgets rows that it has not read."""

DEAD_LETTER_RETENTION_MS = 14 * DAY_MS
MAX_RECORD_BYTES = 8 * 1024 * 1024
TIMEOUT_SECONDS = 30.0
SETTLE_SECONDS = 3.0
SETTLE_POLL_SECONDS = 0.1
BROKER_TIMEOUT_SECONDS = 10.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Durability:
    """How many brokers keep a record, and how many must have it before it counts; -1 and None: as the brokers say."""

    replication: int = -1
    min_insync_replicas: int | None = None

    @property
    def config(self) -> dict[str, str]:
        """What of it is a topic's configuration."""
        least = self.min_insync_replicas
        return {} if least is None else {"min.insync.replicas": str(least)}


BROKERS_OWN = Durability()


def durability_of(settings: Settings) -> Durability:
    """What the settings say."""
    return Durability(settings.topic_replication, settings.topic_min_insync_replicas)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """A topic as it should be; a replication of -1 is the brokers' default."""

    name: str
    partitions: int
    config: Mapping[str, str] = field(default_factory=dict)
    replication: int = -1

    @property
    def command(self) -> str:
        """The command that creates it."""
        config = "".join(f" --config {name}={value}" for name, value in self.config.items())
        partitions = f" --partitions {self.partitions}" if self.partitions > 0 else ""
        copies = f" --replication-factor {self.replication}" if self.replication > 0 else ""
        return f"kafka-topics.sh --bootstrap-server ... --create --topic {self.name}{partitions}{copies}{config}"


def output_topics(plan: Plan, durability: Durability = BROKERS_OWN) -> tuple[TopicSpec, ...]:
    """The feature log, the dead letters and the late events of a view.

    The log keeps a row at least until nothing can change its values any more and its time to live is over, and until an
    archive that was away for a week has read it. Where something may matter for ever, the newest row of a key stays.
    """
    log_config = {
        **_forgetting(plan),
        "min.compaction.lag.ms": str(ARCHIVE_OUTAGE_MS),
        "message.timestamp.type": "CreateTime",
        "max.message.bytes": str(MAX_RECORD_BYTES),
        **durability.config,
    }
    side_config = {
        "cleanup.policy": "delete",
        "retention.ms": str(DEAD_LETTER_RETENTION_MS),
        **durability.config,
    }
    return (
        TopicSpec(plan.log.topic, plan.log.partitions, log_config, durability.replication),
        TopicSpec(plan.dead_letters.topic, 1, side_config, durability.replication),
        TopicSpec(plan.late.topic, 1, side_config, durability.replication),
    )


def _forgetting(plan: Plan) -> dict[str, str]:
    if plan.reach_ms is None:
        return {"cleanup.policy": "compact"}
    log_ms = max(plan.reach_ms + plan.time_to_live_ms, ARCHIVE_OUTAGE_MS)
    return {"cleanup.policy": "compact,delete", "retention.ms": str(log_ms)}


def create_output_topics(admin: AdminClient, plan: Plan, durability: Durability = BROKERS_OWN) -> None:
    """Creates those of the view's own topics that do not exist; what is there stays as it is.

    Raises:
        TopicError: the broker refused to create one; with the command that someone else may run.
        BrokerError: the broker cannot be reached.
    """
    create_topics(admin, output_topics(plan, durability))


def create_topics(admin: AdminClient, specs: Iterable[TopicSpec]) -> None:
    """Creates those of the topics that do not exist; what is there stays as it is.

    Raises:
        TopicError: the broker refused to create one; with the command that someone else may run.
        BrokerError: the broker cannot be reached.
    """
    by_name = {spec.name: spec for spec in specs}
    missing = [spec for name, spec in by_name.items() if name not in _partitions(admin, by_name)]
    if not missing:
        return
    wanted = [NewTopic(spec.name, spec.partitions, spec.replication, config=dict(spec.config)) for spec in missing]
    for name, created in admin.create_topics(wanted, operation_timeout=TIMEOUT_SECONDS).items():
        try:
            created.result(TIMEOUT_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise TopicError(
                    f"cannot create {name}: {told(error.args[0])}; run: {by_name[name].command}"
                ) from error
        else:
            _log.info("topic_created", topic=name)


def check_topics(admin: AdminClient, plan: Plan) -> None:
    """Returns if every topic of the plan exists and would not lose data.

    Raises:
        TopicError: one is missing, with the command that creates it; or the log has another number of partitions than
            the plan, or is not compacted.
        BrokerError: the broker cannot be reached.
    """
    sources = [TopicSpec(source.topic, -1) for source in plan.sources]
    specs = [*sources, *output_topics(plan)]
    partitions = _settled_partitions(admin, {spec.name for spec in specs})
    for spec in specs:
        if spec.name not in partitions:
            raise TopicError(_missing(admin, spec))
    if partitions[plan.log.topic] != plan.log.partitions:
        raise TopicError(_wrong_partitions(plan, partitions[plan.log.topic]))
    configs = _topic_configs(admin, partitions)
    if "compact" not in configs[plan.log.topic]["cleanup.policy"].split(","):
        raise TopicError(
            f"the feature log {plan.log.topic} would be deleted after its retention, not compacted; run: "
            f"kafka-configs.sh --bootstrap-server ... --alter --topic {plan.log.topic} "
            "--add-config cleanup.policy=[compact,delete]"
        )
    for source in sources:
        if configs[source.name]["message.timestamp.type"] != "LogAppendTime":
            _log.warning(
                "topic_has_producer_timestamps",
                topic=source.name,
                consequence="a producer whose clock is ahead can expire windows",
                remedy="set message.timestamp.type=LogAppendTime",
            )


def require_log(consumer: Consumer, plan: Plan) -> None:
    """Returns if the feature log exists with as many partitions as the plan says.

    Raises:
        TopicError: it does not; the message has the command that creates it.
        KafkaException: the broker cannot be reached.
    """
    log, *_ = output_topics(plan)
    topic = consumer.list_topics(log.name, BROKER_TIMEOUT_SECONDS).topics[log.name]
    if topic.error is not None and topic.error.code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
        raise KafkaException(topic.error)
    if topic.error is not None:
        raise TopicError(
            f"the feature log {log.name} does not exist: start the view's compute job, which creates it,"
            f" or run: {log.command}"
        )
    if len(topic.partitions) != log.partitions:
        raise TopicError(_wrong_partitions(plan, len(topic.partitions)))


def found_topics(admin: AdminClient, specs: Iterable[TopicSpec]) -> dict[str, TopicSpec]:
    """Those of the topics that exist, as they are: partitions, and the values of the configuration that is wanted.

    Raises:
        BrokerError: the broker cannot be reached.
        TopicError: the broker does not show their configuration.
    """
    by_name = {spec.name: spec for spec in specs}
    partitions = _partitions(admin, by_name)
    configs = _topic_configs(admin, partitions) if partitions else {}
    return {
        name: TopicSpec(name, count, {key: configs[name].get(key, "") for key in by_name[name].config})
        for name, count in partitions.items()
    }


def same_config(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Whether two configurations say the same: lists in them may come in any order."""
    return {name: sorted(value.split(",")) for name, value in one.items()} == {
        name: sorted(value.split(",")) for name, value in other.items()
    }


def check_transaction_timeout(admin: AdminClient, transaction_timeout_ms: int) -> None:
    """Returns if the brokers allow transactions to stay open for so long, or do not tell.

    Raises:
        SettingsError: they do not.
        BrokerError: the broker cannot be reached.
    """
    try:
        (config,) = described(admin, [ConfigResource(ResourceType.BROKER, str(brokers_of(admin)[0]))])
    except TopicError as error:
        _log.info("broker_limits_unknown", error=str(error))
        return
    limit_ms = config.get("transaction.max.timeout.ms")
    if limit_ms is not None and transaction_timeout_ms > int(limit_ms):
        raise SettingsError(
            f"HEADWATER_TRANSACTION_TIMEOUT_MS is {transaction_timeout_ms}, but the broker allows {limit_ms}: "
            "lower it, or raise the broker's transaction.max.timeout.ms"
        )


def brokers_of(admin: AdminClient, timeout_seconds: float = TIMEOUT_SECONDS) -> list[int]:
    """The ids of the brokers that are up.

    Raises:
        BrokerError: none can be reached.
    """
    try:
        return sorted(admin.list_topics(timeout=timeout_seconds).brokers)
    except KafkaException as error:
        raise _unreachable(error, admin) from error


def described(admin: AdminClient, resources: list[ConfigResource]) -> list[dict[str, str]]:
    """The configuration of each of these topics or brokers.

    Raises:
        TopicError: the broker does not show it.
    """
    futures: dict[ConfigResource, Future[dict[str, object]]] = admin.describe_configs(resources)
    by_name = {resource.name: future for resource, future in futures.items()}
    try:
        found = [by_name[resource.name].result(TIMEOUT_SECONDS) for resource in resources]
    except KafkaException as error:
        raise TopicError(f"the broker does not show its configuration: {told(error.args[0])}") from error
    return [{name: str(getattr(entry, "value", "")) for name, entry in each.items()} for each in found]


def _partitions(admin: AdminClient, names: Iterable[str]) -> dict[str, int]:
    """The number of partitions of those topics that exist."""
    try:
        known = admin.list_topics(timeout=TIMEOUT_SECONDS).topics
    except KafkaException as error:
        raise _unreachable(error, admin) from error
    return {name: len(known[name].partitions) for name in names if name in known}


def _settled_partitions(admin: AdminClient, names: set[str]) -> dict[str, int]:
    """As `_partitions`; a topic that was created a moment ago may take a moment to be known to every broker."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        found = _partitions(admin, names)
        if found.keys() == names or time.monotonic() > deadline:
            return found
        time.sleep(SETTLE_POLL_SECONDS)


def _topic_configs(admin: AdminClient, names: Iterable[str]) -> dict[str, dict[str, str]]:
    names = list(names)
    resources = [ConfigResource(ResourceType.TOPIC, name) for name in names]
    return dict(zip(names, described(admin, resources), strict=True))


def _missing(admin: AdminClient, spec: TopicSpec) -> str:
    """Why a topic is not listed: those that a user may not see are left out."""
    error = admin.list_topics(spec.name, timeout=TIMEOUT_SECONDS).topics[spec.name].error
    if error is not None and error.code() == KafkaError.TOPIC_AUTHORIZATION_FAILED:
        return f"the topic {spec.name} cannot be seen: {told(error)}"
    return f"the topic {spec.name} does not exist; create it: {spec.command}"


def _wrong_partitions(plan: Plan, found: int) -> str:
    return (
        f"the feature log {plan.log.topic} has {found} partitions, but the plan says {plan.log.partitions}:"
        " raise the view's generation, so that it gets a log of its own"
    )


def _unreachable(error: KafkaException, admin: AdminClient) -> BrokerError:
    return BrokerError(f"the Kafka broker cannot be reached: {told(error.args[0], admin)}")
