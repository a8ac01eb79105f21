"""The Dockerfile's own steps, run without Docker: in empty directories that have only what it copies there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import distributions
from pathlib import Path

import httpx
import pytest
from packaging.utils import canonicalize_name

from headwater.pipelines.stack.ports import free_ports
from tests.dockerfile import ROOT, Stage, copied, stages
from tests.waiting import wait_until

STAGES = stages()
HOME = "/opt/headwater"
PACKAGES = "lib/python3.11/site-packages"
SCRATCH = "scratch"
"""Where the fixture's steps have their temporary files, which must leave no trace."""

WITHOUT_SOURCE = 0b01
"""Of a compiled file: it belongs to a source by its hash, not by its time, and the source is not looked at again."""

COMPILED_AGAIN = """
import py_compile, sys
from importlib.util import cache_from_source
from pathlib import Path
unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
for file in Path(sys.argv[1]).rglob("*.py"):
    again = py_compile.compile(file, sys.argv[2], dfile=str(file), invalidation_mode=unchecked, doraise=True)
    if Path(again).read_bytes() != Path(cache_from_source(file)).read_bytes():
        print(file)
"""

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the image has at /opt/headwater: made by the first stages' RUN steps from what they copy."""
    root = tmp_path_factory.mktemp("image")
    scratch = root / SCRATCH
    scratch.mkdir()
    made = {HOME: root / "headwater", "/jars": root / "jars"}
    for stage in STAGES[:-1]:
        directory = root / stage.name
        copy_sources(stage, directory)
        for each in stage.all("COPY"):
            if each.words[0].startswith("/build/"):
                source = root / each.flags["from"] / each.words[0].removeprefix("/build/")
                shutil.copytree(source, directory / each.words[1])
        for step in stage.all("RUN"):
            words = [str(made.get(word, word)) for word in step.words]
            environment = {**os.environ, "PYTHONPATH": "", "TMPDIR": str(scratch), **stage.environment}
            subprocess.run(words, cwd=directory, env=environment, check=True)
    return made[HOME]


def test_every_command_runs_with_nothing_of_the_checkout_on_its_path(home: Path, tmp_path: Path) -> None:
    for command in ("doctor", "compute", "materialize", "archive", "watch"):
        assert "--plan" in run(home, tmp_path, command, "--help")
    where = "import headwater.pipelines as p, sys; print(p.__path__[0], *sys.path, sep='\\n')"
    places = run(home, tmp_path, "bash", "-c", f'python -c "{where}"').split()
    assert places[0].startswith(str(home))
    assert not [place for place in places if Path(place).is_relative_to(ROOT)]


def test_the_jars_of_a_job_are_there_and_are_not_fetched(home: Path, tmp_path: Path) -> None:
    program = "from headwater.pipelines.jars import job_jars; print(*job_jars(), sep='\\n')"
    jars = [Path(line) for line in run(home, tmp_path, "bash", "-c", f'python -c "{program}"').split()]
    flink = home / "lib/python3.11/site-packages/pyflink"
    assert [jar.is_relative_to(home) for jar in jars] == [True, True]
    assert {jar.resolve() for jar in jars} <= {jar.resolve() for jar in (flink / "lib").glob("*.jar")}
    assert len(list((flink / "plugins/s3-fs-hadoop").glob("flink-s3-fs-hadoop-*.jar"))) == 1


def test_it_has_exactly_the_locked_packages_and_nothing_that_builds(home: Path) -> None:
    installed = {canonicalize_name(each.name): each.version for each in distributions(path=[str(home / PACKAGES)])}
    locked = re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / "requirements-image.lock").read_text(), re.MULTILINE)
    assert installed.pop("headwater")
    assert installed == {canonicalize_name(name): version for name, version in locked}
    assert not {each.name for each in (home / "bin").iterdir()} & {"pip", "pip3", "wheel", "pyproject-build"}


def test_the_kernel_has_the_bytes_of_the_one_that_was_built_in_the_checkout_at_another_time(home: Path) -> None:
    jar = "operators/lib/headwater-kernel.jar"
    assert (home / PACKAGES / "headwater" / jar).read_bytes() == (ROOT / jar).read_bytes()


def test_headwaters_own_files_have_the_bytes_of_another_build_of_its_wheel(home: Path, tmp_path: Path) -> None:
    stage = next(each for each in STAGES if each.name == "packages")
    copy_sources(stage, tmp_path / "sources")
    shutil.copytree(ROOT / "operators/lib", tmp_path / "sources/operators/lib")
    wheel = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation")
    again = (*wheel, "--wheel-dir", str(tmp_path), str(tmp_path / "sources"))
    subprocess.run(again, env={**os.environ, **stage.environment}, check=True)
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as content:
        names = [name for name in content.namelist() if not name.endswith("/RECORD")]
        other = [name for name in names if content.read(name) != (home / PACKAGES / name).read_bytes()]
    assert len(names) > 300
    assert other == []
    package = home / PACKAGES / "headwater"
    command = (str(home / "bin/python"), "-c", COMPILED_AGAIN, str(package), str(tmp_path / "again.pyc"))
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout == ""


