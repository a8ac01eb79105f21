"""Where the board looks: the processes of a local stack, metrics pages by URL, or a Prometheus."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

import httpx

from headwater.pipelines.board.model import Look
from headwater.pipelines.board.samples import BUCKET, COUNT, LAST_EVENT, SINGLE, SUM, VISIBLE, Sample, samples_of
from headwater.pipelines.stack.state import StackState, StateDirectory
from headwater.schemas.errors import StackError
from headwater.schemas.plan import Plan

TIMEOUT_SECONDS = 2.0
AT_ONCE = 8


class Source(Protocol):
    """Something that can be looked at again and again."""

    def look(self) -> Look:
        """What is to be seen now. A target that does not answer is said to be silent: that is what the board shows."""

    def close(self) -> None:
        """Let go of connections."""


class Pages:
    """The /metrics pages of processes.

    Args:
        targets: asked at each look: the URL of each page, by the name under which it is shown, and the views' plans.
    """

    def __init__(self, targets: Callable[[], tuple[Mapping[str, str], Sequence[Plan]]]) -> None:
        self._targets = targets
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS)
        self._readers = ThreadPoolExecutor(AT_ONCE, "board")

    def look(self) -> Look:
        """What all pages say, read side by side."""
        targets, plans = self._targets()
        answers = dict(zip(targets, self._readers.map(self._read, targets.values()), strict=True))
        samples = {name: answer for name, answer in answers.items() if not isinstance(answer, str)}
        silent = {name: answer for name, answer in answers.items() if isinstance(answer, str)}
        return Look(time.time(), samples, silent, plans)

    def close(self) -> None:
        """Let go of connections."""
        self._readers.shutdown()
        self._client.close()

    def _read(self, url: str) -> list[Sample] | str:
        try:
            return samples_of(self._client.get(url).raise_for_status().text)
        except (httpx.HTTPError, ValueError) as error:
            return f"{url}: {str(error) or type(error).__name__}"


def pages_of_stack(state: Path) -> Pages:
    """The pages of all processes of the local stack in this directory, which may come and go.

    Raises:
        StackError: no stack runs there.
    """
    directory = StateDirectory(state)
    if not _running(directory):
        raise StackError(
            f"no stack runs in {state}: start one with `headwater up`, or say where a deployment's metrics are:"
            " --scrape URL, or --prometheus URL"
        )
    plans: dict[Path, Plan] = {}

    def targets() -> tuple[Mapping[str, str], Sequence[Plan]]:
        stack = _running(directory)
        if stack is None:
            return {"the stack": f"stopped://{state}"}, list(plans.values())
        for view in stack.views:
            plans[view.plan] = plans.get(view.plan) or Plan.from_json(view.plan.read_bytes())
        pages = {process.name: url for process in stack.processes if (url := process.addresses.get("metrics"))}
        return pages, [plans[view.plan] for view in stack.views]

    return Pages(targets)


def pages_of_urls(urls: Sequence[str], plans: Sequence[Plan]) -> Pages:
    """These pages; the plans tell owners and objectives."""
    return Pages(lambda: ({url: url for url in urls}, plans))


class Prometheus:
    """A Prometheus that scrapes all processes; it knows error budgets, and the hour before the board began."""

    def __init__(self, url: str, plans: Sequence[Plan]) -> None:
        self._url = url.rstrip("/")
        self._plans = plans
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS)

    def look(self) -> Look:
        """What Prometheus knows now."""
        return self.look_back(time.time())

    def look_back(self, at: float) -> Look:
        """What Prometheus knew at this time, seconds since the epoch."""
        try:
            samples = [sample for query in QUERIES for sample in self._ask(query, at)]
        except (httpx.HTTPError, KeyError, ValueError) as error:
            return Look(at, {}, {self._url: str(error) or type(error).__name__}, self._plans)
        return Look(at, {self._url: samples}, {}, self._plans)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    def _ask(self, query: tuple[str | None, str], at: float) -> list[Sample]:
        name, expression = query
        answer = self._client.get(f"{self._url}/api/v1/query", params={"query": expression, "time": at})
        found: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return [_sample(each["metric"], name, float(each["value"][1])) for each in found]


QUERIES = (
    (None, '{__name__=~"' + "|".join(SINGLE) + '"}'),
    # Of all features, whose timing is the same, one series.
    (BUCKET, f"max by (view, stage, le, instance) ({BUCKET})"),
    (SUM, f"max by (view, stage, instance) ({SUM})"),
    (LAST_EVENT, f"max by (view) ({LAST_EVENT})"),
    (COUNT, f'max by (view, feature) ({COUNT}{{stage="{VISIBLE}"}})'),
)
"""What is asked of Prometheus, and what the result is called where a query takes its name away."""


def _sample(metric: Mapping[str, str], name: str | None, value: float) -> Sample:
    labels = {label: text for label, text in metric.items() if label != "__name__"}
    return Sample(name or metric["__name__"], labels, value)


def _running(directory: StateDirectory) -> StackState | None:
    state = directory.read()
    return state if state is not None and state.is_supervised else None
