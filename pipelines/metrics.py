"""The /metrics endpoint of a process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from prometheus_client import CollectorRegistry, start_http_server

from headwater.pipelines.settings import Settings
from headwater.schemas.errors import PrerequisiteError

_log = structlog.get_logger(__name__)


@contextmanager
def metrics_endpoint(settings: Settings, registry: CollectorRegistry) -> Iterator[int]:
    """Serve the registry's metrics on the address of the settings while the context is open.

    Yields:
        The port it listens on, which is also logged: a free one if the settings name port 0.

    Raises:
        PrerequisiteError: the address cannot be listened on.
    """
    try:
        server, thread = start_http_server(settings.metrics_port, settings.metrics_host, registry)
    except OSError as error:
        raise PrerequisiteError(
            f"cannot serve metrics on {settings.metrics_host}:{settings.metrics_port}: {error.strerror};"
            " set HEADWATER_METRICS_PORT to a free port, or to 0 to have one chosen"
        ) from error
    port = int(server.server_port)
    _log.info("metrics_listening", url=f"http://{settings.metrics_host}:{port}/metrics", port=port)
    try:
        yield port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
