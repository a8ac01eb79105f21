"""Folds the heartbeats of one partition: how far all subtasks together say that the log is complete."""

from __future__ import annotations

import struct
from typing import NamedTuple

from headwater.schemas.errors import FormatError
from headwater.schemas.feature_log import Heartbeat

_FOLDED = struct.Struct(">qq")


class FoldedHeartbeat(NamedTuple):
    """The log holds all of the source up to `as_of_ms` and all ticks up to `watermark_ms`, whichever subtask did it."""

    as_of_ms: int
    watermark_ms: int

    def pack(self) -> bytes:
        """The 16 bytes that stand in the online store."""
        return _FOLDED.pack(*self)

    @classmethod
    def unpack(cls, data: bytes) -> FoldedHeartbeat:
        """The folded heartbeat in these bytes.

        Raises:
            FormatError: they are not 16 bytes.
        """
        try:
            return cls(*_FOLDED.unpack(data))
        except struct.error as error:
            raise FormatError(f"a folded heartbeat has {_FOLDED.size} bytes, not {len(data)}") from error


class HeartbeatFold:
    """What the subtasks of a job last said in one partition.

    An operator instance that opens has a greater epoch than the one it replaces, so what a zombie still
    says is ignored. The newest epoch also says how many subtasks there are now. What was said at another
    parallelism does not count: keys have moved between subtasks since, and nobody has vouched for them yet.
    """

    def __init__(self) -> None:
        self._newest: dict[int, Heartbeat] = {}

    def add(self, heartbeat: Heartbeat) -> None:
        """Take a heartbeat in, in the order of the log; an older epoch of its subtask changes nothing."""
        known = self._newest.get(heartbeat.subtask)
        if known is None or heartbeat.epoch_ms >= known.epoch_ms:
            self._newest[heartbeat.subtask] = heartbeat

    def folded(self) -> FoldedHeartbeat | None:
        """The least of what all subtasks of the newest epoch's parallelism said; None while one has said nothing."""
        if not self._newest:
            return None
        parallelism = max(self._newest.values(), key=lambda heartbeat: heartbeat.epoch_ms).parallelism
        counted = [h for h in self._newest.values() if h.subtask < parallelism and h.parallelism == parallelism]
        if len(counted) < parallelism:
            return None
        return FoldedHeartbeat(min(h.as_of_ms for h in counted), min(h.watermark_ms for h in counted))
