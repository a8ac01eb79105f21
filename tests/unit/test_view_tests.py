"""`headwater test` runs the tests beside a directory of views, from anywhere, and tells what failed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

VIEWS = """
from headwater.schemas import EventSource, FeatureView, count_events, sum_of

user_clicks = FeatureView(
    name="user_clicks", owner="o", description="d",
    source=EventSource(topic="clicks", key="user", event_time="at", event_time_unit="ms"),
    features=[count_events(over="5m"), sum_of("ms", over="5m")],
)
"""
SCHEMA = {
    "type": "record",
    "name": "Click",
    "fields": [{"name": "user", "type": "long"}, {"name": "at", "type": "long"}, {"name": "ms", "type": "int"}],
}
TESTS = """
import pytest
from headwater.pipelines.testing import local_view
from views import user_clicks

CLICKS = '''
    user  at   ms
    7     100  30
    7     200  12
'''

def test_clicks_are_counted():
    assert local_view(user_clicks, CLICKS).values(at=200, user=7)["count_5m"] == 2
"""
WRONG_TESTS = """
def test_clicks_are_summed():
    assert local_view(user_clicks, CLICKS).values(at=200, user=7) == {"count_5m": 2, "ms_sum_5m": 40}

def test_there_are_many():
    assert local_view(user_clicks, CLICKS).values(at=100, user=7)["count_5m"] > 5

def test_there_is_a_third_field():
    local_view(user_clicks, "user at ms x\\n7 1 1 1")

@pytest.mark.skip
def test_later():
    pass
"""

LOOKS = """

def test_a_sum():
    assert local_view(user_clicks, CLICKS).values(at=200, user=7)["ms_sum_5m"] == 40

def test_a_misspelt_one():
    assert local_view(user_clicks, CLICKS).values(at=200, user=7)["ms_sum"] == 42
"""


def write(directory: Path, tests: str) -> None:
    (directory / "clicks-value.avsc").write_text(json.dumps(SCHEMA))
    (directory / "views.py").write_text(VIEWS)
    (directory / "test_views.py").write_text(tests)


def headwater_test(path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """In a process and a directory of its own, since pytest runs in this one."""
    command = [sys.executable, "-m", "headwater.pipelines.cli", "test", str(path), *options]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=path.parent, env=environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_tests_that_hold_are_counted(tmp_path: Path) -> None:
    write(tmp_path, TESTS)
    run = headwater_test(tmp_path)
    assert (run.returncode, run.stdout.strip()) == (0, "1 passed, 0 failed"), run.stderr


def test_what_failed_is_told_with_view_entity_time_and_feature(tmp_path: Path) -> None:
    write(tmp_path, TESTS + WRONG_TESTS)
    run = headwater_test(tmp_path, "--json")
    told = json.loads(run.stdout)
    assert (run.returncode, told["passed"], told["failed"], told["skipped"]) == (1, 1, 3, 1)
    summed, many, third = told["failures"]
    assert summed.pop("test").endswith("test_views.py::test_clicks_are_summed")
    assert summed == {
        "where": "test_views.py:16",
        "view": "user_clicks",
        "asked": "user=7 at 200",
        "feature": "ms_sum_5m",
        "expected": "40",
        "actual": "42",
    }
    assert (many["expected"], many["actual"]) == ("> 5", "1")
    assert (third["expected"], third["view"]) == ("", "")
    assert "the events have no field 'x'" in third["actual"]
    assert third["where"] == "test_views.py:22"


def test_the_feature_that_a_test_looked_at_is_told_and_a_misspelt_one_with_those_like_it(tmp_path: Path) -> None:
    write(tmp_path, TESTS + LOOKS)
    told = json.loads(headwater_test(tmp_path, "--json").stdout)
    wrong, misspelt = told["failures"]
    assert (wrong["feature"], wrong["expected"], wrong["actual"]) == ("ms_sum_5m", "40", "42")
    assert misspelt["feature"] == "ms_sum"
    assert misspelt["actual"].endswith("UnknownFeatureError: user_clicks has no feature ms_sum, but ms_sum_5m")


def test_people_get_a_table(tmp_path: Path) -> None:
    write(tmp_path, TESTS + WRONG_TESTS)
    run = headwater_test(tmp_path)
    assert run.returncode == 1
    for said in ("3 tests failed", "came out", "ms_sum_5m", "user=7 at 200", "1 passed, 3 failed, 1 skipped"):
        assert said in run.stdout
    assert "Traceback" not in run.stdout + run.stderr
    assert not list(tmp_path.rglob(".pytest_cache"))


def test_the_tests_of_the_taxi_example_hold() -> None:
    run = headwater_test(ROOT / "pipelines" / "taxi")
    assert (run.returncode, run.stdout.strip()) == (0, "8 passed, 0 failed"), run.stdout


@pytest.mark.parametrize(
    ("tests", "said"),
    [
        ("", "no tests beside the views"),
        ("import nothing_of_this_name", "No module named 'nothing_of_this_name'"),
        ("def test_x(:", "SyntaxError"),
    ],
)
def test_what_cannot_be_run_is_a_failure(tmp_path: Path, tests: str, said: str) -> None:
    write(tmp_path, tests)
    run = headwater_test(tmp_path)
    assert run.returncode == 1
    assert said in run.stdout + run.stderr


def test_without_pytest_the_extra_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from headwater.pipelines.view_tests import run_view_tests
    from headwater.schemas.errors import PrerequisiteError

    monkeypatch.setitem(sys.modules, "pytest", None)
    with pytest.raises(PrerequisiteError, match=r"headwater\[testing\]"):
        run_view_tests(tmp_path)
