"""Turns records of the feature log into what is written to the online store, without decoding a row.

All that is needed stands in the record headers (`headwater.schemas.feature_log`), at fixed places, so a
batch's headers are read as one numpy array.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from headwater.operators.fence import OnlineRow
from headwater.schemas.errors import FormatError
from headwater.schemas.feature_log import HEARTBEAT_HEADER_NAME, ROW_HEADER_NAME, VERSION_BYTES, Heartbeat

ROW_HEADERS = np.dtype(
    [
        ("generation", ">i8"),
        ("clock_us", ">i8"),
        ("n", ">i8"),
        ("event_time_us", ">i8"),
        ("ingested_at_ms", ">i8"),
        ("computed_at_ms", ">i8"),
        ("empty_at_us", ">i8"),
        ("next_change_us", ">i8"),
        ("cause", "u1"),
    ]
)

FRAME_BYTES = 5

Headers = npt.NDArray[np.void]


class LogMessage(Protocol):
    """What is needed of a Kafka message; `confluent_kafka.Message` has it."""

    def key(self) -> Any: ...

    def value(self) -> Any: ...

    def headers(self) -> Any: ...

    def timestamp(self) -> Any: ...

    def partition(self) -> Any: ...

    def offset(self) -> Any: ...


class PartitionBatch:
    """Consecutive records of one partition, of each key only the row of the greatest version.

    Attributes:
        next_offset: the offset behind the last record.
        heartbeats: in the order of the log.
        heartbeat_written_ms: when the newest of them was written, by the clock of who wrote it; None if there is none.
        coalesced: rows that a newer one of the same key in this batch made needless.
        ignored: records that are neither rows nor heartbeats, such as tombstones.
    """

    def __init__(self) -> None:
        self.next_offset = 0
        self.heartbeats: list[Heartbeat] = []
        self.heartbeat_written_ms: int | None = None
        self.coalesced = 0
        self.ignored = 0
        self._rows: dict[bytes, tuple[bytes, bytes]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def add(self, message: LogMessage) -> None:
        """Take in the partition's next record."""
        self.next_offset = message.offset() + 1
        for name, data in message.headers() or ():
            if name == ROW_HEADER_NAME:
                return self._add_row(message.key(), data, message.value())
            if name == HEARTBEAT_HEADER_NAME:
                return self._add_heartbeat(data, message.timestamp()[1])
        self.ignored += 1
        return None

    def headers(self) -> Headers:
        """The headers of the rows, in the order of `online_rows`: a structured array of shape (rows,)."""
        return np.frombuffer(b"".join(header for header, _ in self._rows.values()), ROW_HEADERS)

    def schema_frames(self) -> set[bytes]:
        """The distinct first five bytes of the rows: a zero and the schema id, big-endian."""
        return {value[:FRAME_BYTES] for _, value in self._rows.values()}

    def online_rows(self, prefix: bytes, expires_at_ms: Sequence[int]) -> list[OnlineRow]:
        """The rows as they are stored, under `prefix` and the entity key, given when each expires."""
        return [
            OnlineRow(prefix + key, header[:VERSION_BYTES] + value, expires)
            for (key, (header, value)), expires in zip(self._rows.items(), expires_at_ms, strict=True)
        ]

    def _add_row(self, key: bytes | None, header: bytes | None, value: bytes | None) -> None:
        if key is None or header is None or value is None or len(header) != ROW_HEADERS.itemsize or not _framed(value):
            self.ignored += 1
            return
        known = self._rows.get(key)
        if known is None:
            self._rows[key] = header, value
            return
        self.coalesced += 1
        if header[:VERSION_BYTES] > known[0][:VERSION_BYTES]:
            self._rows[key] = header, value

    def _add_heartbeat(self, data: bytes | None, written_ms: int) -> None:
        try:
            self.heartbeats.append(Heartbeat.unpack(data or b""))
            self.heartbeat_written_ms = written_ms
        except FormatError:
            self.ignored += 1


def by_partition(messages: Iterable[LogMessage]) -> dict[int, PartitionBatch]:
    """The batch of each partition that the messages are of; messages of one partition must be in its order."""
    batches: dict[int, PartitionBatch] = {}
    for message in messages:
        partition = message.partition()
        batch = batches.get(partition)
        if batch is None:
            batch = batches[partition] = PartitionBatch()
        batch.add(message)
    return batches


def expiry_ms(headers: Headers, *, reach_ms: int | None, time_to_live_ms: int) -> npt.NDArray[np.int64]:
    """When Redis may forget each row: a reach after its last window is empty, or its time-to-live after computation.

    Until a reach has passed, an event that is not late may still come, and the row's version must be there to meet it.
    A row that nothing ever leaves is empty at the end of time (`reach_ms` None), so Redis never forgets it.
    """
    emptied = headers["empty_at_us"].astype(np.int64) // 1000 + (reach_ms or 0)
    outlived = headers["computed_at_ms"].astype(np.int64) + time_to_live_ms
    return np.maximum(emptied, outlived)


def _framed(value: bytes) -> bool:
    return len(value) > FRAME_BYTES and value[0] == 0
