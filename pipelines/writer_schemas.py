"""The schemas that rows were written with, from the registry, each asked for once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Any

import structlog

from headwater.operators.rows import fields_left_out
from headwater.pipelines.backoff import Dependency, StopRequested
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import FormatError, RegistryError
from headwater.schemas.plan import Plan

_ASK_AGAIN_SECONDS = 0.5

_log = structlog.get_logger(__name__)


class WriterSchemas:
    """The writer schema of a schema id, as `headwater.operators.rows.RowDecoder` asks for it."""

    def __init__(self, settings: Settings, plan: Plan, stop: threading.Event) -> None:
        self._registry = Registry(settings)
        self._calls = Dependency("registry", stop, (RegistryError,))
        self._patience_seconds = settings.unknown_schema_wait_ms / 1000
        self._plan = plan
        self._stop = stop

    def __call__(self, schema_id: int) -> Mapping[str, Any]:
        """The schema of this id. Waits while the registry is away.

        Raises:
            FormatError: the registry is there and, asked again for a while, does not have it, or it is no record.
            StopRequested: the process shall end, and the registry is away.
        """
        deadline = time.monotonic() + self._patience_seconds
        text = self._calls.call(lambda: self._registry.schema_text(schema_id))
        while text is None and time.monotonic() < deadline:
            if self._stop.wait(_ASK_AGAIN_SECONDS):
                raise StopRequested("registry")
            text = self._calls.call(lambda: self._registry.schema_text(schema_id))
        if text is None:
            raise FormatError(f"the registry does not know schema {schema_id}")
        schema = json.loads(text)
        if not isinstance(schema, dict) or schema.get("type") != "record":
            raise FormatError(f"schema {schema_id} is not an Avro record")
        left_out = fields_left_out(schema, self._plan)
        if left_out:
            # A newer job than this archive is at work; or an older one was, before features were given up.
            _log.warning("fields_not_archived", view=self._plan.view, schema_id=schema_id, fields=left_out)
        return schema
