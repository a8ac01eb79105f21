"""`headwater watch`: looks at both stores of some views, at the event topics, and at what a reader sees.

It writes nothing but probes, where a view declares one, and the reference of its values; so any number of it may run,
and nothing else notices when none does.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from headwater.operators.conditions import Conditions
from headwater.pipelines.backoff import StopRequested
from headwater.pipelines.online_store import connect
from headwater.pipelines.service import service
from headwater.pipelines.settings import Settings
from headwater.pipelines.watch.archived_rows import ArchivedRows
from headwater.pipelines.watch.offline_parity import OfflineParity
from headwater.pipelines.watch.online_sample import OnlineSample
from headwater.pipelines.watch.probe_watch import ProbeMetrics, ProbeWatch
from headwater.pipelines.watch.reference_parity import ReferenceParity
from headwater.pipelines.watch.row_watch import RowWatch
from headwater.pipelines.watch.value_watch import ValueWatch
from headwater.pipelines.watch.watch_metrics import ParityMetrics, Task
from headwater.schemas.errors import DependencyError
from headwater.schemas.plan import Plan

PAUSE_AFTER_FAILURE_SECONDS = 5.0
TOLD_SECONDS = 3600.0
"""For so long a difference is told after it was found."""
UNCHECKED_SECONDS = 3600.0
ALIVE_SECONDS = 0.5

_log = structlog.get_logger(__name__)


def run(settings: Settings, plans: Sequence[Plan]) -> None:
    """Watch the views until SIGTERM or SIGINT.

    Raises:
        DeclarationError: a view's probe is an event that it does not count.
        FormatError: what stands in the online store is not Headwater's.
        PrerequisiteError: the metrics address is taken.
    """
    with service(settings) as (stop, registry):
        views = Together()
        registry.register(views)
        tasks = [task for plan in plans for task in _tasks(settings, plan, stop, views.registry())]
        for task in tasks:
            task.start()
        _log.info("watching", views=[plan.view for plan in plans])
        while not stop.wait(ALIVE_SECONDS):
            _raise_failure(tasks)
        for task in tasks:
            task.join()
        _raise_failure(tasks)
    _log.info("stopped")


class Together(Collector):
    """The metrics of several views as one page: of each name one family."""

    def __init__(self) -> None:
        self._registries: list[CollectorRegistry] = []

    def registry(self) -> CollectorRegistry:
        """Where one view's metrics are to be registered."""
        self._registries.append(CollectorRegistry())
        return self._registries[-1]

    def collect(self) -> Iterable[Metric]:
        """All of them; called by the metrics endpoint."""
        families: dict[str, Metric] = {}
        for registry in self._registries:
            for family in registry.collect():
                known = families.setdefault(family.name, family)
                if known is not family:
                    known.samples.extend(family.samples)
        return families.values()


class WatchTask(threading.Thread):
    """Work that goes on beside others: what a service's absence stops is begun anew, anything else ends the process.

    Attributes:
        failure: why it ended, if not because the process was asked to.
    """

    def __init__(
        self, name: Task, plan: Plan, work: Callable[[], None], metrics: ParityMetrics, stop: threading.Event
    ) -> None:
        super().__init__(name=f"{name}-{plan.view}", daemon=True)
        self._task = name
        self._view = plan.view
        self._work = work
        self._metrics = metrics
        self._stop_requested = stop
        self.failure: BaseException | None = None

    def run(self) -> None:
        """Work until stop is set."""
        trouble = ""
        while not self._stop_requested.is_set():
            try:
                self._work()
                trouble = ""
            except StopRequested:
                return
            except DependencyError as error:
                self._metrics.failed(self._task)
                if str(error) != trouble:
                    trouble = str(error)
                    _log.warning("watch_task_waits", view=self._view, task=self._task, error=trouble)
                self._stop_requested.wait(PAUSE_AFTER_FAILURE_SECONDS)
            except BaseException as error:
                self.failure = error
                return


def _tasks(settings: Settings, plan: Plan, stop: threading.Event, registry: CollectorRegistry) -> list[WatchTask]:
    metrics = ParityMetrics(plan, registry)
    client = connect(settings)
    values = ValueWatch(settings, plan, client, registry)
    online = OnlineSample(client, plan)
    parity = OfflineParity(plan, online, ArchivedRows(settings, plan), metrics)
    rows = RowWatch(settings, online, parity, values, stop)
    tasks = [WatchTask("rows", plan, rows.run, metrics, stop)]
    conditions = Conditions(plan.view, "watch", registry)
    conditions.check("parity_broken", lambda: metrics.seconds_since_disagreement() < TOLD_SECONDS)
    conditions.check("parity_unchecked", lambda: metrics.seconds_since_check("offline") > UNCHECKED_SECONDS)
    conditions.check("values_drifted", lambda: bool(values.drifted()))
    if settings.watch_reference_keys:
        reference = ReferenceParity(settings, plan, OnlineSample(connect(settings), plan), metrics, stop)

        def scan() -> None:
            reference.check()
            stop.wait(settings.watch_reference_pause_seconds)

        tasks.append(WatchTask("reference", plan, scan, metrics, stop))
    if plan.probe is not None:
        probe_metrics = ProbeMetrics(plan, registry)
        probe = ProbeWatch(settings, plan, plan.probe, probe_metrics, stop)
        conditions.check("probe_unseen", probe_metrics.waits_too_long)
        tasks.append(WatchTask("probe", plan, probe.run, metrics, stop))
    return tasks


def _raise_failure(tasks: Iterable[WatchTask]) -> None:
    for task in tasks:
        if task.failure is not None:
            raise task.failure
