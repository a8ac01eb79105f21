"""The two jars that a compute job is made of."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from headwater.schemas.errors import PrerequisiteError

JOB_PACKAGES = (
    "dev.headwater.",
    "org.apache.flink.connector.kafka.",
    "org.apache.flink.kafka.shaded.",
    "org.apache.flink.streaming.connectors.kafka.",
    "com.github.luben.",
)
"""What is in them, for a cluster's `classloader.parent-first-patterns.additional`."""


def job_jars() -> tuple[Path, Path]:
    """The kernel's jar, which comes with Headwater, and the Kafka connector's, fetched if it is not there yet.

    Raises:
        PrerequisiteError: one is missing and cannot be had.
    """
    from headwater.pipelines.stack.artifacts import connector_jar

    return kernel_jar(), connector_jar()


def kernel_jar() -> Path:
    """The kernel's jar.

    Raises:
        PrerequisiteError: it was not built.
    """
    kernel = Path(str(resources.files("headwater.operators").joinpath("lib", "headwater-kernel.jar")))
    if not kernel.is_file():
        raise PrerequisiteError(
            f"{kernel} is missing: run `make kernel` (needs a JDK of version 17 or later, and Maven)"
        )
    return kernel
