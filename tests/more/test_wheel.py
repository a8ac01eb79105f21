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
    """The command with all that the local stack needs."""
    return install(f"{wheel}[local]", tmp_path_factory.mktemp("local"))


@pytest.fixture(scope="module")
def slim_headwater(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The command with what `pip install headwater` brings: readers and declarations."""
    return install(str(wheel), tmp_path_factory.mktemp("slim"))


def install(requirement: str, directory: Path) -> Path:
    """Installs into a new environment, with the locked versions of what is needed; returns the command."""
    lock = (ROOT / "requirements.lock").read_text()
    constraints = directory / "constraints.txt"
    constraints.write_text("\n".join(re.findall(r"^[a-z0-9._-]+==[^ \\]+", lock, re.MULTILINE)))
    subprocess.run((sys.executable, "-m", "venv", directory / "venv"), check=True)
    pip = (directory / "venv/bin/python", "-m", "pip", "install", "--quiet", "--no-input")
    subprocess.run((*pip, "--constraint", constraints, requirement), check=True)
    return directory / "venv/bin/headwater"


def run(headwater: Path, directory: Path, *arguments: str, exit_code: int = 0) -> str:
    """What the command prints, run in a directory of its own, with no program on PATH."""
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
    assert outcome.returncode == exit_code, outcome.stdout
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


def test_without_extras_views_compile_and_help_is_given(slim_headwater: Path, tmp_path: Path) -> None:
    assert "materialize" in run(slim_headwater, tmp_path, "--help")
    shop = ("--schemas", str(ROOT / "schemas"))
    assert "customer_purchases" in run(
        slim_headwater, tmp_path, "compile", str(ROOT / "pipelines/shop/views.py"), *shop
    )
    reader = "from headwater.pipelines.reader import OnlineReader; import headwater.schemas"
    subprocess.run((slim_headwater.parent / "python", "-c", reader), check=True, cwd=tmp_path)


def test_without_extras_each_command_says_which_extra_it_needs(slim_headwater: Path, tmp_path: Path) -> None:
    for command, extra in (("compute", "compute"), ("archive", "archive")):
        said = run(slim_headwater, tmp_path, command, "--plan", "any.json", exit_code=1)
        assert f"pip install 'headwater[{extra}]'" in said
    said = run(slim_headwater, tmp_path, "up", "--views", str(ROOT / "pipelines/shop"), exit_code=1)
    assert "pip install 'headwater[local]'" in said
    assert "Traceback" not in said


@pytest.mark.timeout(600)
def test_the_demo_runs_from_an_empty_directory_without_jdk_and_maven(headwater: Path, tmp_path: Path) -> None:
    output = run(headwater, tmp_path, "demo", "--seconds", str(DEMO_SECONDS), "--rate", "500")
    assert re.search(r"mismatches: 0 online, 0 offline", output), output
