"""Waiting for a service says once that it is away, once that it is back, and ends on request."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from headwater.pipelines import backoff
from headwater.pipelines.backoff import Dependency, StopRequested


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backoff, "FIRST_WAIT_SECONDS", 0.001)
    monkeypatch.setattr(backoff, "LONGEST_WAIT_SECONDS", 0.002)


def failing(*failures: Exception) -> Callable[[], str]:
    remaining = list(failures)

    def action() -> str:
        if remaining:
            raise remaining.pop(0)
        return "done"

    return action


def test_a_call_is_repeated_until_it_succeeds_and_each_change_is_told_once() -> None:
    changes: list[bool] = []
    service = Dependency("store", threading.Event(), (OSError,), on_change=changes.append)
    with capture_logs() as logs:
        assert service.call(failing(OSError("gone"), OSError("gone"), OSError("full"))) == "done"
        assert service.call(failing()) == "done"
    assert changes == [False, True]
    told = [(line["event"], line.get("error")) for line in logs]
    assert told == [("store_unavailable", "gone"), ("store_unavailable", "full"), ("store_available", None)]


def test_errors_of_another_kind_pass_through() -> None:
    with pytest.raises(ValueError, match="mine"):
        Dependency("store", threading.Event(), (OSError,)).call(failing(ValueError("mine")))


def test_a_process_that_shall_end_does_not_wait() -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(StopRequested):
        Dependency("store", stop, (OSError,)).call(failing(OSError("gone")))
