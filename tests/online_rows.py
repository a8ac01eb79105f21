"""Rows of the feature log as Kafka messages, and how they ought to stand in the online store."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

from headwater.schemas.feature_log import (
    HEARTBEAT_HEADER_NAME,
    ROW_HEADER_NAME,
    Heartbeat,
    RowHeader,
    heartbeat_key,
)

FAR_US = 4_000_000_000_000_000  # in 2096
FRAME = b"\x00\x00\x00\x00\x07"


@dataclass(frozen=True)
class FakeMessage:
    """As much of `confluent_kafka.Message` as log batches need."""

    offset_: int
    key_: bytes | None
    value_: bytes | None
    headers_: list[tuple[str, bytes]] | None
    partition_: int = 0

    def key(self) -> bytes | None:
        return self.key_

    def value(self) -> bytes | None:
        return self.value_

    def headers(self) -> list[tuple[str, bytes]] | None:
        return self.headers_

    def partition(self) -> int:
        return self.partition_

    def offset(self) -> int:
        return self.offset_

    def timestamp(self) -> tuple[int, int]:
        return 1, 1_000 + self.offset_


def header(
    generation: int = 1, clock_us: int = 1_000_000, n: int = 1, *, empty_at_us: int = FAR_US, cause: int = 0
) -> RowHeader:
    """A row's header; all of its other times are its clock."""
    ms = clock_us // 1000
    return RowHeader(generation, clock_us, n, clock_us, ms, ms, empty_at_us, clock_us, cause)


def row_message(offset: int, key: bytes, row: RowHeader, body: bytes = b"body") -> FakeMessage:
    return FakeMessage(offset, key, FRAME + body, [(ROW_HEADER_NAME, row.pack())])


def heartbeat_message(offset: int, heartbeat: Heartbeat) -> FakeMessage:
    return FakeMessage(offset, heartbeat_key(heartbeat.subtask), None, [(HEARTBEAT_HEADER_NAME, heartbeat.pack())])


def version(generation: int, clock_us: int, n: int) -> bytes:
    """The 24 bytes that rows are compared by."""
    return struct.pack(">QQQ", generation, clock_us, n)


def greatest(rows: Iterable[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """What must stand in the store after these (key, value with version) in any order: the naive way."""
    standing: dict[bytes, bytes] = {}
    for key, value in rows:
        if key not in standing or value[:24] > standing[key][:24]:
            standing[key] = value
    return standing
