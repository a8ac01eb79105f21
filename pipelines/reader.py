"""Reads features from the online store; needs nothing but Redis."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Self, cast

from pydantic import SecretStr
from redis.exceptions import NoPermissionError, RedisError

from headwater.operators.heartbeats import FoldedHeartbeat
from headwater.operators.reading import (
    FeatureRow,
    FeatureValue,
    RowDecoder,
    RowReader,
    Status,
    StoredRow,
    Version,
    micros,
    schema_id_of,
)
from headwater.pipelines.online_store import address, connect, partition_keys, read_keys, schema_key, trouble, view_key
from headwater.pipelines.online_view import OnlineView
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import OnlineStoreError
from headwater.schemas.feature_log import VERSION_BYTES
from headwater.schemas.keys import KeyValue, encode_key, partition_of
from headwater.schemas.plan import Plan

__all__ = ["FeatureRow", "FeatureValue", "OnlineReader", "Status", "Version"]

ANSWER_TIMEOUT_SECONDS = 5.0
_FRAME = slice(VERSION_BYTES, VERSION_BYTES + 5)
VIEW_SECONDS = 5.0  # how long a reader may go on reading a generation that was replaced


class OnlineReader:
    """The features of one view as they are online now. Use one for each thread.

    ::

        with OnlineReader("redis://127.0.0.1:6379/0", "customer_purchases") as reader:
            row = reader.get(customer_id="c42")
            row.values["purchases_1h"], row.status, row.age
    """

    def __init__(self, redis: str | Settings, view: str) -> None:
        """Nothing is read yet.

        Args:
            redis: its URL; or settings, as `load_settings()` gives them, with which TLS files and passwords that stand
                in files are read anew for each connection.

        Raises:
            SettingsError: the URL is not one of Redis.
        """
        store = SecretStr(redis) if isinstance(redis, str) else redis
        self._view = view
        self._address = address(store.redis_url if isinstance(store, Settings) else store)
        self._client = connect(store, answer_timeout_seconds=ANSWER_TIMEOUT_SECONDS)
        self._shown: _Shown | None = None
        self._look_again_at = 0.0

    def get(self, as_of: datetime | float | None = None, **entity: KeyValue) -> FeatureRow:
        """The features of the entity with these key fields; see `get_many`."""
        return self.get_many([entity], as_of)[0]

    def get_many(
        self, entities: Sequence[Mapping[str, KeyValue]], as_of: datetime | float | None = None
    ) -> list[FeatureRow]:
        """The features of many entities, in their order, read from Redis in one request.

        Args:
            entities: the key fields of each.
            as_of: the instant to which windows have decayed and ages are counted: an aware datetime, or seconds
                since the epoch; now if left out. Events later than this are not undone.

        Raises:
            OnlineStoreError: Redis cannot be read, or has no such view; the message lists those that exist.
            FormatError: an entity is not one of the view's, `as_of` has no time zone, or what is stored is broken.
        """
        if not entities:
            return []
        try:
            return self._get_many(entities, micros(time.time() if as_of is None else as_of))
        except RedisError as error:
            raise OnlineStoreError(f"cannot read {self._address}: {trouble(error)}") from error

    def plan(self) -> Plan:
        """The plan of the generation that is read now.

        Raises:
            OnlineStoreError: Redis cannot be read, or has no such view.
        """
        try:
            return self._current().plan
        except RedisError as error:
            raise OnlineStoreError(f"cannot read {self._address}: {trouble(error)}") from error

    def close(self) -> None:
        """Close the connection; it is opened again when needed."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _get_many(self, entities: Sequence[Mapping[str, KeyValue]], as_of_us: int) -> list[FeatureRow]:
        shown = self._current()
        row_keys, partitions = shown.locate(entities)
        heard_of = sorted(set(partitions))
        answer = read_keys(self._client, [*row_keys, *(shown.keys[partition].heartbeat for partition in heard_of)])
        stored, heartbeats = answer[: len(entities)], answer[len(entities) :]
        beats = {
            p: FoldedHeartbeat.unpack(data) if data else None for p, data in zip(heard_of, heartbeats, strict=True)
        }
        return [
            shown.reader.read(entity, row, beats[partition], as_of_us)
            for entity, row, partition in zip(entities, self._decoded(shown, stored), partitions, strict=True)
        ]

    def _decoded(self, shown: _Shown, stored: Sequence[bytes | None]) -> list[StoredRow | None]:
        """The rows in what is stored, those of one schema decoded together."""
        rows: list[StoredRow | None] = [None] * len(stored)
        places: dict[bytes, list[int]] = {}
        for place, data in enumerate(stored):
            if data is not None:
                places.setdefault(data[_FRAME], []).append(place)
        for together in places.values():
            values = [cast("bytes", stored[place]) for place in together]
            for place, row in zip(together, self._decoder(shown, values[0]).decode_many(values), strict=True):
                rows[place] = row
        return rows

    def _decoder(self, shown: _Shown, stored: bytes) -> RowDecoder:
        frame = stored[_FRAME]
        decoder = shown.decoders.get(frame)
        if decoder is None:
            schema_id = schema_id_of(stored)
            text = cast("bytes | None", self._client.get(schema_key(schema_id)))
            if text is None:
                raise OnlineStoreError(
                    f"{self._address} has rows of {self._view} with schema {schema_id}, but not that schema; the view's"
                    " materializer writes it again within seconds while it runs"
                )
            decoder = shown.decoders[frame] = shown.reader.decoder(text)
        return decoder

    def _current(self) -> _Shown:
        now = time.monotonic()
        if self._shown is None or now >= self._look_again_at:
            text = cast("bytes | None", self._client.get(view_key(self._view)))
            if text is None:
                raise OnlineStoreError(self._no_such_view())
            if self._shown is None or self._shown.text != text:
                self._shown = _Shown(text)
            self._look_again_at = now + VIEW_SECONDS
        return self._shown

    def _no_such_view(self) -> str:
        prefix = view_key("").decode()
        try:
            found = list(self._client.scan_iter(f"{prefix}*", count=1000))
        except NoPermissionError:
            return f"{self._address} has no view {self._view!r}, and this user may not see which it has"
        views = sorted(key.decode().removeprefix(prefix) for key in found)
        there = f"it has {', '.join(views)}" if views else "it has none; start the view's compute job and materializer"
        return f"{self._address} has no view {self._view!r}: {there}"


class _Shown:
    """A generation that readers see, and what is needed to read it."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        view = OnlineView.load(text)
        self.plan = view.plan
        self.reader = RowReader(view.plan)
        self.decoders: dict[bytes, RowDecoder] = {}
        self.keys = [
            partition_keys(view.plan.view, view.generation, partition) for partition in range(view.plan.log.partitions)
        ]

    def locate(self, entities: Sequence[Mapping[str, KeyValue]]) -> tuple[list[bytes], list[int]]:
        """The key and the partition of each entity's row."""
        canonical = [encode_key(self.plan.entity, entity) for entity in entities]
        partitions = [partition_of(key, len(self.keys)) for key in canonical]
        row_keys = [self.keys[partition].row_prefix + key for key, partition in zip(canonical, partitions, strict=True)]
        return row_keys, partitions
