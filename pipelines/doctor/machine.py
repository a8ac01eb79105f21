"""What is installed here: the packages, the jars, Java, and the room for them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from headwater.pipelines.doctor.cluster import FLINK
from headwater.pipelines.doctor.finding import Finding, fault, ok, warning
from headwater.pipelines.jars import kernel_jar
from headwater.pipelines.stack.artifacts import is_here, pinned
from headwater.pipelines.stack.java import java_environment
from headwater.schemas.errors import PrerequisiteError

LEAST_FREE_BYTES = 2 * 2**30


def machine_findings() -> Iterator[Finding]:
    """What the process that submits jobs has at hand."""
    yield ok("headwater", version("headwater"))
    yield from _flink()
    yield from _jars()
    try:
        java_environment()
        yield ok("java", "found")
    except PrerequisiteError as error:
        yield fault("java", str(error), "pip install 'headwater[image]', or install a JRE of version 17 or later")
    directory = tempfile.gettempdir()
    free = shutil.disk_usage(directory).free
    if free < LEAST_FREE_BYTES:
        yield warning("space", f"{free / 2**30:.1f} GiB are free in {directory}", "make room, or set TMPDIR")
    else:
        yield ok("space", f"{free / 2**30:.1f} GiB are free in {directory}")


def _flink() -> Iterator[Finding]:
    try:
        found = version("apache-flink")
    except PackageNotFoundError:
        yield warning("apache-flink", "not installed: no job can be submitted", "pip install 'headwater[compute]'")
        return
    if found.startswith(FLINK):
        yield ok("apache-flink", found)
    else:
        yield fault("apache-flink", f"{found}, not {FLINK}x", "pip install 'headwater[compute]'")


def _jars() -> Iterator[Finding]:
    try:
        yield ok("kernel", str(kernel_jar()))
    except PrerequisiteError as error:
        yield fault("kernel", str(error), "install Headwater's wheel, which has it")
    (connector,) = pinned("connector")
    if is_here(connector):
        yield ok("connector", connector.file_name)
    else:
        yield warning(
            "connector",
            f"{connector.file_name} is not here: the first job that is submitted fetches it",
            "let this machine reach a Maven repository, or put the file where HEADWATER_CACHE_DIR says",
        )
