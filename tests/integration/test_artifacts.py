"""The stack's files are downloaded whole, with the right bytes, or not at all."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from headwater.pipelines.stack import artifacts
from headwater.pipelines.stack.artifacts import Artifact
from headwater.pipelines.stack.ports import free_ports
from headwater.schemas.errors import PrerequisiteError

CONTENT = b"bytes of a jar" * 10_000


class Repository(ThreadingHTTPServer):
    """A Maven repository that serves one file, whatever is asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = CONTENT
        self.announced_bytes = len(CONTENT)
        self.requests = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Repository

    def do_GET(self) -> None:
        if self.path.endswith(".sha1"):
            self.send_error(404)
            return
        self.server.requests += 1
        self.send_response(200)
        self.send_header("Content-Length", str(self.server.announced_bytes))
        self.end_headers()
        self.wfile.write(self.server.content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def repository() -> Iterator[Repository]:
    with Repository() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def empty_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a cache of ours nor one of Maven's."""
    monkeypatch.setenv("HEADWATER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(artifacts, "DOWNLOAD_PAUSE_SECONDS", 0.01)


@pytest.fixture
def use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def write(url: str) -> None:
        config = tmp_path / "jgo.conf"
        config.write_text(f"[repositories]\nmirror = {url}\n")
        monkeypatch.setenv("JGO_CONFIG_FILE", str(config))

    return write


def artifact(content: bytes = CONTENT) -> Artifact:
    return Artifact("org.example", "thing", "1.0", "", "jar", len(content), hashlib.sha256(content).hexdigest())


def kept_files(tmp_path: Path) -> list[str]:
    return [file.name for file in (tmp_path / "cache").rglob("*") if file.is_file()]


def test_a_file_is_downloaded_once_and_told_of(
    repository: Repository, use: Callable[[str], None], tmp_path: Path
) -> None:
    use(repository.url)
    told: list[tuple[str, int, int]] = []
    for _ in range(2):
        path = artifacts.fetch(artifact(), lambda *progress: told.append(progress))
        assert path.read_bytes() == CONTENT
    assert repository.requests == 1
    assert told[-1] == ("thing-1.0.jar", len(CONTENT), len(CONTENT))
    assert kept_files(tmp_path) == ["thing-1.0.jar"]


def test_other_bytes_than_the_pinned_ones_are_refused(
    repository: Repository, use: Callable[[str], None], tmp_path: Path
) -> None:
    use(repository.url)
    repository.content = CONTENT[::-1]
    with pytest.raises(PrerequisiteError, match="nothing was kept"):
        artifacts.fetch(artifact())
    assert kept_files(tmp_path) == []


def test_a_download_that_breaks_off_is_tried_again_and_leaves_nothing(
    repository: Repository, use: Callable[[str], None], tmp_path: Path
) -> None:
    use(repository.url)
    repository.content = CONTENT[:1000]
    with pytest.raises(PrerequisiteError, match=r"cannot download thing-1\.0\.jar"):
        artifacts.fetch(artifact())
    assert repository.requests == artifacts.DOWNLOAD_ATTEMPTS
    assert kept_files(tmp_path) == []


def test_a_machine_without_network_is_told_where_the_file_may_be_put(
    use: Callable[[str], None], tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    use(f"http://127.0.0.1:{port}")
    with pytest.raises(PrerequisiteError, match=r"copy the file to .*org/example/thing/1.0/thing-1.0.jar"):
        artifacts.fetch(artifact())


def test_what_maven_has_already_is_used(tmp_path: Path) -> None:
    of_maven = tmp_path / ".m2/repository/org/example/thing/1.0/thing-1.0.jar"
    of_maven.parent.mkdir(parents=True)
    of_maven.write_bytes(CONTENT)
    assert artifacts.fetch(artifact()) == of_maven
