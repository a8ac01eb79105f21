"""What `headwater bench metrics` measures grows as it should."""

from __future__ import annotations

from headwater.pipelines.bench.metrics import counting_cpu_us_per_row, example_plan, figures_of, scrapes


def test_a_page_grows_with_the_features_by_the_whole_way_alone() -> None:
    plan = example_plan()
    few, many = ({each.process: each for each in scrapes(plan, number)} for number in (10, 100))
    for process in ("materialize", "watch"):
        assert few[process].page_bytes < many[process].page_bytes
    assert (many["materialize"].page_bytes - few["materialize"].page_bytes) / 90 < 3_000
    figures = figures_of([*few.values(), *many.values()], counting_cpu_us_per_row(plan))
    assert {figure.unit for figure in figures} == {"bytes", "s CPU", "us CPU per row"}
