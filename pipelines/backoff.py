"""Waiting for a service that is away: with exponential back-off, one log line per change, and an end on request."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

import structlog
from tenacity import RetryCallState, Retrying, retry_if_exception_type, wait_exponential, wait_random

Result = TypeVar("Result")

FIRST_WAIT_SECONDS = 0.05
LONGEST_WAIT_SECONDS = 5.0

_log = structlog.get_logger(__name__)


class StopRequested(Exception):  # noqa: N818 - a request, not an error
    """The process was asked to end while it waited."""


class Dependency:
    """A service that may go away and come back, and the calls that wait for it."""

    def __init__(
        self,
        name: str,
        stop: threading.Event,
        errors: tuple[type[Exception], ...],
        *,
        explain: Callable[[Exception], str] = str,
        on_change: Callable[[bool], None] = lambda _: None,
    ) -> None:
        """
        Args:
            name: for log lines, such as `online_store`.
            stop: set when the process shall end.
            errors: those that mean that the service is in trouble; all others pass through.
            explain: says in one line what went wrong and what to do.
            on_change: told False when trouble begins and True when it is over.
        """
        self._name = name
        self._stop = stop
        self._explain = explain
        self._on_change = on_change
        self._last_trouble: str | None = None
        self._since = 0.0
        self._retrying = Retrying(
            retry=retry_if_exception_type(errors),
            wait=wait_exponential(multiplier=FIRST_WAIT_SECONDS, max=LONGEST_WAIT_SECONDS)
            + wait_random(0, FIRST_WAIT_SECONDS),
            before_sleep=self._report,
            sleep=self._wait,
        )

    def call(self, action: Callable[[], Result]) -> Result:
        """The result of the action, repeated until the service lets it succeed.

        Raises:
            StopRequested: the process shall end, and the service is still in trouble.
        """
        result = self._retrying(action)
        if self._last_trouble is not None:
            self._last_trouble = None
            self._on_change(True)
            _log.info(f"{self._name}_available", after_seconds=round(time.monotonic() - self._since, 3))
        return result

    def _report(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        trouble = self._explain(error) if isinstance(error, Exception) else ""
        if self._last_trouble is None:
            self._since = time.monotonic()
            self._on_change(False)
        if trouble != self._last_trouble:
            self._last_trouble = trouble
            _log.warning(f"{self._name}_unavailable", error=trouble)

    def _wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise StopRequested(self._name)
