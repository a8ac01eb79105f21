"""Drives the kernel's operator, in Flink's own operator test harness, from Python: JSON lines to one long-lived JVM."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastavro import parse_schema, schemaless_reader

from headwater.operators.reference import ReferenceEvent
from headwater.schemas.avro import without_logical_types
from headwater.schemas.feature_log import RowHeader
from headwater.schemas.plan import Plan

KERNEL = Path(__file__).parents[2] / "operators" / "kernel"
MAIN = "dev.headwater.kernel.harness.HarnessMain"
OPENS = ("java.base/java.util", "java.base/java.lang", "java.base/java.time")

Op = dict[str, Any]


@dataclass(frozen=True)
class KernelRow:
    """A row as the kernel wrote it, and the index of the operation that made it write."""

    op: int
    key: bytes
    header: RowHeader
    values: dict[str, Any]


@dataclass(frozen=True)
class KernelRun:
    """All that the kernel put out during a list of operations."""

    rows: list[KernelRow]
    late: list[dict[str, Any]]
    heartbeats: list[dict[str, Any]]


class KernelHarness:
    """One JVM that runs any number of lists of operations, each on an operator of its own."""

    def __init__(self) -> None:
        target = KERNEL / "target"
        classpath = (
            f"{target / 'test-classes'}:{target / 'classes'}:{(target / 'test-classpath.txt').read_text().strip()}"
        )
        opens = [flag for package in OPENS for flag in ("--add-opens", f"{package}=ALL-UNNAMED")]
        java = Path(os.environ["JAVA_HOME"]) / "bin" / "java" if "JAVA_HOME" in os.environ else Path("java")
        self._jvm = subprocess.Popen(
            [str(java), "-Xmx512m", *opens, "-cp", classpath, MAIN],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def run(self, plan: Plan, ops: list[Op]) -> KernelRun:
        """What the kernel puts out for these operations; RuntimeError if it fails."""
        if self._jvm.stdin is None or self._jvm.stdout is None:
            raise RuntimeError("the harness has no pipes")
        self._jvm.stdin.write(json.dumps({"plan": plan.as_dict(), "ops": ops}) + "\n")
        self._jvm.stdin.flush()
        answer = json.loads(self._jvm.stdout.readline() or '{"error": "the harness has ended"}')
        if "error" in answer:
            raise RuntimeError(answer["error"])
        schema = parse_schema(without_logical_types(plan.log.schema_))
        rows = [
            KernelRow(
                op=row["op"],
                key=bytes.fromhex(row["key"]),
                header=RowHeader.unpack(bytes.fromhex(row["header"])),
                values=_decode(schema, bytes.fromhex(row["value"])),
            )
            for row in answer["rows"]
        ]
        return KernelRun(rows, answer["late"], answer["heartbeats"])

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
    return {
        "op": "event",
        "key": key.hex(),
        "t_us": event.time_us,
        "ingested_ms": event.ingested_at_ms,
        "source": event.source,
        "partition": event.partition,
        "offset": event.offset,
        "id": event.id.hex(),
        "index": event.index,
        "values": [_operand(value) for value in event.values],
    }


def _operand(value: Any) -> Any:
    if isinstance(value, list):
        return struct.pack(f">{len(value)}d", *value).hex()
    return value.hex() if isinstance(value, bytes) else value


def _decode(schema: Any, framed: bytes) -> dict[str, Any]:
    stream = io.BytesIO(framed[5:])
    row = schemaless_reader(stream, schema, None)
    if framed[:1] != b"\0" or stream.read(1) or not isinstance(row, dict):
        raise RuntimeError(f"not a framed row: {framed!r}")
    return row