def test_no_file_says_when_it_was_made_or_where_it_was_built(home: Path) -> None:
    compiled = list(home.rglob("*.pyc"))
    timed = [file for file in compiled if int.from_bytes(file.read_bytes()[4:8], "little") != WITHOUT_SOURCE]
    assert compiled
    assert timed == []
    scratch = str(home.parent / SCRATCH).encode()
    small = [file for file in home.rglob("*") if file.is_file() and file.suffix not in {".jar", ".pyc"}]
    assert [file for file in small if scratch in file.read_bytes()] == []


@pytest.mark.parametrize("name", ["jobmanager.sh", "taskmanager.sh"])
def test_flinks_servers_start_by_their_scripts_and_write_only_where_they_are_told(
    home: Path, tmp_path: Path, name: str
) -> None:
    rest, rpc, *others = free_ports(6)
    conf = tmp_path / "conf"
    shutil.copytree(home / "lib/python3.11/site-packages/pyflink/conf", conf)
    settings = {
        "jobmanager.rpc.address": "127.0.0.1",
        "jobmanager.rpc.port": rpc,
        "jobmanager.bind-host": "127.0.0.1",
        "rest.bind-address": "127.0.0.1",
        "rest.port": rest,
        "blob.server.port": others[0],
        "taskmanager.host": "127.0.0.1",
        "taskmanager.bind-host": "127.0.0.1",
        "taskmanager.rpc.port": others[1],
        "taskmanager.data.port": others[2],
        "jobmanager.memory.process.size": "1024m",
        "taskmanager.memory.process.size": "1024m",
        "io.tmp.dirs": tmp_path,
    }
    (conf / "config.yaml").write_text("".join(f"{key}: {value}\n" for key, value in settings.items()))
    before = files_of(home)
    with started(home, tmp_path, "jobmanager.sh", "start-foreground"):
        wait_until(lambda: slots(rest) == 0, 90, "the JobManager's REST interface")
        if name == "taskmanager.sh":
            with started(home, tmp_path, name, "start-foreground"):
                wait_until(lambda: slots(rest) == 1, 90, "the TaskManager's slot")
    assert files_of(home) == before


def copy_sources(stage: Stage, directory: Path) -> None:
    """The stage's files from the checkout, as the build context has them."""
    ignored = shutil.ignore_patterns("__pycache__", "target", "lib")
    directory.mkdir(parents=True)
    for source, target in copied(stage):
        place = directory / target
        place.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, place, ignore=ignored)
        else:
            shutil.copy(ROOT / source, place)


def environment(home: Path, directory: Path) -> dict[str, str]:
    """The image's own environment, with its places moved to where they are here."""
    flink = str(home / "lib/python3.11/site-packages/pyflink")
    moved = {
        name: value.replace("/opt/flink", flink).replace(HOME, str(home))
        for name, value in STAGES[-1].environment.items()
    }
    writable = {"HOME": str(directory), "FLINK_LOG_DIR": str(directory / "log"), "FLINK_PID_DIR": str(directory)}
    return {**moved, **writable, "FLINK_CONF_DIR": str(directory / "conf")}


def run(home: Path, directory: Path, *words: str) -> str:
    """What the entry point prints."""
    entry = (ROOT / "pipelines/deploy/image/entrypoint.sh", *words)
    outcome = subprocess.run(
        entry, cwd=directory, env=environment(home, directory), check=False, capture_output=True, text=True
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout


@contextmanager
def started(home: Path, directory: Path, *words: str) -> Iterator[None]:
    """The entry point with these words, until the end of the context."""
    (directory / "log").mkdir(exist_ok=True)
    with (directory / f"{words[0]}.out").open("wb") as output:
        process = subprocess.Popen(
            (ROOT / "pipelines/deploy/image/entrypoint.sh", *words),
            cwd=directory,
            env=environment(home, directory),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield
        assert process.poll() is None, (directory / f"{words[0]}.out").read_text()
    finally:
        process.terminate()
        process.wait(60)


def slots(port: int) -> int | None:
    """How many slots the JobManager knows of; None while it does not answer."""
    try:
        return int(httpx.get(f"http://127.0.0.1:{port}/overview", timeout=2).json()["slots-total"])
    except (httpx.TransportError, KeyError, ValueError):
        return None


def files_of(home: Path) -> set[tuple[str, int]]:
    return {(str(file), file.stat().st_mtime_ns) for file in home.rglob("*") if file.is_file()}
