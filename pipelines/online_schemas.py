"""Keeps the Avro schemas of stored rows beside them, so that a reader needs nothing but the online store."""

from __future__ import annotations

import threading
from collections.abc import Iterable

import structlog
from redis import Redis

from headwater.pipelines.backoff import Dependency
from headwater.pipelines.online_store import schema_key
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import RegistryError

_log = structlog.get_logger(__name__)


class OnlineSchemas:
    """The schemas that this process has stored, each fetched from the registry once."""

    def __init__(self, settings: Settings, client: Redis, store: Dependency, stop: threading.Event) -> None:
        self._registry = Registry(settings)
        self._registry_calls = Dependency("registry", stop, (RegistryError,))
        self._client = client
        self._store = store
        self._texts: dict[bytes, str] = {}
        self._stored: set[bytes] = set()

    def provide(self, frames: Iterable[bytes]) -> None:
        """See to it that the store has the schema of each frame: a zero and the schema id, as framed values begin.

        Raises:
            StopRequested: the process shall end, and the registry or the store is away.
        """
        for frame in frames:
            if frame not in self._stored:
                self._provide(frame)

    def restore(self) -> None:
        """Write again whatever the store has lost of the schemas that it had."""
        frames = sorted(self._stored)
        if not frames:
            return
        keys = [schema_key(_schema_id(frame)) for frame in frames]
        if self._store.call(lambda: self._client.exists(*keys)) != len(keys):
            self._stored.clear()
            self.provide(frames)

    def forget(self) -> None:
        """Write each schema again when it is next needed."""
        self._stored.clear()

    def _provide(self, frame: bytes) -> None:
        schema_id = _schema_id(frame)
        if frame not in self._texts:
            self._texts[frame] = self._registry_calls.call(lambda: self._fetch(schema_id))
        self._store.call(lambda: self._client.set(schema_key(schema_id), self._texts[frame]))
        self._stored.add(frame)
        _log.info("schema_stored", schema_id=schema_id)

    def _fetch(self, schema_id: int) -> str:
        text = self._registry.schema_text(schema_id)
        if text is None:
            raise RegistryError(f"the registry does not know schema {schema_id}, which rows of the log name")
        return text


def _schema_id(frame: bytes) -> int:
    return int.from_bytes(frame[1:], "big")
