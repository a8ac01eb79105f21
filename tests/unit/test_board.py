"""The board: what it makes of the metrics of processes, look by look."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from headwater.operators.freshness import STAGES
from headwater.operators.log_batch import ROW_HEADERS
from headwater.operators.online_metrics import OnlineLimits, OnlineMetrics, PartitionStatus
from headwater.pipelines.board.collector import Collector
from headwater.pipelines.board.model import Board, Look
from headwater.pipelines.board.points import POINTS
from headwater.pipelines.board.samples import BUCKET, PARITY_ROWS, RATES, REJECTS, VISIBLE, Sample, samples_of
from headwater.pipelines.board.sources import Prometheus
from headwater.pipelines.board.view import SPARKS, State, ViewNow
from headwater.pipelines.slo.rules import KERNEL
from headwater.pipelines.stack.ports import free_ports
from headwater.schemas.feature_log import CAUSES
from headwater.schemas.plan import Objective, Plan
from tests.feature_log_rows import make_plan

DAY_MS = 86_400_000
FRESH_READS = Objective(kind="fresh_reads", share_per_million=990_000, over_ms=30 * DAY_MS, within_ms=2_000)
ACCEPTED = Objective(kind="accepted_events", share_per_million=999_000, over_ms=30 * DAY_MS)
PLAN = make_plan().model_copy(update={"objectives": (FRESH_READS, ACCEPTED)})
START = 1_795_000_000.0


class Pipeline:
    """A materializer's metrics, as its process would serve them, and a board that looks at them every two seconds."""

    def __init__(self, plan: Plan = PLAN) -> None:
        self.plan = plan
        self.board = Board()
        self.at = START
        self.restart()

    def restart(self) -> None:
        """A new process, which has counted nothing yet."""
        self.registry = CollectorRegistry()
        self.metrics = OnlineMetrics(self.plan, self.registry, OnlineLimits(1_000, 10.0, 1_000))
        self.heartbeat(age_seconds=0.5)

    def heartbeat(self, age_seconds: float | None) -> None:
        """The least heartbeat is so old; None: there was never one."""
        as_of_ms = None if age_seconds is None else int((time.time() - age_seconds) * 1000)
        self.metrics.report({0: PartitionStatus(as_of_ms=as_of_ms, lag_rows=3, waiting_since_ms=None)})

    def events(self, rows: int, seconds: float = 0.25) -> None:
        """So many events become visible, after so many seconds."""
        headers = np.zeros(rows, ROW_HEADERS)
        now_ms = time.time() * 1000
        headers["cause"] = CAUSES.index("EVENT")
        headers["event_time_us"] = int((now_ms - seconds * 1000) * 1000)
        headers["ingested_at_ms"] = headers["computed_at_ms"] = int(now_ms)
        self.metrics.freshness.observe(headers, received_ms=now_ms, visible_ms=now_ms)
        self.metrics.counts.rows_written += rows

    def look(
        self, *others: Sample, silent: bool = False, plans: Sequence[Plan] | None = None, seconds: float = 2
    ) -> Mapping[str, ViewNow]:
        """What the board knows after another look."""
        self.at += seconds
        samples = {} if silent else {"materialize": samples_of(generate_latest(self.registry).decode())}
        missing = {"materialize": "connection refused"} if silent else {}
        known = [self.plan] if plans is None else plans
        self.board.take(Look(self.at, samples | {"taskmanager": list(others)}, missing, known))
        return {view.view: view for view in self.board.now().views}

    def view(self, *others: Sample, silent: bool = False, seconds: float = 2) -> ViewNow:
        return self.look(*others, silent=silent, seconds=seconds)[self.plan.view]


def rejected(count: float, reason: str = "null_value", subtask: str = "0") -> Sample:
    return Sample(REJECTS, {"view": PLAN.view, "reason": reason, "subtask_index": subtask}, count)


