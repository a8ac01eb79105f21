"""An environment of its own for each peer that has one, made when it is first needed and kept in the cache."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable
from hashlib import sha256
from importlib import resources
from pathlib import Path

from headwater.pipelines.stack.artifacts import cache_directory
from headwater.schemas.errors import PrerequisiteError

INSTALL_SECONDS = 1800
ERROR_LINES = 5


def python_of(module: str, tell: Callable[[str], None]) -> Path:
    """The Python of the environment in which a peer's program runs.

    Args:
        module: the program's name in `versions.toml`.
        tell: is told if it has to be made.

    Raises:
        PrerequisiteError: its packages cannot be installed.
    """
    packages = versions()[module]
    digest = sha256("\n".join(packages).encode()).hexdigest()[:12]
    home = cache_directory() / "peers" / f"{module}-{digest}"
    complete, python = home / "complete", home / "bin" / "python"
    if not complete.exists():
        tell(f"installing {', '.join(packages)}")
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        _install(python, packages)
        complete.touch()
    return python


def versions() -> dict[str, list[str]]:
    """The packages of each program that has an environment of its own."""
    return tomllib.loads(resources.files(__package__).joinpath("versions.toml").read_text())


def link_package(directory: Path) -> Path:
    """A folder for PYTHONPATH in which the peers' programs are found, without Headwater's installation."""
    package = directory / "headwater"
    package.mkdir(parents=True, exist_ok=True)
    link = package / "pipelines"
    if not link.is_symlink():
        link.symlink_to(Path(str(sys.modules["headwater.pipelines"].__file__)).parent)
    return directory


def _install(python: Path, packages: list[str]) -> None:
    command = (str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages)
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise PrerequisiteError(f"{' '.join(packages)} are not installed after {INSTALL_SECONDS} s") from error
    if done.returncode != 0:
        last = "\n".join(done.stderr.splitlines()[-ERROR_LINES:])
        raise PrerequisiteError(f"{' '.join(packages)} cannot be installed; is a package index configured?\n{last}")
