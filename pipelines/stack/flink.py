"""A Flink session cluster from the apache-flink wheel: a JobManager and a TaskManager, each a process."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import httpx

from headwater.pipelines.jars import JOB_PACKAGES, job_jars
from headwater.pipelines.stack.java import java_command
from headwater.pipelines.stack.ports import LOOPBACK, accepts
from headwater.pipelines.stack.process import ProcessSpec
from headwater.pipelines.stack.zookeeper import SESSION_SECONDS, ZooKeeper
from headwater.pipelines.unusable import RETAINED
from headwater.schemas.errors import PrerequisiteError

JOB_MANAGER_CLASS = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
TASK_MANAGER_CLASS = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"

JOB_MANAGER_HEAP_MB = 320
METASPACE_MB = 160
FRAMEWORK_HEAP_MB = 64
FRAMEWORK_DIRECT_MB = 64
TASK_DIRECT_MB = 32
NETWORK_MB = 64
OVERHEAD_MB = 96

# Flink's Prometheus reporter would listen on every address; the class is in the kernel's jar.
LOOPBACK_METRICS = (
    "-Dcom.sun.net.httpserver.HttpServerProvider=dev.headwater.kernel.local.LoopbackHttpServerProvider",
    "--add-exports=jdk.httpserver/sun.net.httpserver=ALL-UNNAMED",
)

METRICS_PORT = "metrics.reporter.prom.port"

# What Flink's own scripts open to it on Java 17 and later.
MODULE_OPTIONS = tuple(
    f"--add-opens=java.base/{package}=ALL-UNNAMED"
    for package in (
        "java.lang",
        "java.net",
        "java.io",
        "java.nio",
        "sun.nio.ch",
        "java.lang.reflect",
        "java.text",
        "java.time",
        "java.util",
        "java.util.concurrent",
        "java.util.concurrent.atomic",
        "java.util.concurrent.locks",
    )
)


@dataclass(frozen=True, slots=True)
class FlinkPorts:
    """Where the two processes listen; all on the loopback address."""

    rest: int
    job_manager_rpc: int
    job_manager_blob: int
    job_manager_metrics: int
    task_manager_rpc: int
    task_manager_data: int
    task_manager_metrics: int


@dataclass(frozen=True, slots=True)
class FlinkCluster:
    """A cluster that keeps configuration and checkpoints in `directory`.

    Attributes:
        slots: how many subtask pipelines fit: the sum of the parallelism of the jobs that run at once.
        task_heap_mb: heap of the TaskManager; with the hashmap state backend the state of all keys lives there.
        managed_mb: memory outside the heap, which only the RocksDB state backend uses.
        zookeeper: with it, a JobManager that was killed finds its jobs again and goes on with them by itself.
    """

    directory: Path
    log_directory: Path
    ports: FlinkPorts
    slots: int
    task_heap_mb: int = 576
    managed_mb: int = 0
    zookeeper: ZooKeeper | None = None

    @property
    def rest_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports.rest}"

    @property
    def checkpoint_directory(self) -> Path:
        return self.directory / "checkpoints"

    @property
    def savepoint_directory(self) -> Path:
        return self.directory / "savepoints"

    @property
    def configuration_directory(self) -> Path:
        return self.directory / "conf"

    @property
    def environment(self) -> dict[str, str]:
        """What tells Flink's programs, PyFlink among them, to use this cluster's configuration."""
        return {
            "FLINK_HOME": str(flink_home()),
            "FLINK_CONF_DIR": str(self.configuration_directory),
            "FLINK_LOG_DIR": str(self.log_directory),
            "FLINK_PLUGINS_DIR": str(flink_home() / "plugins"),
        }

    def prepare(self) -> None:
        """Writes the configuration and makes the directories."""
        temporary = self.directory / "tmp"
        for each in (self.configuration_directory, self.checkpoint_directory, self.savepoint_directory, temporary):
            each.mkdir(parents=True, exist_ok=True)
        lines = (f"{name}: {value}\n" for name, value in self._configuration().items())
        (self.configuration_directory / "config.yaml").write_text("".join(lines))
        (self.configuration_directory / "log4j.properties").write_text(LOG4J)

    def job_manager_spec(self) -> ProcessSpec:
        """How the JobManager is run; it is ready when `rest_url` answers."""
        return ProcessSpec(
            name="jobmanager",
            command=self._java(
                JOB_MANAGER_CLASS,
                ("-D", f"{METRICS_PORT}={self.ports.job_manager_metrics}"),
                heap_mb=JOB_MANAGER_HEAP_MB,
                options=("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-XX:MaxMetaspaceSize={METASPACE_MB}m"),
            ),
            log=self._log("jobmanager"),
            environment=self.environment,
            ready=self.job_manager_is_ready,
            needs=("zookeeper",) if self.zookeeper else (),
            addresses={"Flink REST": self.rest_url, "metrics": _metrics_url(self.ports.job_manager_metrics)},
        )

    def task_manager_spec(self) -> ProcessSpec:
        """How the TaskManager is run; it is ready once its slots are registered.

        Without ZooKeeper it is started anew with the JobManager: it would otherwise go on with jobs that nobody knows
        of until a timeout.
        """
        return ProcessSpec(
            name="taskmanager",
            command=self._java(
                TASK_MANAGER_CLASS,
                self._task_manager_ports(),
                heap_mb=self.task_heap_mb,
                options=(
                    "-XX:+UseParallelGC",
                    f"-XX:MaxMetaspaceSize={METASPACE_MB}m",
                    f"-XX:MaxDirectMemorySize={FRAMEWORK_DIRECT_MB + TASK_DIRECT_MB + NETWORK_MB}m",
                ),
            ),
            log=self._log("taskmanager"),
            environment=self.environment,
            ready=self.task_manager_is_ready,
            stops_before=("jobmanager",),
            dies_with=() if self.zookeeper else ("jobmanager",),
            addresses={"metrics": _metrics_url(self.ports.task_manager_metrics)},
        )

    def job_manager_is_ready(self) -> bool:
        """Whether its REST interface answers."""
        return self._overview() is not None

    def task_manager_is_ready(self) -> bool:
        """Whether all slots are registered with the JobManager."""
        overview = self._overview()
        return overview is not None and overview.get("slots-total", 0) >= self.slots

    def _overview(self) -> dict[str, int] | None:
        if not accepts(self.ports.rest):
            return None
        try:
            response = httpx.get(f"{self.rest_url}/overview", timeout=2)
        except httpx.TransportError:
            return None
        return response.json() if response.is_success else None

    def _task_manager_ports(self) -> tuple[str, ...]:
        """Not in the configuration, so that a cluster may have a second TaskManager, with other ports."""
        ports = {
            "taskmanager.rpc.port": self.ports.task_manager_rpc,
            "taskmanager.data.port": self.ports.task_manager_data,
            METRICS_PORT: self.ports.task_manager_metrics,
        }
        return tuple(word for name, port in ports.items() for word in ("-D", f"{name}={port}"))

    def _log(self, name: str) -> Path:
        return self.log_directory / f"{name}.log"

    def _java(
        self, main: str, arguments: tuple[str, ...], *, heap_mb: int, options: tuple[str, ...]
    ) -> tuple[str, ...]:
        logging = f"-Dlog4j.configurationFile=file:{self.configuration_directory / 'log4j.properties'}"
        job_jars = _job_jars()
        return java_command(
            main,
            ("--configDir", self.configuration_directory, *arguments),
            classpath=(*distribution_jars(), *job_jars),
            heap_mb=heap_mb,
            options=(
                *options,
                "-XX:ReservedCodeCacheSize=96m",
                *MODULE_OPTIONS,
                *(LOOPBACK_METRICS if job_jars else ()),
                logging,
            ),
        )

    def _configuration(self) -> dict[str, object]:
        return {
            "jobmanager.rpc.address": LOOPBACK,
            "jobmanager.rpc.port": self.ports.job_manager_rpc,
            "jobmanager.bind-host": LOOPBACK,
            "blob.server.port": self.ports.job_manager_blob,
            "rest.address": LOOPBACK,
            "rest.bind-address": LOOPBACK,
            "rest.port": self.ports.rest,
            "rest.bind-port": self.ports.rest,
            "taskmanager.host": LOOPBACK,
            "taskmanager.bind-host": LOOPBACK,
            "taskmanager.numberOfTaskSlots": self.slots,
            # The JVM's flags are set here and not by Flink's scripts, which would start one more JVM to work them out.
            "taskmanager.cpu.cores": f"{self.slots}.0",
            "taskmanager.memory.framework.heap.size": f"{FRAMEWORK_HEAP_MB}m",
            "taskmanager.memory.task.heap.size": f"{self.task_heap_mb - FRAMEWORK_HEAP_MB}m",
            "taskmanager.memory.framework.off-heap.size": f"{FRAMEWORK_DIRECT_MB}m",
            "taskmanager.memory.task.off-heap.size": f"{TASK_DIRECT_MB}m",
            "taskmanager.memory.network.min": f"{NETWORK_MB}m",
            "taskmanager.memory.network.max": f"{NETWORK_MB}m",
            "taskmanager.memory.managed.size": f"{self.managed_mb}m",
            "taskmanager.memory.jvm-metaspace.size": f"{METASPACE_MB}m",
            "taskmanager.memory.jvm-overhead.min": f"{OVERHEAD_MB}m",
            "taskmanager.memory.jvm-overhead.max": f"{OVERHEAD_MB}m",
            "io.tmp.dirs": self.directory / "tmp",
            "execution.checkpointing.dir": self.checkpoint_directory.as_uri(),
            "execution.checkpointing.savepoint-dir": self.savepoint_directory.as_uri(),
            # A JobManager's: jobs cannot bring it.
            "execution.checkpointing.num-retained": RETAINED,
            # Everything is on one machine: a process that does not answer for 10 s is gone.
            "heartbeat.interval": "2 s",
            "heartbeat.timeout": "10 s",
            "restart-strategy.type": "exponential-delay",
            "restart-strategy.exponential-delay.initial-backoff": "500 ms",
            "restart-strategy.exponential-delay.max-backoff": "5 s",
            "classloader.parent-first-patterns.additional": ";".join(JOB_PACKAGES),
            "metrics.reporters": "prom",
            "metrics.reporter.prom.factory.class": "org.apache.flink.metrics.prometheus.PrometheusReporterFactory",
            **(self._high_availability(self.zookeeper) if self.zookeeper else {}),
        }

    def _high_availability(self, zookeeper: ZooKeeper) -> dict[str, object]:
        return {
            "high-availability.type": "zookeeper",
            "high-availability.cluster-id": "/headwater",
            "high-availability.storageDir": (self.directory / "high-availability").as_uri(),
            "high-availability.jobmanager.port": self.ports.job_manager_rpc,
            "high-availability.zookeeper.quorum": zookeeper.quorum,
            "high-availability.zookeeper.client.session-timeout": f"{SESSION_SECONDS} s",
            "high-availability.zookeeper.client.connection-timeout": f"{SESSION_SECONDS} s",
            "high-availability.zookeeper.client.retry-wait": "500 ms",
            "high-availability.zookeeper.client.max-retry-attempts": 20,
        }


def flink_home() -> Path:
    """Where Flink's distribution stands: inside the apache-flink wheel. Importing pyflink is not needed for it.

    Raises:
        PrerequisiteError: the extra `local`, which brings it, is not installed.
    """
    package = find_spec("pyflink")
    if package is None or package.origin is None:
        raise PrerequisiteError("Flink is not installed: pip install 'headwater[local]'")
    return Path(package.origin).parent


def distribution_jars() -> tuple[Path, ...]:
    """Flink's own jars, from its Python package."""
    return tuple(sorted((flink_home() / "lib").glob("*.jar")))


def _job_jars() -> tuple[Path, ...]:
    """The jars of compute jobs, which the servers themselves have on their classpath.

    Flink would else load them anew for each start of a job. It does not get rid of them afterwards, since Kafka's
    clients leave threads and beans behind, so that a TaskManager would run out of metaspace after some restarts.
    """
    try:
        return job_jars()
    except PrerequisiteError:  # A cluster can do without; submitting a job says what is missing.
        return ()


def _metrics_url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}/metrics"


LOG4J = """\
rootLogger.level = INFO
rootLogger.appenderRef.console.ref = Console
appender.console.name = Console
appender.console.type = CONSOLE
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss,SSS} %-5p %c %x - %m%n
logger.kafka.name = org.apache.flink.kafka.shaded.org.apache.kafka
logger.kafka.level = WARN
logger.pekko.name = org.apache.pekko
logger.pekko.level = WARN
# The Kafka sink registers some of its metrics again with each checkpoint.
logger.metrics.name = org.apache.flink.metrics.MetricGroup
logger.metrics.level = ERROR
"""