def compared(**rows: float) -> list[Sample]:
    labels = {"view": PLAN.view, "against": "offline"}
    return [Sample(PARITY_ROWS, labels | {"outcome": outcome}, count) for outcome, count in rows.items()]


def events(count: float) -> Sample:
    return Sample(f"{KERNEL}_events_total", {"job_name": f"headwater_{PLAN.view}_g7"}, count)


def test_a_view_is_fresh_while_events_become_visible_and_tells_how_soon() -> None:
    pipeline = Pipeline()
    pipeline.view()
    pipeline.events(100)
    view = pipeline.view()
    assert view.state is State.FRESH
    assert view.features == ["amount_sum_5m", "purchases_1h"]
    assert (view.owner, view.promised_seconds, view.lag_rows) == ("tests", 1.0, 3)
    assert view.p50 == pytest.approx(0.275, abs=0.08)
    assert view.rates["rows written online"] == 50  # between two looks


def test_what_was_counted_before_the_first_look_happened_at_no_known_time() -> None:
    pipeline = Pipeline()
    pipeline.events(100)
    view = pipeline.view()
    assert (view.p50, view.rates["rows written online"]) == (None, 0)
    pipeline.restart()
    pipeline.events(10)
    # A counter that is smaller than it was began anew at 0.
    assert pipeline.view().rates["rows written online"] == 10 / 2


@pytest.mark.parametrize(
    ("heartbeat_age", "state"),
    [(0.5, State.FRESH), (1.9, State.FRESH), (5.0, State.STALE), (20.0, State.STUCK), (None, State.STUCK)],
)
def test_the_age_of_heartbeats_tells_fresh_from_stale_and_stuck(heartbeat_age: float | None, state: State) -> None:
    pipeline = Pipeline()
    pipeline.metrics._started_ms -= 60_000
    pipeline.view()
    pipeline.events(1)
    pipeline.heartbeat(heartbeat_age)
    assert pipeline.view().state is state


def test_until_heartbeats_could_have_come_a_view_is_starting() -> None:
    pipeline = Pipeline()
    pipeline.heartbeat(None)
    assert pipeline.view().state is State.STARTING


def test_a_silent_source_is_told_from_a_stuck_pipeline() -> None:
    pipeline = Pipeline()
    pipeline.metrics._started_ms -= 60_000
    assert pipeline.view().state is State.NO_EVENTS
    pipeline.metrics.store_available = False
    view = pipeline.view()
    assert (view.state, view.since) == (State.STUCK, pipeline.at)
    assert view.conditions == ["online_store_unavailable", "stuck"]


def test_a_view_of_which_nobody_tells_is_silent_and_the_board_says_who_does_not_answer() -> None:
    pipeline = Pipeline()
    pipeline.view()
    view = pipeline.view(silent=True)
    assert view.state is State.SILENT
    assert view.features == ["amount_sum_5m", "purchases_1h"]
    assert pipeline.board.now().silent == {"materialize": "connection refused"}
    assert pipeline.view().state is State.FRESH


def test_without_a_plan_a_view_has_no_owner_and_is_forgotten_an_hour_after_the_last_word() -> None:
    pipeline = Pipeline()
    view = pipeline.look(plans=[])[PLAN.view]
    assert (view.owner, view.budgets, view.promised_seconds) == ("", [], None)
    assert view.features == ["amount_sum_5m", "purchases_1h"]
    assert pipeline.look(plans=[], silent=True, seconds=3_600) != {}
    assert pipeline.look(plans=[], silent=True) == {}


def test_rejected_records_are_summed_over_subtasks_by_reason_in_all_and_over_the_hour() -> None:
    pipeline = Pipeline()
    pipeline.view(rejected(10), rejected(1, subtask="1"))
    view = pipeline.view(rejected(14), rejected(1, subtask="1"), rejected(0, "bad_magic"))
    assert view.rejected == {"null_value": 15}
    assert view.rejected_last_hour == {"null_value": 4}


