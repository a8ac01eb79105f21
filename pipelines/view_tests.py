"""Runs the tests that lie beside feature views, with pytest as a library, and tells what failed as data."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from headwater.operators.local import Question, asked
from headwater.schemas.errors import PrerequisiteError, VerificationError

ABSENT = "-"


@dataclass(frozen=True, slots=True)
class Failure:
    """One thing that a test expected and that did not come out.

    Attributes:
        test: its file and name.
        where: file and line of what failed.
        view: the view that was asked last before, if any.
        asked: which entity at which time.
        feature: the feature that differs, or that the test looked at last.
        expected: what the test expects, or nothing if it failed otherwise.
        actual: what came out, or the error.
    """

    test: str
    where: str
    view: str
    asked: str
    feature: str
    expected: str
    actual: str


@dataclass(slots=True)
class Outcome:
    """How a run of tests ended."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    failures: list[Failure] = field(default_factory=list)


def run_view_tests(path: Path) -> Outcome:
    """What became of the tests in the file, or in the files named `test_*.py` below the directory.

    Views that lie in that directory can be imported by their tests.

    Raises:
        PrerequisiteError: pytest is not installed.
        VerificationError: there are no tests, or pytest itself failed.
    """
    try:
        import pytest
    except ImportError as error:
        raise PrerequisiteError("pytest is not installed: pip install 'headwater[testing]'") from error
    if not path.exists():
        raise VerificationError(f"{path}: there is no such file or directory; give the path of your views")
    recorder, output = _Recorder(), io.StringIO()
    base = path if path.is_dir() else path.parent
    with _importable(base), redirect_stdout(output), redirect_stderr(output):
        code = pytest.main([str(path), "-p", "no:cacheprovider"], plugins=[recorder])
    outcome = recorder.outcome
    if code == pytest.ExitCode.NO_TESTS_COLLECTED:
        raise VerificationError(f"no tests beside the views in {path}: write one into {base / 'test_views.py'}")
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED) and not outcome.failures:
        raise VerificationError(f"pytest failed with {code}:\n{output.getvalue()}")
    return outcome


class _Recorder:
    """A plugin of pytest's that remembers what each test compared and which view it asked."""

    def __init__(self) -> None:
        self.outcome = Outcome()
        self._compared: tuple[str, Any, Any] | None = None
        self._questions: list[Question] = []

    def pytest_runtest_setup(self) -> None:
        self._compared, self._questions = None, []
        asked.set(self._questions)

    def pytest_assertrepr_compare(self, op: str, left: object, right: object) -> None:
        self._compared = (op, left, right)

    def pytest_runtest_logreport(self, report: Any) -> None:
        if report.failed:
            self._fail(report)
        elif report.skipped:
            self.outcome.skipped += 1
        elif report.when == "call":
            self.outcome.passed += 1

    def pytest_collectreport(self, report: Any) -> None:
        if report.failed:
            self._compared, self._questions = None, []
            self._fail(report)

    def _fail(self, report: Any) -> None:
        self.outcome.failed += 1
        crash = getattr(report.longrepr, "reprcrash", None)
        where = _line_of_test(report) or Path(report.fspath).name
        question = self._questions[-1] if self._questions else None
        view = question.view if question else ""
        told = f"{_entity(question)} at {question.at}" if question else ""
        message = crash.message if crash else _last_line(str(report.longrepr))
        looked_at = question.looked_at[-1] if question and question.looked_at else ""
        for feature, expected, actual in self._differences(message):
            self.outcome.failures.append(
                Failure(report.nodeid, where, view, told, feature or looked_at, expected, actual)
            )

    def _differences(self, message: str) -> Iterator[tuple[str, str, str]]:
        """Feature, what was expected and what came out, of the comparison that failed; tests compare left to right."""
        if self._compared is None or not message.startswith(("assert", "AssertionError")):
            yield "", "", message
            return
        op, left, right = self._compared
        if op == "==" and isinstance(left, Mapping) and isinstance(right, Mapping):
            for name in dict.fromkeys((*right, *left)):
                if name not in left or name not in right or left[name] != right[name]:
                    yield str(name), _shown(right, name), _shown(left, name)
        else:
            yield "", repr(right) if op == "==" else f"{op} {right!r}", repr(left)


def _line_of_test(report: Any) -> str:
    """File and line of the innermost call that stands in the test's own file; empty if there is none."""
    entries = getattr(getattr(report.longrepr, "reprtraceback", None), "reprentries", ())
    name = Path(report.fspath).name
    places = [entry.reprfileloc for entry in entries if getattr(entry, "reprfileloc", None) is not None]
    return next((f"{name}:{place.lineno}" for place in reversed(places) if Path(place.path).name == name), "")


def _shown(values: Mapping[Any, Any], name: Any) -> str:
    return repr(values[name]) if name in values else ABSENT


def _entity(question: Question) -> str:
    texts = {name: value.hex() if isinstance(value, bytes) else str(value) for name, value in question.entity.items()}
    return ", ".join(f"{name}={text}" for name, text in texts.items())


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("E").strip() if lines else text


@contextmanager
def _importable(base: Path) -> Iterator[None]:
    """Lets tests import the views that lie beside them, however pytest is set up to import the tests."""
    sys.path.insert(0, str(base.resolve()))
    try:
        yield
    finally:
        sys.path.remove(str(base.resolve()))
