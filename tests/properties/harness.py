"""Drives the kernel's operator, in Flink's own operator test harness, from Python: JSON lines to one long-lived JVM."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

from fastavro import parse_schema, schemaless_reader

from headwater.operators.reference import ReferenceEvent
from headwater.operators.reference_aggregates import Value
from headwater.schemas.avro import without_logical_types
from headwater.schemas.feature_log import VERSION_BYTES, RowHeader
from headwater.schemas.plan import Plan

KERNEL = Path(__file__).parents[2] / "operators" / "kernel"
MAIN = "dev.headwater.kernel.harness.HarnessMain"
FRAME_BYTES = 5
LONGEST_RUN_SECONDS = 60
OPENS = ("java.base/java.util", "java.base/java.lang", "java.base/java.time")

Op = list[Any]
"""One operation, as `HarnessMain` describes them."""


@dataclass(frozen=True)
class KernelRow:
    """A row as the kernel wrote it, and the index of the operation that made it write."""

    op: int
    key: bytes
    packed_header: bytes
    framed_value: bytes

    @property
    def version(self) -> bytes:
        return self.packed_header[:VERSION_BYTES]

    @property
    def header(self) -> RowHeader:
        return RowHeader.unpack(self.packed_header)


@dataclass(frozen=True)
class LateEvent:
    """An event that the kernel said was too late, and the index of the operation that brought it."""

    op: int
    key: bytes
    time_us: int


@dataclass(frozen=True)
class KernelRun:
    """All that the kernel put out during a list of operations, how many keys have state in the end, and its cells."""

    rows: list[KernelRow]
    late: list[LateEvent]
    keys: int
    cells: list[str]


class KernelError(Exception):
    """The kernel failed, which it never may; says how."""


class KernelHarness:
    """One JVM that runs any number of lists of operations, each on operators of its own.

    Classes in `mutant` stand before the kernel's own.
    """

    def __init__(self, mutant: Path | None = None) -> None:
        target = KERNEL / "target"
        libraries = (target / "test-classpath.txt").read_text().strip()
        first = [] if mutant is None else [str(mutant)]
        classpath = os.pathsep.join([*first, f"{target / 'test-classes'}", f"{target / 'classes'}", libraries])
        opens = [flag for package in OPENS for flag in ("--add-opens", f"{package}=ALL-UNNAMED")]
        java = Path(os.environ["JAVA_HOME"]) / "bin" / "java" if "JAVA_HOME" in os.environ else Path("java")
        # Short-lived and many: what starts fast is fast.
        flags = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
        self._command = [str(java), *flags, *opens, "-cp", classpath, MAIN]
        self._jvm = self._started()

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )

    def run(
        self, plan: Plan, ops: Sequence[Op], *, backend: str = "hashmap", parallelism: int = 1, wall_ms: int = 0
    ) -> KernelRun:
        """What the kernel puts out for these operations.

        Raises:
            KernelError: it failed, or took longer than any program may.
        """
        if self._jvm.poll() is not None:
            self._jvm = self._started()
        if self._jvm.stdin is None or self._jvm.stdout is None:
            raise RuntimeError("the harness has no pipes")
        request: dict[str, Any] = {"plan": plan.as_dict(), "ops": ops, "backend": backend}
        request |= {"parallelism": parallelism, "wall_ms": wall_ms}
        watchdog = Timer(LONGEST_RUN_SECONDS, self._jvm.kill)
        watchdog.start()
        self._jvm.stdin.write(json.dumps(request) + "\n")
        self._jvm.stdin.flush()
        line = self._jvm.stdout.readline()
        watchdog.cancel()
        if not line:
            self.close()
            raise KernelError(f"the kernel ended, or ran for more than {LONGEST_RUN_SECONDS} seconds")
        answer = json.loads(line)
        if "error" in answer:
            raise KernelError(answer["error"])
        rows = [
            KernelRow(op, bytes.fromhex(key), bytes.fromhex(header), bytes.fromhex(value))
            for op, key, header, value in answer["rows"]
        ]
        late = [LateEvent(op, bytes.fromhex(key), time_us) for op, key, _, _, _, time_us in answer["late"]]
        return KernelRun(rows, late, answer["keys"], answer["cells"])

    def close(self) -> None:
        """Ends the JVM."""
        if self._jvm.stdin:
            self._jvm.stdin.close()
        if self._jvm.stdout:
            self._jvm.stdout.close()
        self._jvm.kill()
        self._jvm.wait()


def event_op(key: bytes, event: ReferenceEvent) -> Op:
    """The operation that gives the kernel this event."""
    position = [event.source, event.partition, event.offset]
    values = [_plain(value) for value in event.values]
    return ["event", key.hex(), event.time_us, event.ingested_at_ms, *position, values, event.id.hex(), event.index]


def _plain(value: Value) -> Any:
    """A value as the harness takes it: bytes and vectors as hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return struct.pack(f">{len(value)}d", *value).hex()
    return value


def row_reader(plan: Plan) -> Callable[[KernelRow], dict[str, Any]]:
    """What decodes the values of the plan's rows, by field name."""
    schema = parse_schema(without_logical_types(plan.log.schema_))

    def read(row: KernelRow) -> dict[str, Any]:
        stream = io.BytesIO(row.framed_value[FRAME_BYTES:])
        values = schemaless_reader(stream, schema, None)
        if row.framed_value[:1] != b"\0" or stream.read(1) or not isinstance(values, dict):
            raise RuntimeError(f"not a framed row: {row.framed_value!r}")
        return values

    return read
