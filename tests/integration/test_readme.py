"""The README's code and commands, run as they stand there against a stack of the shop."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.operators.reading import Status
from headwater.pipelines.contracts import BUNDLED
from headwater.pipelines.demo.run import VIEWS
from headwater.pipelines.demo.traffic import Traffic
from headwater.pipelines.stack.security import settings_of
from headwater.pipelines.stack.state import StackState, StateDirectory

README = (Path(__file__).parents[2] / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
(READER_BLOCK,) = (block for block in BLOCKS if "OnlineReader" in block)
OFFLINE_BLOCKS = [block for block in BLOCKS if "offline/customer_purchases/g1" in block]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackState]:
    directory = StateDirectory(tmp_path_factory.mktemp("readme") / "state")
    schemas = str(BUNDLED)
    headwater("up", "--views", str(VIEWS), "--schemas", schemas, "--state", str(directory.root), "--detach")
    try:
        state = directory.read()
        assert state is not None
        Traffic(settings_of(state), seed=3, customers=5, rate=1).send_history(500)
        yield state
    finally:
        headwater("down", "--state", str(directory.root))


def headwater(*arguments: str) -> str:
    command = [sys.executable, "-m", "headwater.pipelines.cli", *arguments]
    return subprocess.run(command, check=True, timeout=280, stdout=subprocess.PIPE, text=True).stdout


def test_the_reader_reads_as_shown(shop: StackState) -> None:
    code = READER_BLOCK.replace("redis://127.0.0.1:6379/0", shop.endpoints.redis_url)
    deadline = time.monotonic() + 60
    while True:
        found: dict[str, Any] = {}
        exec(code, found)
        if found["row"].status is not Status.MISSING or time.monotonic() > deadline:
            break
        time.sleep(0.5)
    assert found["row"].status is Status.FRESH
    assert found["row"].values["amount_sum_24h"] > 0


@pytest.mark.parametrize("block", OFFLINE_BLOCKS)
def test_the_offline_log_opens_as_shown(shop: StackState, block: str) -> None:
    code = block.replace("offline/customer_purchases/g1", shop.views[0].offline_table)
    deadline = time.monotonic() + 90
    while not (customers := customers_of(code)) and time.monotonic() < deadline:
        time.sleep(1)
    assert customers
    assert customers <= {f"customer-{number:05d}" for number in range(1, 6)}


def customers_of(code: str) -> set[str]:
    """The customers in the `rows` that the code makes, whatever library they are of."""
    found: dict[str, Any] = {}
    exec(code, found)
    rows = found["rows"]
    table = rows if isinstance(rows, pa.Table) else pa.table(rows)
    return set(table["customer_id"].to_pylist())


def test_get_and_status_tell_scripts_what_they_tell_people(shop: StackState) -> None:
    root = str(Path(shop.views[0].plan).parents[1])
    row = json.loads(headwater("get", "customer_purchases", "customer_id=customer-00001", "--json", "--state", root))
    assert row["values"]["count_24h"] > 0
    status = json.loads(headwater("status", "--json", "--state", root))
    assert status["endpoints"]["redis_url"] == shop.endpoints.redis_url
