"""The wheel alone, in an empty environment, on a machine without JDK and Maven, runs the whole demo."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEMO_SECONDS = 10


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    build = (sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(directory), str(ROOT))
    subprocess.run(build, check=True, capture_output=True)
    (built,) = directory.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def headwater(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command, installed from the wheel with the locked versions of what it needs."""
    directory = tmp_path_factory.mktemp("installed")
    constraints = directory / "constraints.txt"
    constraints.write_text(
        "\n".join(re.findall(r"^[a-z0-9._-]+==[^ \\]+", (ROOT / "requirements.lock").read_text(), re.M))
    )
    subprocess.run((sys.executable, "-m", "venv", directory / "venv"), check=True)
    install = ("-m", "pip", "install", "--quiet", "--no-input", "--constraint", constraints, f"{wheel}[local]")
    subprocess.run((directory / "venv/bin/python", *install), check=True)
    return directory / "venv/bin/headwater"


def run(headwater: Path, directory: Path, *arguments: str) -> str:
    """What the command prints, run in a directory of its own, with nothing but the system's basic programs on PATH."""
    tools = directory / "tools"
    tools.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name not in {"JAVA_HOME", "PYTHONPATH", "VIRTUAL_ENV"}}
    outcome = subprocess.run(
        (headwater, *arguments),
        cwd=directory,
        env={**kept, "PATH": str(tools)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout
    return outcome.stdout


def test_the_wheel_carries_the_kernel_and_every_file_that_is_not_python(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "headwater/operators/lib/headwater-kernel.jar" in names
    tracked = subprocess.run(("git", "ls-files"), cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    parts = ("schemas/", "operators/", "pipelines/")
    expected = {
        f"headwater/{name}" for name in tracked if name.startswith(parts) and not name.startswith("operators/kernel/")
    }
    assert expected <= names


def test_help_works_where_nothing_else_is_installed(headwater: Path, tmp_path: Path) -> None:
    assert "up" in run(headwater, tmp_path, "--help")


@pytest.mark.timeout(600)
def test_the_demo_runs_from_an_empty_directory_without_jdk_and_maven(headwater: Path, tmp_path: Path) -> None:
    output = run(headwater, tmp_path, "demo", "--seconds", str(DEMO_SECONDS), "--rate", "500")
    assert re.search(r"mismatches: 0 online, 0 offline", output), output
