"""One record in a transaction, in a topic of its own that is deleted again: what the compute job does all day."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator, Sequence

from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME, KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from headwater.pipelines.deployment import job_name
from headwater.pipelines.doctor.finding import Finding, clock, fault, ok, warning
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.topics import MAX_RECORD_BYTES, TopicSpec, create_topics, durability_of
from headwater.schemas.errors import TopicError
from headwater.schemas.plan import Plan

CALL_SECONDS = 15.0
TOPIC_PREFIX = "headwater_doctor_"
RETENTION_MS = 3_600_000


def trial_findings(settings: Settings, admin: AdminClient, plans: Sequence[Plan]) -> Iterator[Finding]:
    """Whether topics can be made and transactions be committed, and what time it is on the broker.

    A transaction is one of each plan's job, by its name, since users may be allowed no other.

    Raises:
        BrokerError: the brokers cannot be reached any more.
    """
    durability = durability_of(settings)
    config = {
        "message.timestamp.type": "LogAppendTime",
        "retention.ms": str(RETENTION_MS),
        "max.message.bytes": str(MAX_RECORD_BYTES),
        **durability.config,
    }
    jobs = [job_name(plan) for plan in plans] or ["headwater"]
    name = TOPIC_PREFIX + uuid.uuid4().hex[:8]
    topic = TopicSpec(name, 1, config, durability.replication)
    try:
        create_topics(admin, [topic])
    except TopicError as error:
        what, _, _ = str(error).partition("; run:")
        yield warning(
            "create topics",
            what.replace(f"cannot create {name}", "no topic can be made"),
            "none is needed if `headwater apply` makes the topics as a user who may; else allow this one Create",
        )
        for job in jobs:
            yield from _transaction(settings, job, None)
        return
    yield ok("create topics", f"made one of up to {MAX_RECORD_BYTES // 2**20} MiB a record, and deleted it again")
    try:
        for job in jobs:
            yield from _transaction(settings, job, name)
    finally:
        for deleted in admin.delete_topics([name]).values():
            with contextlib.suppress(KafkaException, TimeoutError):  # it forgets its only record after an hour anyway
                deleted.result(CALL_SECONDS)


def _transaction(settings: Settings, job: str, topic: str | None) -> Iterator[Finding]:
    appended: list[tuple[int, int]] = []

    def delivered(error: KafkaError | None, message: Message) -> None:
        if error is None:
            appended.append(message.timestamp())

    producer = Producer(
        {
            **client_properties(settings),
            "log_level": 0,
            "transactional.id": f"{job}-doctor-{uuid.uuid4().hex[:8]}",
            "transaction.timeout.ms": settings.transaction_timeout_ms,
            "message.timeout.ms": int(CALL_SECONDS * 1000),
        }
    )
    try:
        producer.init_transactions(CALL_SECONDS)
        producer.begin_transaction()
        before = time.time()
        if topic is not None:
            producer.produce(topic, b"written by `headwater doctor`", on_delivery=delivered)
            producer.flush(CALL_SECONDS)
        after = time.time()
        producer.commit_transaction(CALL_SECONDS)
    except KafkaException as error:
        yield fault("transactions", f"refused: {error.args[0].str()}", _remedy(error.args[0]))
        return
    yield ok("transactions", f"{job} may: one was {'committed' if topic else 'begun and ended, without a record'}")
    for kind, at_ms in appended:
        if kind == TIMESTAMP_LOG_APPEND_TIME:
            yield clock("the brokers", at_ms / 1000 - (before + after) / 2, (after - before) / 2)


def _remedy(error: KafkaError) -> str:
    if error.code() == KafkaError.INVALID_TRANSACTION_TIMEOUT:
        return "lower HEADWATER_TRANSACTION_TIMEOUT_MS, or raise the broker's transaction.max.timeout.ms"
    if error.code() in (KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, KafkaError.TOPIC_AUTHORIZATION_FAILED):
        return (
            "allow this user Write and Describe on transactional ids that begin with the job's name, and on its topics"
        )
    return (
        "look at the brokers: __transaction_state needs"
        " transaction.state.log.replication.factor of them, and transaction.state.log.min.isr in sync"
    )