def test_budgets_burn_by_the_share_of_reads_that_are_too_old_and_of_events_that_are_rejected() -> None:
    pipeline = Pipeline()
    pipeline.view(events(0), rejected(0))
    view = pipeline.view(events(999), rejected(1))
    reads, accepted = view.budgets
    assert (reads.objective, reads.share, reads.over_days, reads.burn_rate) == ("fresh_reads", 0.99, 30, 0)
    assert accepted.burn_rate == pytest.approx(1)  # one in a thousand is what may go wrong
    pipeline.heartbeat(3)
    reads, _ = pipeline.view().budgets
    assert reads.burn_rate == pytest.approx(100 / 3)  # in one of three looks all reads, of which 1 % might
    reads, _ = pipeline.view(silent=True).budgets
    assert reads.burn_rate == pytest.approx(100 / 2)


def test_a_budget_of_agreeing_reads_burns_by_the_share_of_compared_rows_that_differ() -> None:
    agreeing = Objective(kind="agreeing_reads", share_per_million=990_000, over_ms=30 * DAY_MS)
    pipeline = Pipeline(make_plan().model_copy(update={"objectives": (agreeing,)}))
    (budget,) = pipeline.view(events(0), rejected(0), *compared(agreed=5, disagreed=0, unmatched=0)).budgets
    assert budget.burn_rate is None
    (budget,) = pipeline.view(events(9), rejected(9), *compared(agreed=103, disagreed=2, unmatched=50)).budgets
    assert budget.burn_rate == pytest.approx(2)


def test_what_prometheus_knows_of_a_budget_is_shown_as_it_is() -> None:
    labels = {"view": PLAN.view, "objective": "fresh_reads", "owner": "tests"}
    view = Pipeline().view(Sample("headwater:slo_error_budget_remaining:ratio", labels, 0.73))
    assert [budget.left for budget in view.budgets] == [0.73, None]


def test_a_prometheus_that_does_not_answer_is_not_asked_for_every_minute_of_the_past() -> None:
    (port,) = free_ports(1)
    url = f"http://127.0.0.1:{port}"
    with Collector(Prometheus(url, [PLAN]), 60) as board:
        assert board.wait(0, 0) == 2
        assert list(board.now().silent) == [url]
        (view,) = board.now().views
        assert view.state is State.SILENT


def test_an_hour_is_kept_and_no_more() -> None:
    board = Board()
    for look in range(POINTS + 20):
        labels = {"view": PLAN.view, "feature": "f", "stage": VISIBLE}
        buckets = [Sample(BUCKET, labels | {"le": bound}, 2.0 * look) for bound in ("0.5", "+Inf")]
        board.take(Look(START + 10.0 * look, {"materialize": [*buckets, events(100.0 * look)]}, {}, [PLAN]))
    past = board.past(PLAN.view)
    assert past is not None
    assert len(past.at) == len(past.p99) == len(past.rates["events"]) == POINTS
    assert set(past.rates) == set(RATES.values())
    assert set(past.rates["events"]) == {10.0}
    assert [len(past.stages[stage]) for stage in STAGES[:-1]] == [POINTS] * 4
    (view,) = board.now().views
    assert list(view.spark) == pytest.approx([0.495] * SPARKS)


def test_of_a_thousand_features_a_few_hundred_samples_are_taken() -> None:
    pipeline = Pipeline(make_plan(features=[(f"feature_{number}", "long") for number in range(1_000)]))
    pipeline.events(10)
    text = generate_latest(pipeline.registry).decode()
    assert text.count("\n") > 20_000
    samples = samples_of(text)
    assert len(samples) < 1_000 + 200
    pipeline.board.take(Look(START, {"materialize": samples}, {}, []))
    (view,) = pipeline.board.now().views
    assert len(view.features) == 1_000


def test_who_waits_for_the_next_look_is_woken_by_it() -> None:
    pipeline = Pipeline()
    assert pipeline.board.wait(0, 0.01) == 0
    pipeline.view()
    assert pipeline.board.wait(0, 10) == 1
