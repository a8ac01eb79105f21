"""From Python to the JVM: makes the kernel's Java objects and puts them into a PyFlink graph.

The only file that touches the gateway. The JVM must have the kernel's and the Kafka connector's jar
(`env.add_jars`) before anything here is called. Every stream has explicit type information and every
operator a uid, which is what a savepoint knows it by: never change one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pyflink.common import Configuration
from pyflink.datastream import DataStream, StreamExecutionEnvironment
from pyflink.java_gateway import get_gateway

from headwater.schemas.plan import Plan, SideTopic

# ruff: noqa: SLF001 - the Java object below a PyFlink one has no public name

PARTITION_DISCOVERY_MS = 10_000
FETCH_REPORTER = "dev.headwater.kernel.decode.FetchReporter"

SOURCE_PROPERTIES = {
    "isolation.level": "read_committed",
    "partition.discovery.interval.ms": str(PARTITION_DISCOVERY_MS),
    "commit.offsets.on.checkpoint": "true",
    "max.poll.records": "2000",
    "client.dns.lookup": "use_all_dns_ips",
}

# A row is sent within milliseconds, so that readers of uncommitted rows have it fresh; batches grow under load.
SINK_PROPERTIES = {
    "linger.ms": "5",
    "compression.type": "lz4",
    "batch.size": str(128 * 1024),
    "buffer.memory": str(16 * 1024 * 1024),
    "max.request.size": str(8 * 1024 * 1024),
    "delivery.timeout.ms": "120000",
}


class Connection(NamedTuple):
    """How the job reaches Kafka. `properties` are the Java client's."""

    bootstrap_servers: str
    properties: Mapping[str, str]
    group_id: str
    transactional_id_prefix: str
    transaction_timeout_ms: int


class SourceStreams(NamedTuple):
    """What comes out of a source: events, and what was rejected."""

    events: DataStream
    rejected: DataStream


class KernelStreams(NamedTuple):
    """What comes out of the kernel: records for the feature log, and events that came too late for every window."""

    log: DataStream
    late: DataStream


def session_cluster(options: Mapping[str, str], jars: Sequence[str]) -> StreamExecutionEnvironment:
    """An environment whose job goes to the cluster that the options name (`execution.target: remote`), with these jars.

    PyFlink's own factory would make a local one, whatever the options say.
    """
    environment = _jvm().org.apache.flink.streaming.api.environment.StreamExecutionEnvironment
    env = StreamExecutionEnvironment(environment(_configuration(options)._j_configuration))
    env.add_jars(*jars)
    return env


def application_cluster() -> StreamExecutionEnvironment:
    """The environment of the application cluster whose JobManager has started this program, with all of its options."""
    return StreamExecutionEnvironment.get_execution_environment()


def state_to_restore(env: StreamExecutionEnvironment) -> str | None:
    """The URL of the state from which the environment's own options say that the job goes on, if they do."""
    option = _jvm().org.apache.flink.configuration.StateRecoveryOptions.SAVEPOINT_PATH
    path: str | None = env._j_stream_execution_environment.getConfiguration().get(option)
    return path


def configure(env: StreamExecutionEnvironment, options: Mapping[str, str]) -> None:
    """Gives the environment more options, which count before those that it has."""
    env.configure(_configuration(options))


def source(
    env: StreamExecutionEnvironment, plan: Plan, index: int, connection: Connection, deployment: str
) -> DataStream:
    """The records of the plan's source `index`, decoded, with watermarks per partition.

    Starts at the earliest offset unless state says otherwise; partitions that are added later are read from their
    beginning. Committed offsets are for people to look at. `deployment` is its JSON.
    """
    decode = _kernel().decode
    topic = plan.sources[index].topic
    plan_json = plan.canonical_json()
    connector = _jvm().org.apache.flink.connector.kafka.source
    builder = (
        connector.KafkaSource.builder()
        .setBootstrapServers(connection.bootstrap_servers)
        .setTopics(_list([topic]))
        .setGroupId(connection.group_id)
        .setStartingOffsets(connector.enumerator.initializer.OffsetsInitializer.earliest())
        .setDeserializer(decode.EventDeserializer(plan_json, index, deployment))
    )
    reported = {"client.id.prefix": _client_id_prefix(plan, index), "metric.reporters": FETCH_REPORTER}
    for name, value in {**SOURCE_PROPERTIES, **connection.properties, **reported}.items():
        builder.setProperty(name, value)
    stream = env._j_stream_execution_environment.fromSource(
        builder.build(), decode.Watermarks(plan_json, index), f"source {topic}", _kernel().event.Decoded.TYPE
    )
    return DataStream(stream.uid(f"source-{topic}"))


