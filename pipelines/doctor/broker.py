"""Kafka's brokers: reached, new enough, and set up for transactions and for copies that survive a machine."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence

from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from headwater.pipelines.doctor.durability import LEAST_COPIES, copies, setting_findings
from headwater.pipelines.doctor.finding import Finding, fault, ok, warning
from headwater.pipelines.doctor.topics import topic_findings
from headwater.pipelines.doctor.trial_transaction import trial_findings
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.topics import brokers_of, described
from headwater.schemas.errors import TopicError
from headwater.schemas.plan import Plan

TIMEOUT_SECONDS = 10.0
TRANSACTION_LIMIT = "transaction.max.timeout.ms"
FETCH, INIT_PRODUCER_ID = 1, 22
_API = re.compile(r"ApiKey .*\((\d+)\) Versions (\d+)\.\.(\d+)")


def broker_findings(settings: Settings, plans: Sequence[Plan]) -> Iterator[Finding]:
    """All that there is to say of the brokers, and of the topics of the plans.

    Raises:
        BrokerError: they cannot be reached.
    """
    versions = ProtocolVersions()
    admin = AdminClient({**client_properties(settings), "debug": "feature"}, logger=versions.logger)
    brokers = brokers_of(admin, TIMEOUT_SECONDS)
    admin.poll(0)
    yield ok("reached", f"{len(brokers)} broker{'s' if len(brokers) > 1 else ''} at {settings.kafka_bootstrap_servers}")
    yield release(versions.ranges)
    yield from setting_findings(settings, len(brokers))
    try:
        configs = described(admin, [ConfigResource(ResourceType.BROKER, str(broker)) for broker in brokers])
    except TopicError as error:
        yield warning("configuration", str(error), "allow this user DescribeConfigs on the cluster, or ask who may")
    else:
        yield from configuration_findings(settings, configs)
    yield from trial_findings(settings, admin, plans)
    yield from topic_findings(settings, admin, plans)


class ProtocolVersions(logging.Handler):
    """Kafka's client tells of no broker's release, but its debug log has the versions of each request that one takes.

    `ranges` has the least and the greatest version by the number of the request.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ranges: dict[int, tuple[int, int]] = {}
        self.logger = logging.Logger("headwater-doctor", logging.DEBUG)
        self.logger.addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        """Takes the numbers from a line of the log."""
        found = _API.search(record.getMessage())
        if found is not None:
            number, least, greatest = map(int, found.groups())
            self.ranges[number] = (least, greatest)


def release(ranges: Mapping[int, tuple[int, int]]) -> Finding:
    """Which release of Kafka takes requests of these versions: 4.0 forgot the oldest, 2.5 can fence a dead producer."""
    if FETCH not in ranges:
        return warning("version", "not told by the broker", "make sure that it is Kafka 4.0 or newer")
    if ranges[FETCH][0] >= 4:
        return ok("version", "Kafka 4.0 or newer")
    if ranges.get(INIT_PRODUCER_ID, (0, 0))[1] >= 3:
        return warning(
            "version", "older than Kafka 4.0, with which Headwater is tested", "upgrade to Kafka 4.0 or newer"
        )
    return fault("version", "older than Kafka 2.5: transactions are not safe there", "upgrade to Kafka 4.0 or newer")


def configuration_findings(settings: Settings, configs: Sequence[Mapping[str, str]]) -> Iterator[Finding]:
    """What the brokers' own configurations say, one mapping for each broker."""
    first = configs[0]
    limits_ms = [int(config[TRANSACTION_LIMIT]) for config in configs if TRANSACTION_LIMIT in config]
    if limits_ms and settings.transaction_timeout_ms > min(limits_ms):
        yield fault(
            TRANSACTION_LIMIT,
            f"{min(limits_ms)}, less than HEADWATER_TRANSACTION_TIMEOUT_MS, {settings.transaction_timeout_ms}",
            "lower the setting, or raise the brokers' limit",
        )
    elif limits_ms:
        yield ok(TRANSACTION_LIMIT, f"{min(limits_ms)}")
    if any(config.get("unclean.leader.election.enable") == "true" for config in configs):
        yield warning(
            "unclean.leader.election.enable",
            "true: a broker that missed records may lead, and they are gone",
            "set it to false on the brokers",
        )
    if any(config.get("auto.create.topics.enable") == "true" for config in configs):
        yield warning(
            "auto.create.topics.enable",
            "true: a misspelt topic comes to be, empty and with the wrong configuration",
            "set it to false on the brokers",
        )
    kept = int(first.get("transaction.state.log.replication.factor", 0))
    if 0 < kept < min(LEAST_COPIES, len(configs)):
        yield warning(
            "transaction.state.log.replication.factor",
            f"{kept}: while one broker is away, no transaction can be committed",
            f"keep it on {LEAST_COPIES} brokers",
        )
    if settings.topic_replication == -1 and len(configs) > 1:
        yield from copies("default.replication.factor", int(first.get("default.replication.factor", 1)), None)
