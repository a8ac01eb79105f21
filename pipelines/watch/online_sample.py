"""Rows of the online store as they stand: of the next keys in Redis' own order, or of certain ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from redis import Redis
from redis.exceptions import RedisError

from headwater.operators.heartbeats import FoldedHeartbeat
from headwater.operators.reading import FeatureValue, RowDecoder, RowReader, StoredRow, Version, schema_id_of
from headwater.pipelines.online_store import partition_keys, read_keys, schema_key, trouble
from headwater.schemas.errors import FormatError, OnlineStoreError
from headwater.schemas.feature_log import VERSION_BYTES
from headwater.schemas.keys import partition_of
from headwater.schemas.plan import Plan

SCAN_KEYS = 500
MOST_SCANS = 10
"""In one sweep, so that a view with few keys among many others' costs no more."""


class OnlineRow(NamedTuple):
    """A key as it stands online at one moment.

    Attributes:
        row: what is stored, None if nothing is, or if it cannot be read.
        problem: why it cannot be read; empty if it can.
        heartbeat: of the key's partition.
        offset: up to which the store has the partition of the log: the row came from before it.
    """

    key: bytes
    partition: int
    row: StoredRow | None
    problem: str
    heartbeat: FoldedHeartbeat | None
    offset: int

    @property
    def version(self) -> Version | None:
        """The row's version."""
        if self.row is None:
            return None
        return Version(*(self.row.fields[name] for name in ("generation", "clock", "n")))


class OnlineSample:
    """Reads a view's rows; every call raises OnlineStoreError if the store cannot be used."""

    def __init__(self, client: Redis, plan: Plan) -> None:
        self._client = client
        self._reader = RowReader(plan)
        self._decoders: dict[int, RowDecoder] = {}
        self._keys = [partition_keys(plan.view, plan.generation, each) for each in range(plan.log.partitions)]
        self._pattern = f"hw:{{{plan.view}.g{plan.generation}.p*}}:r:*".encode()
        self._cursor = 0
        self._found: dict[bytes, None] = {}

    def sweep(self, most: int) -> list[bytes]:
        """The next keys that have a row, in an order in which each comes once before any comes again."""
        for _ in range(MOST_SCANS):
            if len(self._found) >= most:
                break
            self._scan()
        some = list(self._found)[:most]
        for key in some:
            del self._found[key]
        return some

    def read(self, keys: Sequence[bytes]) -> list[OnlineRow]:
        """These keys as they stand now, all at one moment."""
        partitions = [partition_of(key, len(self._keys)) for key in keys]
        asked = sorted(set(partitions))
        names = [self._keys[partition].row_prefix + key for key, partition in zip(keys, partitions, strict=True)]
        names += [self._keys[partition].heartbeat for partition in asked]
        names += [self._keys[partition].offset for partition in asked]
        try:
            answer = read_keys(self._client, names)
        except RedisError as error:
            raise OnlineStoreError(f"rows cannot be read: {trouble(error)}") from error
        beats = dict(zip(asked, answer[len(keys) :], strict=False))
        offsets = dict(zip(asked, answer[len(keys) + len(asked) :], strict=True))
        rows = []
        for key, partition, stored in zip(keys, partitions, answer, strict=False):
            row, problem = self._decoded(stored)
            beat = beats[partition]
            heartbeat = None if beat is None else FoldedHeartbeat.unpack(beat)
            rows.append(OnlineRow(key, partition, row, problem, heartbeat, int(offsets[partition] or 0)))
        return rows

    def values(self, online: OnlineRow, as_of_us: int) -> Mapping[str, FeatureValue]:
        """What a reader sees of a row at an instant, in microseconds since the epoch."""
        return self._reader.read({}, online.row, online.heartbeat, as_of_us).values

    def _scan(self) -> None:
        try:
            found: Any = self._client.scan(self._cursor, match=self._pattern, count=SCAN_KEYS)
        except RedisError as error:
            raise OnlineStoreError(f"keys cannot be listed: {trouble(error)}") from error
        self._cursor, names = found
        self._found |= {name.split(b"}:r:", 1)[1]: None for name in cast("list[bytes]", names)}

    def _decoded(self, stored: bytes | None) -> tuple[StoredRow | None, str]:
        if stored is None:
            return None, ""
        try:
            row = self._decoder(schema_id_of(stored)).decode(stored)
        except FormatError as error:
            return None, str(error).partition(":")[0]  # what follows may hold what stands in the row
        version = b"".join(row.fields[name].to_bytes(8, "big") for name in ("generation", "clock", "n"))
        if version != stored[:VERSION_BYTES]:
            return None, "the version before the row is not the row's own"
        return row, ""

    def _decoder(self, schema_id: int) -> RowDecoder:
        if schema_id not in self._decoders:
            try:
                text = cast("bytes | None", self._client.get(schema_key(schema_id)))
            except RedisError as error:
                raise OnlineStoreError(f"schema {schema_id} cannot be read: {trouble(error)}") from error
            if text is None:
                raise FormatError(f"the schema {schema_id} of a row is not in the online store")
            self._decoders[schema_id] = self._reader.decoder(text)
        return self._decoders[schema_id]