def router(decoded: DataStream, plan: Plan, index: int, *, parallelism: int, max_parallelism: int) -> SourceStreams:
    """Events and rejects of a source, taken apart in its own task, and its heartbeats to every kernel subtask.

    `parallelism` and `max_parallelism` are the kernel's.
    """
    event_router = _kernel().decode.EventRouter
    topic = plan.sources[index].topic
    prefix = _client_id_prefix(plan, index)
    operator = event_router(plan.canonical_json(), index, parallelism, max_parallelism, prefix)
    stream = decoded._j_data_stream.transform(f"router {topic}", _kernel().event.Event.TYPE, operator)
    stream = stream.uid(f"router-{topic}")
    return SourceStreams(DataStream(stream), DataStream(stream.getSideOutput(event_router.REJECTED)))


def kernel(events: DataStream, plan: Plan, log_schema_id: int, *, parallelism: int) -> KernelStreams:
    """The events by entity, and what the kernel makes of them; late events come as dead letters."""
    types = _kernel().event
    feature_operator = _kernel().operator.FeatureOperator
    operator = feature_operator(_kernel().plan.Plan.parse(plan.canonical_json()), log_schema_id)
    stream = (
        _keyed(events).transform("kernel", types.LogRecord.TYPE, operator).uid("kernel").setParallelism(parallelism)
    )
    letters = _kernel().log.LateLetters(plan.canonical_json())
    late = stream.getSideOutput(feature_operator.LATE).map(letters, types.DeadLetter.TYPE)
    return KernelStreams(DataStream(stream), DataStream(late.name("late letters").uid("late-letters")))


def discard(stream: DataStream, *, by_entity: bool = False) -> None:
    """Throws the stream away, after it went where its entities' subtasks are, if asked: what a measurement needs."""
    sink = _jvm().org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink()
    (_keyed(stream) if by_entity else stream._j_data_stream).sinkTo(sink).name("discard").uid("discard")


def log_sink(log: DataStream, plan: Plan, connection: Connection) -> None:
    """Writes the feature log, each record exactly once for readers of committed records."""
    serializer = _kernel().log.FeatureLogSerializer(plan.log.topic)
    _sink(log, serializer, connection, name="feature log", uid="feature-log")


def dead_letter_sink(
    letters: DataStream,
    topic: SideTopic,
    schema_id: int,
    schema: str,
    connection: Connection,
    *,
    generation: int,
    uid: str,
) -> None:
    """Writes dead letters to their topic, exactly once for readers of committed records."""
    serializer = _kernel().log.DeadLetterSerializer(topic.topic, schema_id, schema, generation)
    _sink(letters, serializer, connection, name=uid.replace("-", " "), uid=uid)


def _keyed(events: DataStream) -> Any:
    types = _kernel().event
    return events._j_data_stream.keyBy(types.EventKey(), types.Key.TYPE)


def _sink(stream: DataStream, serializer: Any, connection: Connection, *, name: str, uid: str) -> None:
    connector = _jvm().org.apache.flink.connector
    builder = (
        connector.kafka.sink.KafkaSink.builder()
        .setBootstrapServers(connection.bootstrap_servers)
        .setDeliveryGuarantee(connector.base.DeliveryGuarantee.EXACTLY_ONCE)
        .setTransactionNamingStrategy(connector.kafka.sink.TransactionNamingStrategy.POOLING)
        .setTransactionalIdPrefix(f"{connection.transactional_id_prefix}-{uid}")
        .setRecordSerializer(serializer)
    )
    timeout = {"transaction.timeout.ms": str(connection.transaction_timeout_ms)}
    for key, value in {**SINK_PROPERTIES, **connection.properties, **timeout}.items():
        builder.setProperty(key, value)
    brokers = {"bootstrap.servers": connection.bootstrap_servers, **connection.properties}
    job = stream._j_data_stream.getExecutionEnvironment().getConfiguration()
    sink = _kernel().commit.CheckedKafkaSink(builder.build(), _properties(brokers), job)
    stream._j_data_stream.sinkTo(sink).name(name).uid(uid)


def _client_id_prefix(plan: Plan, index: int) -> str:
    """By which the router knows the Kafka clients of its source; Flink adds the number of the subtask."""
    return f"headwater-compute-{plan.view}-g{plan.generation}-{plan.sources[index].topic}"


def _configuration(options: Mapping[str, str]) -> Configuration:
    configuration = Configuration()
    for name, value in options.items():
        configuration.set_string(name, value)
    return configuration


def _properties(entries: Mapping[str, str]) -> Any:
    found = _jvm().java.util.Properties()
    for name, value in entries.items():
        found.setProperty(name, value)
    return found


def _kernel() -> Any:
    return _jvm().dev.headwater.kernel


def _jvm() -> Any:
    return get_gateway().jvm


def _list(values: list[str]) -> Any:
    found = _jvm().java.util.ArrayList()
    for value in values:
        found.add(value)
    return found
