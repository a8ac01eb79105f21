"""The fence compares versions as numbers also where Redis's Lua compares strings by the rules of a language."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from headwater.operators.fence import Fence, OnlineRow, Written
from headwater.pipelines.online_store import check_store, partition_keys
from tests.online_rows import version

pytestmark = pytest.mark.needs_apt  # redis-server, and locales for the sources of en_US

LATER_MS = 4_000_000_000_000


@pytest.fixture(scope="module")
def english(tmp_path_factory: pytest.TempPathFactory) -> Iterator[redis.Redis]:
    """Debian's Redis 7.0 under a locale that sorts like a dictionary."""
    directory = tmp_path_factory.mktemp("locale")
    localedef = shutil.which("localedef")
    server = shutil.which("redis-server")
    assert localedef is not None
    assert server is not None, "apt-get install redis-server"
    subprocess.run([localedef, "-i", "en_US", "-f", "UTF-8", str(directory / "en_US.UTF-8")], check=True)
    socket = directory / "redis.sock"
    process = subprocess.Popen(
        [server, "--port", "0", "--unixsocket", str(socket), "--save", "", "--dir", str(directory)],
        env={**os.environ, "LOCPATH": str(directory), "LC_ALL": "en_US.UTF-8"},
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_for(socket)
        with redis.Redis(unix_socket_path=str(socket)) as client:
            yield client
    finally:
        process.terminate()
        process.wait()


def test_this_redis_does_compare_strings_by_language(english: redis.Redis) -> None:
    assert _evaluated(english, "'a' < 'B'"), "else the next test shows nothing"


def test_versions_of_hostile_bytes_are_ordered_as_numbers(english: redis.Redis) -> None:
    chance = random.Random(7)
    keys = partition_keys("locale", 1, 0)
    fence = Fence(english, keys.offset, keys.heartbeat)
    misled = 0
    for number in range(2_000):
        english.flushall()
        numbers = [chance.getrandbits(chance.choice((7, 8, 16, 40, 63))) for _ in range(3)]
        other = numbers.copy()
        other[chance.randrange(3)] = chance.getrandbits(63)
        low, high = sorted([version(*numbers), version(*other)])
        rows = [OnlineRow(keys.row_prefix + b"k", value, LATER_MS) for value in (low, high, low)]
        outcomes = [fence.write([row], expected=i or None, next_offset=i + 1) for i, row in enumerate(rows)]
        distinct = low != high
        assert outcomes[1:] == [Written(1, ()) if distinct else Written(0, (0,)), Written(0, (0,))], number
        misled += _evaluated(english, "ARGV[1] < ARGV[2]", low, high) != distinct
    assert misled > 100, "a comparison of strings would have been wrong"


def test_the_oldest_redis_that_is_supported_passes_the_check_at_start(english: redis.Redis) -> None:
    assert str(english.info("server")["redis_version"]).startswith("7.0.")  # type: ignore[index]
    assert len(check_store(english)) == 1, "a warning: it keeps no append-only file"


def _evaluated(client: redis.Redis, condition: str, *arguments: bytes) -> bool:
    return bool(client.eval(f"return {condition} and 1 or 0", 0, *arguments))  # type: ignore[arg-type]


def _wait_for(socket: Path) -> None:
    deadline = time.monotonic() + 10
    while not socket.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
