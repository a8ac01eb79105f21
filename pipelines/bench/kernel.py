"""Runs views over a stream in the kernel, in a JVM of their own, and compares the rows with the reference."""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from headwater.pipelines.bench.rows_check import Row, first_problem
from headwater.pipelines.bench.stream import BenchStream
from headwater.pipelines.jars import kernel_jar
from headwater.pipelines.stack.flink import distribution_jars
from headwater.pipelines.stack.java import java_command, java_environment
from headwater.schemas.errors import VerificationError
from headwater.schemas.feature_log import RowHeader
from headwater.schemas.plan import Plan

MAIN = "dev.headwater.kernel.bench.KernelBench"
HEAP_MB = 1024
WATERMARK_DELAY_MS = 1000


class Run(NamedTuple):
    """What one pass over a stream took: CPU of the thread for each event, and what there was at the end."""

    cpu_us_per_event: float
    rows_per_event: float
    state_bytes_per_key: float


class BenchKernel:
    """A JVM with the kernel and a stream in it.

    Raises:
        PrerequisiteError: Java, Flink's jars or the kernel's are missing; says how to get them.
    """

    def __init__(self, stream: BenchStream, directory: Path) -> None:
        self._stream = stream
        self._directory = directory
        command = java_command(
            MAIN, classpath=(kernel_jar(), *distribution_jars()), heap_mb=HEAP_MB, options=("-XX:+UseParallelGC",)
        )
        with (directory / "kernel.log").open("w", encoding="utf-8") as log:
            self._jvm = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env=java_environment(),
            )
        self._send(stream.write(directory))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._jvm.__exit__(None, None, None)  # closes its pipes, hence it ends, and waits for that

    def run(self, plan: Plan) -> Run:
        """One pass from nothing; the CPU is that of the second half of the events."""
        return self._run(plan, {})

    def run_checked(self, plan: Plan) -> Run:
        """One pass, and the last row of every key compared with the reference's.

        Raises:
            VerificationError: a row is missing, or differs by more than its aggregate allows.
        """
        file = self._directory / "rows"
        run = self._run(plan, {"rows_file": str(file)})
        _check(plan, self._stream, dict(_rows(file)))
        return run

    def _run(self, plan: Plan, more: dict[str, str]) -> Run:
        self._send({"plan": plan.as_dict(), "watermark_delay_ms": WATERMARK_DELAY_MS, **more})
        line = self._jvm.stdout.readline() if self._jvm.stdout is not None else ""
        if not line:
            log = (self._directory / "kernel.log").read_text(encoding="utf-8")
            raise VerificationError(
                f"the kernel's bench ended with {self._jvm.wait()}: {log.strip() or 'it said nothing'}"
            )
        answer = json.loads(line)
        return Run(
            answer["cpu_nanos"] / 1000 / answer["events"],
            answer["rows"] / self._stream.shape.events,
            answer["state_bytes"] / answer["keys"],
        )

    def _send(self, request: dict[str, Any]) -> None:
        if self._jvm.stdin is not None:
            self._jvm.stdin.write(json.dumps(request) + "\n")
            self._jvm.stdin.flush()


def _rows(file: Path) -> Iterator[tuple[bytes, Row]]:
    data = file.read_bytes()
    at = 0
    while at < len(data):
        parts = []
        for _ in range(3):
            (length,) = struct.unpack_from(">i", data, at)
            parts.append(data[at + 4 : at + 4 + length])
            at += 4 + length
        key, header, value = parts
        yield key, (RowHeader.unpack(header), value)


def _check(plan: Plan, stream: BenchStream, rows: dict[bytes, Row]) -> None:
    by_key = stream.events_by_key(plan)
    if rows.keys() != by_key.keys():
        raise VerificationError(f"{plan.view}: rows of {len(rows)} keys, but there are {len(by_key)}")
    watermark_us = (stream.end_us - WATERMARK_DELAY_MS * 1000) // 1000 * 1000
    if problem := first_problem(plan, [(key, events, *rows[key]) for key, events in by_key.items()], watermark_us):
        raise VerificationError(problem)
