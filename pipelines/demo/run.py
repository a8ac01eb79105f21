"""The demo from start to verdict."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live

from headwater.operators.freshness import STAGES
from headwater.pipelines.contracts import BUNDLED
from headwater.pipelines.demo.table import Picture
from headwater.pipelines.demo.traffic import Traffic
from headwater.pipelines.freshness_summary import Scrape, scrape
from headwater.pipelines.online_store import connect
from headwater.pipelines.reader import OnlineReader
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.security import settings_of
from headwater.pipelines.stack.state import StackState, StateDirectory, ViewRecord
from headwater.pipelines.verification import Verdict, verify
from headwater.pipelines.verification.online import await_arrival
from headwater.schemas.errors import StackError, VerificationError
from headwater.schemas.plan import Plan

VIEWS = Path(__file__).parent.parent / "shop" / "views.py"
CUSTOMERS = 3_000
WATCHED = [{"customer_id": f"customer-{number:05d}"} for number in (1, 2, 30, 300, 2_500)]
HISTORY_EVENTS = 30_000
SETTLE_SECONDS = 120.0
PICTURE_SECONDS = 0.25
LINE_SECONDS = 5.0
LOG_WIDTH = 160
ARCHIVE_FLUSH_SECONDS = "5"  # so that Parquet files can be seen to come within the minute
MOST_MISMATCHES_SHOWN = 20


def run(*, state: Path, seconds: int = 60, rate: int = 3_000, keep: bool = False, seed: int = 1) -> Verdict:
    """Starts a stack, sends purchases for this many seconds, shows what happens, and compares both stores.

    Args:
        state: directory of the stack; what an earlier demo left there is removed.
        seconds: how long live purchases are sent.
        rate: live purchases per second.
        keep: leave the stack running.
        seed: decides which purchases there are.

    Raises:
        VerificationError: something differs from the reference, or nothing was compared.
        StackError: the stack does not start, or one is running in that directory already.
    """
    console = Console(width=None if sys.stdout.isatty() else LOG_WIDTH)
    directory = _empty(state)
    _headwater("up", "--views", str(VIEWS), "--schemas", str(BUNDLED), "--state", str(directory.root), "--detach")
    try:
        verdict = _show(console, directory, seconds=seconds, rate=rate, seed=seed)
    finally:
        if keep:
            console.print(f"left running: `headwater status --state {state}`, `headwater down --state {state}`")
        else:
            _headwater("down", "--state", str(directory.root))
    for mismatch in verdict.differences[:MOST_MISMATCHES_SHOWN]:
        console.print(mismatch, style="red")
    console.print(str(verdict), style="green" if verdict.right else "bold red", soft_wrap=True)
    if not verdict.right:
        raise VerificationError("the stores differ from the reference" if verdict.keys else "nothing was compared")
    return verdict


def _show(console: Console, directory: StateDirectory, *, seconds: int, rate: int, seed: int) -> Verdict:
    stack = _stack(directory)
    (view,) = stack.views
    plan, settings = Plan.from_json(view.plan.read_text()), settings_of(stack)
    traffic = Traffic(settings, seed=seed, customers=CUSTOMERS, rate=rate)
    with console.status(f"sending a day of history, {HISTORY_EVENTS:,} purchases"):
        traffic.send_history(HISTORY_EVENTS)
        with connect(settings) as redis:
            await_arrival(redis, plan, time.time() * 1000, time.monotonic() + SETTLE_SECONDS)
    traffic.start()
    _watch(console, view, settings, traffic, seconds)
    traffic.stop()
    with console.status("comparing") as status:
        return verify(settings, plan, timeout_seconds=SETTLE_SECONDS, progress=status.update)


def _watch(console: Console, view: ViewRecord, settings: Settings, traffic: Traffic, seconds: int) -> None:
    before = scrape(view.metrics["materialize"])
    ends_at, line_at = time.monotonic() + seconds, 0.0
    with (
        OnlineReader(settings, view.view) as reader,
        Live(console=console, refresh_per_second=8) as live,
    ):
        while (left := ends_at - time.monotonic()) > 0:
            picture = _picture(reader, view, traffic, before, left)
            if console.is_terminal:
                live.update(picture.render())
            elif time.monotonic() > line_at:
                console.print(picture.plain())
                line_at = time.monotonic() + LINE_SECONDS
            time.sleep(PICTURE_SECONDS)
        live.update(_picture(reader, view, traffic, before, 0).render())


def _picture(reader: OnlineReader, view: ViewRecord, traffic: Traffic, before: Scrape, left: float) -> Picture:
    features = [feature.name for feature in reader.plan().features]
    now, archive = scrape(view.metrics["materialize"]), scrape(view.metrics["archive"])
    return Picture(
        rows=reader.get_many(WATCHED),
        freshness={
            feature: {
                stage: now.of(view.view, feature, stage).since(before.of(view.view, feature, stage)) for stage in STAGES
            }
            for feature in features
        },
        events_sent=traffic.sent,
        rows_online=int(now.values.get("headwater_online_rows_written_total", 0)),
        rows_offline=int(archive.values.get("headwater_archive_rows_total", 0)),
        seconds_left=left,
    )


def _stack(directory: StateDirectory) -> StackState:
    state = directory.read()
    if state is None or state.phase != "running":
        raise StackError(f"no stack is running in {directory.root}")
    return state


def _empty(path: Path) -> StateDirectory:
    directory = StateDirectory(path)
    state = directory.read()
    if state is not None and state.is_supervised:
        raise StackError(f"a demo is running in {path}: stop it with `headwater down --state {path}`")
    if state is not None:
        shutil.rmtree(directory.root)
    return directory


def _headwater(*arguments: str) -> None:
    """Runs a command of headwater's own, as a person would, and shows what it says."""
    environment = {**os.environ, "HEADWATER_ARCHIVE_FLUSH_SECONDS": ARCHIVE_FLUSH_SECONDS}
    command = [sys.executable, "-m", "headwater.pipelines.cli", *arguments]
    code = subprocess.run(command, env=environment, check=False).returncode
    if code:
        raise StackError(f"`headwater {arguments[0]}` failed with exit code {code}")
