"""What every long-running process does first: logs, an end on request, and /metrics."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from headwater.pipelines.logs import configure_logging
from headwater.pipelines.metrics import metrics_endpoint
from headwater.pipelines.settings import Settings


@contextmanager
def service(settings: Settings) -> Iterator[tuple[threading.Event, CollectorRegistry]]:
    """The frame of a process, for the main thread.

    Yields:
        An event that SIGTERM and SIGINT set, and the registry whose metrics are served meanwhile.

    Raises:
        PrerequisiteError: the metrics address is taken.
    """
    configure_logging(settings)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    registry = CollectorRegistry()
    with metrics_endpoint(settings, registry):
        yield stop, registry
