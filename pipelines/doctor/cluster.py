"""A Flink session cluster: of the right version, with room for the jobs, and with the right jars if it has them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing

from headwater.pipelines.doctor.finding import Finding, fault, ok, warning
from headwater.pipelines.flink_rest import FlinkRest
from headwater.pipelines.jars import JOB_PACKAGES
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.artifacts import pinned
from headwater.schemas.plan import Plan

FLINK = "2.2."
"""The version that jobs are built for begins so."""

LEAST_JAVA = 17
_PARENT_FIRST = "classloader.parent-first-patterns.additional"


def cluster_findings(settings: Settings, plans: Sequence[Plan]) -> Iterator[Finding]:
    """What the cluster is like.

    Raises:
        ClusterError: it cannot be reached.
    """
    with closing(FlinkRest(settings.flink_rest_url)) as flink:
        overview, configuration, jvm = flink.overview(), flink.configuration(), flink.environment()
    yield ok("reached", settings.flink_rest_url)
    yield _version(overview.version)
    yield _java(jvm.version)
    yield _slots(overview.slots, settings.parallelism * max(1, len(plans)))
    yield from configuration_findings(configuration)
    yield from jar_findings(jvm.classpath, configuration)


def configuration_findings(configuration: dict[str, str]) -> Iterator[Finding]:
    """What the cluster's own configuration leaves to wish for."""
    if configuration.get("high-availability.type", "NONE").upper() == "NONE":
        yield warning(
            "high availability",
            "none: a JobManager that dies forgets its jobs, until `headwater compute` submits them again",
            "set high-availability.type to kubernetes or zookeeper",
        )
    if not configuration.get("metrics.reporters"):
        yield warning(
            "metrics", "the job's own metrics are not reported", "set metrics.reporter.prom.* (Prometheus reporter)"
        )


def jar_findings(classpath: Sequence[str], configuration: dict[str, str]) -> Iterator[Finding]:
    """Whether jars of jobs that the cluster has on its own classpath are those that jobs are built with."""
    (connector,) = pinned("connector")
    there = [name for name in classpath if name.startswith(connector.name)]
    if not there:
        yield ok("jars", "come with each job")
        return
    if there != [connector.file_name]:
        yield fault(
            "jars",
            f"the cluster has {', '.join(there)}, and jobs are built with {connector.file_name}",
            "replace it in Flink's lib directory, as the image has it",
        )
    elif not set(JOB_PACKAGES) <= set(re.split(r"[;,]", configuration.get(_PARENT_FIRST, ""))):
        yield fault(
            "jars",
            "the cluster has the jobs' jars, but would load their classes twice",
            f"set {_PARENT_FIRST}: {';'.join(JOB_PACKAGES)}",
        )
    else:
        yield ok("jars", f"{connector.file_name} is on the cluster's classpath")


def _version(found: str) -> Finding:
    if found.startswith(FLINK):
        return ok("version", f"Flink {found}")
    return fault("version", f"Flink {found}, but jobs are built for {FLINK}x", f"run Flink {FLINK}x")


def _java(found: str) -> Finding:
    number = re.search(r"(?:^| - )(\d+)", found)
    if number is None or int(number[1]) >= LEAST_JAVA:
        return ok("java", found)
    return fault("java", f"{found} cannot load the kernel", f"run Flink with Java {LEAST_JAVA} or newer")


def _slots(free: int, needed: int) -> Finding:
    if free >= needed:
        return ok("slots", f"{free} are free, {needed} needed")
    return warning(
        "slots",
        f"{free} are free, {needed} needed: a job waits until there are enough (fine if it runs there already)",
        "add TaskManagers, or lower HEADWATER_PARALLELISM",
    )
