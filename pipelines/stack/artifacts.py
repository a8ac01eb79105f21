"""The jars of the local stack: pinned, fetched once from a Maven repository, and verified.

`artifacts.json` names every file with its size and SHA-256. A file that Maven has already put into
`~/.m2` is used; what is missing is downloaded (no Maven needed) into Headwater's cache directory,
under a temporary name until its digest has been checked, so that a file with its final name is whole.
A mirror is configured where jgo reads it: `[repositories]` in `~/.config/jgo.conf`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Literal

import platformdirs
import tenacity

from headwater.schemas.errors import PrerequisiteError

Part = Literal["broker", "connector", "registry", "avro_format"]
Progress = Callable[[str, int, int], None]
"""Told (file name, bytes so far, bytes in all) while a file is fetched."""

DOWNLOAD_TIMEOUT_SECONDS = 60
DOWNLOAD_ATTEMPTS = 3
DOWNLOAD_PAUSE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Artifact:
    """One file of a Maven repository, and the bytes that it must have."""

    group: str
    name: str
    version: str
    classifier: str
    packaging: str
    size_bytes: int
    sha256: str

    @property
    def file_name(self) -> str:
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{classifier}.{self.packaging}"

    @property
    def repository_path(self) -> Path:
        return Path(*self.group.split("."), self.name, self.version, self.file_name)


def broker_classpath(progress: Progress | None = None) -> tuple[Path, ...]:
    """The jars that make a Kafka broker."""
    return tuple(fetch(artifact, progress) for artifact in pinned("broker"))


def connector_jar(progress: Progress | None = None) -> Path:
    """The jar with which Flink reads and writes Kafka."""
    (artifact,) = pinned("connector")
    return fetch(artifact, progress)


def avro_format_jar(progress: Progress | None = None) -> Path:
    """The jar with which Flink SQL reads Avro in the registry's framing; only a measurement needs it."""
    (artifact,) = pinned("avro_format")
    return fetch(artifact, progress)


def registry_home(progress: Progress | None = None) -> Path:
    """The directory of the schema registry's program, unpacked; `quarkus-run.jar` stands in it."""
    home = _registry_home()
    if not home.is_dir():
        (artifact,) = pinned("registry")
        _unpack(fetch(artifact, progress), home)
    return home


def fetch_all(progress: Progress | None = None) -> None:
    """Fetches whatever is not there yet.

    Raises:
        PrerequisiteError: a file cannot be had, or has other bytes than it should.
    """
    broker_classpath(progress)
    connector_jar(progress)
    registry_home(progress)


def missing_bytes() -> int:
    """How much is still to be downloaded."""
    unpacked = ("registry",) if _registry_home().is_dir() else ()
    parts: tuple[Part, ...] = ("broker", "connector", "registry")
    wanted = [artifact for part in parts if part not in unpacked for artifact in pinned(part)]
    return sum(artifact.size_bytes for artifact in wanted if _local_file(artifact) is None)


def cache_directory() -> Path:
    """Where downloads are kept; HEADWATER_CACHE_DIR moves it."""
    return Path(os.environ.get("HEADWATER_CACHE_DIR") or platformdirs.user_cache_dir("headwater"))


@cache
def pinned(part: Part) -> tuple[Artifact, ...]:
    """The files of one part of the stack."""
    lock = json.loads(resources.files(__package__).joinpath("artifacts.json").read_text())
    return tuple(_artifact(entry["coordinates"], entry["bytes"], entry["sha256"]) for entry in lock[part])


def is_here(artifact: Artifact) -> bool:
    """Whether it need not be downloaded."""
    return _local_file(artifact) is not None


def fetch(artifact: Artifact, progress: Progress | None = None) -> Path:
    """The artifact's file, downloaded if it is not on this machine.

    Raises:
        PrerequisiteError: it cannot be had, or what was served has other bytes.
    """
    return _local_file(artifact) or _download(artifact, progress or _silent)


def _registry_home() -> Path:
    (artifact,) = pinned("registry")
    return cache_directory() / artifact.file_name.removesuffix(f".{artifact.packaging}")


def _artifact(coordinates: str, size_bytes: int, sha256: str) -> Artifact:
    group, name, version, classifier, packaging = coordinates.split(":")
    return Artifact(group, name, version, classifier, packaging, size_bytes, sha256)


def _local_file(artifact: Artifact) -> Path | None:
    kept = cache_directory() / "artifacts" / artifact.file_name
    if kept.is_file() and kept.stat().st_size == artifact.size_bytes:
        return kept
    of_maven = Path.home() / ".m2" / "repository" / artifact.repository_path
    if of_maven.is_file() and of_maven.stat().st_size == artifact.size_bytes and _sha256(of_maven) == artifact.sha256:
        return of_maven
    return None


def _download(artifact: Artifact, progress: Progress) -> Path:
    kept = cache_directory() / "artifacts" / artifact.file_name
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent, prefix=".part-") as scratch:
        served = _download_into(Path(scratch), artifact, progress)
        digest = _sha256(served)
        if digest != artifact.sha256:
            raise PrerequisiteError(
                f"{artifact.file_name} was served with SHA-256 {digest} instead of {artifact.sha256}: "
                "the repository or a proxy on the way changed it; nothing was kept"
            )
        served.replace(kept)
    return kept


def _download_into(scratch: Path, artifact: Artifact, progress: Progress) -> Path:
    import requests
    from jgo.config import GlobalSettings
    from jgo.maven import MavenContext, PythonResolver

    @contextlib.contextmanager
    def report(_name: str, total_bytes: int) -> Iterator[Callable[[int], None]]:
        done_bytes = 0

        def advance(count: int) -> None:
            nonlocal done_bytes
            done_bytes += count
            progress(artifact.file_name, done_bytes, total_bytes)

        yield advance

    @tenacity.retry(
        retry=tenacity.retry_if_exception_type(requests.RequestException),
        stop=tenacity.stop_after_attempt(DOWNLOAD_ATTEMPTS),
        wait=tenacity.wait_exponential(DOWNLOAD_PAUSE_SECONDS, max=10),
        reraise=True,
    )
    def attempt() -> Path:
        shutil.rmtree(scratch, ignore_errors=True)
        maven = MavenContext(
            resolver=PythonResolver(progress_callback=report),
            repo_cache=scratch,
            local_repos=[],
            remote_repos=GlobalSettings.load().repositories or None,
            timeout=DOWNLOAD_TIMEOUT_SECONDS,
        )
        component = maven.project(artifact.group, artifact.name).at_version(artifact.version)
        return component.artifact(artifact.classifier, artifact.packaging).resolve()

    try:
        return attempt()
    except (requests.RequestException, RuntimeError) as error:
        target = Path.home() / ".m2" / "repository" / artifact.repository_path
        raise PrerequisiteError(
            f"cannot download {artifact.file_name}: connect this machine to a Maven repository "
            f"(a mirror is named in ~/.config/jgo.conf), or copy the file to {target} ({_first_line(error)})"
        ) from error


def _unpack(archive: Path, home: Path) -> None:
    home.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.parent, prefix=".part-") as scratch:
        content = Path(scratch) / "content"
        with tarfile.open(archive) as tar:
            tar.extractall(content, filter="data")
        try:
            content.rename(home)
        except OSError:
            if not home.is_dir():  # else another process was faster
                raise
    if archive.is_relative_to(cache_directory()):
        archive.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _silent(_name: str, _done_bytes: int, _total_bytes: int) -> None:
    return None
