"""What each aggregate costs, and what twenty windows cost beside one: bytes of state a key, CPU an event."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from headwater.pipelines.bench.figures import Figure
from headwater.pipelines.bench.kernel import HEAP_MB, WATERMARK_DELAY_MS, BenchKernel, Run
from headwater.pipelines.bench.stream import BenchStream, Distribution, StreamShape
from headwater.pipelines.bench.views import BASELINE, FEATURES, TWENTY_WINDOWS, WINDOW, plan_of
from headwater.schemas import mean_of, sum_of
from headwater.schemas.aggregation import Aggregation
from headwater.schemas.plan import AggregateName, Plan

DISTRIBUTIONS: tuple[Distribution, ...] = ("uniform", "Zipf 1.1")
WINDOWS_GOAL = "<= 1.25"
WARM_UP_RUNS = 2

NOT_COUNTED = (
    "CPU of one thread in the kernel: state, tiles, windows, rows, with states in a hash map and one timer a key; "
    "without Flink's state and timer services, decoding, the exchange, the sink and garbage collection"
)


@dataclass(frozen=True, slots=True)
class Comparison:
    """A view and the one that it is measured beside, on one stream; medians of alternating runs."""

    name: str
    distribution: Distribution
    baseline: Run
    measured: Run
    of_windows: bool

    @property
    def cpu_ratio(self) -> float:
        return self.measured.cpu_us_per_event / self.baseline.cpu_us_per_event

    @property
    def extra_cpu_us(self) -> float:
        return self.measured.cpu_us_per_event - self.baseline.cpu_us_per_event


@dataclass(frozen=True, slots=True)
class _Pair:
    name: str
    baseline: Plan
    measured: Plan
    of_windows: bool = False


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured."""

    events: int
    keys: int
    per_second: int
    repeats: int

    def shape(self, distribution: Distribution) -> StreamShape:
        return StreamShape(self.events, self.keys, self.per_second, distribution)


def compare_all(
    effort: Effort, names: Sequence[AggregateName], progress: Callable[[str, int, int], None]
) -> Iterator[Comparison]:
    """Each of the aggregates beside the count alone, and twenty windows beside one.

    Args:
        effort: the size of the streams and the number of repeats.
        names: the aggregates.
        progress: told what is measured next, how many comparisons are done, and how many there are.

    Raises:
        VerificationError: the kernel's rows are not the reference's.
        PrerequisiteError: Java, Flink's jars or the kernel's are missing.
    """
    pairs = [_Pair(name, _count(), plan_of(name, FEATURES[name](WINDOW))) for name in names] + _windows()
    total = len(pairs) * len(DISTRIBUTIONS)
    done = 0
    for distribution in DISTRIBUTIONS:
        stream = BenchStream(effort.shape(distribution))
        checked = set[str]()
        for pair in pairs:
            progress(f"{pair.name}, {distribution}", done, total)
            yield _compare(pair, stream, effort.repeats, checked)
            done += 1
    progress("", done, total)


def figures_of(comparisons: Sequence[Comparison], effort: Effort) -> list[Figure]:
    """The figures of the comparisons, each with its conditions."""
    figures = []
    for each in comparisons:
        conditions = f"{effort.shape(each.distribution).text()}; {NOT_COUNTED}; {_how(effort)}"
        if each.of_windows:
            name = f"CPU of 20 windows of {each.name} / 1 window, {each.distribution}"
            windows = f"windows from {TWENTY_WINDOWS[0]} to {TWENTY_WINDOWS[-1]} beside one of {WINDOW}"
            figures.append(Figure(name, each.cpu_ratio, "ratio", WINDOWS_GOAL, f"{windows}; {conditions}"))
            continue
        one, conditions = f"{each.name}, {each.distribution}", f"one window of {WINDOW}; {conditions}"
        figures += [
            Figure(f"state of {one}", each.measured.state_bytes_per_key, "bytes per key", None, conditions),
            Figure(f"CPU of {one}", each.measured.cpu_us_per_event, "us per event", None, conditions),
            Figure(f"CPU of {one}, less that of count", each.extra_cpu_us, "us per event", None, conditions),
        ]
    return figures


def _count() -> Plan:
    return plan_of("baseline", FEATURES[BASELINE](WINDOW))


def _windows() -> list[_Pair]:
    """One and twenty windows of the same aggregates."""
    several: dict[str, Callable[[str], Sequence[Aggregation]]] = {
        "count": FEATURES["count"],
        "sum and mean": lambda over: [sum_of("amount", over=over), mean_of("amount", over=over)],
    }
    return [
        _Pair(
            what,
            plan_of("one_window", features(WINDOW)),
            plan_of("twenty_windows", [each for over in TWENTY_WINDOWS for each in features(over)]),
            of_windows=True,
        )
        for what, features in several.items()
    ]


def _compare(pair: _Pair, stream: BenchStream, repeats: int, checked: set[str]) -> Comparison:
    """Compares the rows with the reference's first, unless those of the same plan have been."""
    with tempfile.TemporaryDirectory() as directory, BenchKernel(stream, Path(directory)) as kernel:
        for plan in (pair.baseline, pair.measured):
            if plan.digest() not in checked:
                kernel.run_checked(plan)
                checked.add(plan.digest())
        for _ in range(WARM_UP_RUNS):
            kernel.run(pair.baseline)
            kernel.run(pair.measured)
        runs = [(kernel.run(pair.baseline), kernel.run(pair.measured)) for _ in range(repeats)]
    baseline, measured = (_middle([each[side] for each in runs]) for side in (0, 1))
    return Comparison(pair.name, stream.shape.distribution, baseline, measured, pair.of_windows)


def _middle(runs: Sequence[Run]) -> Run:
    return Run(*(median(values) for values in zip(*runs, strict=True)))


def _how(effort: Effort) -> str:
    return (
        f"medians of {effort.repeats} pairs of runs in turn after warming up, over the second half of the events; "
        f"a watermark each 200 ms, {WATERMARK_DELAY_MS} ms behind; rows at most each 200 ms for a key; "
        f"heap {HEAP_MB} MiB, ParallelGC; every key's last row checked against the reference"
    )
