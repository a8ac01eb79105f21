"""`make` says what the machine lacks, a line each with the remedy, before it downloads anything."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASICS = ("sh", "dirname", "find", "sed", "awk", "df")


class Machine:
    """A fresh clone on a machine that has the basic programs, and those that a test gives it."""

    def __init__(self, root: Path) -> None:
        self.clone = root / "clone"
        shutil.copytree(ROOT / ".ci", self.clone / ".ci")
        (self.clone / "operators/kernel/src/main").mkdir(parents=True)
        (self.clone / "operators/kernel/pom.xml").touch()
        self.bin = root / "bin"
        self.bin.mkdir()
        for name in BASICS:
            (self.bin / name).symlink_to(str(shutil.which(name)))

    def give(self, name: str, script: str = "exit 0") -> None:
        program = self.bin / name
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def give_everything(self) -> None:
        (self.bin / "python3.11").symlink_to(sys.executable)
        self.give("javac", "echo javac 17.0.15")
        self.give("mvn")

    def lacks(self, **environment: str) -> list[str]:
        outcome = subprocess.run(
            (self.clone / ".ci/prerequisites.sh",),
            env={"PATH": str(self.bin), **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        lines = outcome.stderr.splitlines()
        assert outcome.returncode == (1 if lines else 0)
        return lines


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_nothing_is_said_where_nothing_is_missing(machine: Machine) -> None:
    machine.give_everything()
    assert machine.lacks() == []


def test_an_empty_machine_is_told_of_python_jdk_and_maven(machine: Machine) -> None:
    python, jdk, maven = machine.lacks()
    assert "Python 3.11" in python
    assert "JDK of version 17" in jdk
    assert "mvn" in maven


def test_another_python_is_not_taken_for_3_11(machine: Machine) -> None:
    machine.give_everything()
    (machine.bin / "python3.11").unlink()
    machine.give("python3", "exit 1")
    (line,) = machine.lacks()
    assert line.startswith("missing: Python 3.11; install it")


def test_a_python_without_venv_is_named(machine: Machine) -> None:
    machine.give_everything()
    (machine.bin / "python3.11").unlink()
    machine.give("python3.11", 'case "$2" in *ensurepip*) exit 1;; esac')
    (line,) = machine.lacks()
    assert line.startswith("missing: the venv module of python3.11")


@pytest.mark.parametrize(("said", "version"), [("javac 1.8.0_392", "8"), ("javac 11.0.2", "11")])
def test_an_old_jdk_is_named_with_its_version(machine: Machine, said: str, version: str) -> None:
    machine.give_everything()
    machine.give("javac", f"echo {said}")
    (line,) = machine.lacks()
    assert f"javac is {version}" in line


def test_java_home_counts_before_what_is_on_the_path(machine: Machine) -> None:
    machine.give_everything()
    machine.give("old/bin/javac", "echo javac 11.0.2")
    machine.give("new/bin/javac", "echo javac 21.0.8")
    (old,) = machine.lacks(JAVA_HOME=str(machine.bin / "old"))
    assert "JAVA_HOME" in old
    assert "which is 11" in old
    (absent,) = machine.lacks(JAVA_HOME=str(machine.bin / "absent"))
    assert "unset it" in absent
    assert machine.lacks(JAVA_HOME=str(machine.bin / "new")) == []


def test_a_jdk_is_not_asked_for_once_the_kernel_is_built(machine: Machine) -> None:
    (machine.bin / "python3.11").symlink_to(sys.executable)
    jar = machine.clone / "operators/lib/headwater-kernel.jar"
    jar.parent.mkdir()
    jar.touch()
    assert machine.lacks() == []


def test_a_full_disk_is_named(machine: Machine) -> None:
    machine.give_everything()
    (machine.bin / "df").unlink()
    machine.give("df", 'echo Filesystem; echo "/dev/x 99 98 1048576 99% /"')
    (line,) = machine.lacks()
    assert line == "missing: disk: 1 GB are free here; make room for 5 GB"
