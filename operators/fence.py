"""The convergent write: a partition's batch goes to the online store in script calls that never move anything back.

A batch is refused whole unless the store holds the offset at which it starts, so that a writer that
was overtaken, or a store that lost its newest writes, is noticed before anything is skipped. Each row
is written only if its version is greater than what stands there, so that duplicates, replays and
aborted attempts change nothing. Source: `operators/fence.lua`, which Redis runs as one step.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from importlib import resources
from typing import Any, NamedTuple, Protocol, cast

from redis.exceptions import NoScriptError

from headwater.schemas.feature_log import VERSION_BYTES

CHUNK_ROWS = 500

SCRIPT = resources.files(__package__ or "headwater.operators").joinpath("fence.lua").read_text("utf-8")
_DIGEST = hashlib.sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class OnlineRow(NamedTuple):
    """One row as it is stored: its Redis key, 24 bytes of version and the framed row, and when Redis may forget it."""

    key: bytes
    value: bytes
    expires_at_ms: int

    @property
    def version(self) -> bytes:
        """The 24 bytes that decide which of two rows stays; greater bytes are newer."""
        return self.value[:VERSION_BYTES]


class Written(NamedTuple):
    """A batch that was accepted: how many rows were written, and the indexes of those that were not newer."""

    rows: int
    fenced: tuple[int, ...]


class Refused(NamedTuple):
    """A batch that was refused, because the store holds another offset (None: it holds none)."""

    stored_offset: int | None


class ScriptRunner(Protocol):
    """What a fence needs of a Redis client: to run a script by its digest, or to hand over its text."""

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> object: ...

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> object: ...


class Fence:
    """Writes the batches of one partition."""

    def __init__(self, client: ScriptRunner, offset_key: bytes, heartbeat_key: bytes) -> None:
        self._client = client
        self._own_keys = (offset_key, heartbeat_key)

    def write(
        self, rows: Sequence[OnlineRow], *, expected: int | None, next_offset: int, heartbeat: bytes = b""
    ) -> Written | Refused:
        """Write the rows, then the heartbeat (if any), then the offset to read next.

        The rows travel in chunks of at most CHUNK_ROWS; only the last one moves the offset, so that a
        batch that was interrupted is read again from its start.

        Args:
            rows: at most one for each key.
            expected: the offset that must be stored, None if there must be none.
            next_offset: the offset of the first record after the batch.
            heartbeat: the partition's folded heartbeat, or nothing to leave the stored one.

        Returns:
            What was written, with indexes into `rows`; or which offset is stored instead of the expected one.

        Raises:
            redis.exceptions.RedisError: the store could not be reached or refused. Any part of the batch may
                have been written; writing it again does no harm.
        """
        written, fenced = 0, list[int]()
        last = max(0, len(rows) - 1) // CHUNK_ROWS * CHUNK_ROWS
        for start in range(0, last + 1, CHUNK_ROWS):
            final = start == last
            reply = self._run(
                rows[start : start + CHUNK_ROWS],
                b"" if expected is None else b"%d" % expected,
                b"%d" % next_offset if final else b"",
                heartbeat if final else b"",
            )
            if reply[0] == 0:
                stored = cast("bytes", reply[1])
                return Refused(int(stored) if stored else None)
            written += cast("int", reply[1])
            fenced.extend(start + cast("int", index) for index in reply[2:])
        return Written(written, tuple(fenced))

    def _run(self, rows: Sequence[OnlineRow], *own_arguments: bytes) -> Sequence[int | bytes]:
        keys_and_args: list[bytes | str | int] = [*self._own_keys, *(row.key for row in rows), *own_arguments]
        for row in rows:
            keys_and_args += (row.value, row.expires_at_ms)
        try:
            reply = self._client.evalsha(_DIGEST, len(rows) + 2, *keys_and_args)
        except NoScriptError:
            reply = self._client.eval(SCRIPT, len(rows) + 2, *keys_and_args)
        return cast("Sequence[int | bytes]", reply)
