"""What a person sees while a stack starts and runs."""

from __future__ import annotations

import time
from datetime import datetime
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TransferSpeedColumn

from headwater.pipelines.commands.console import out
from headwater.pipelines.commands.stack_tables import print_ready
from headwater.pipelines.stack.state import ProcessRecord, StackState

LINE_SECONDS = 10.0
"""How often the progress of a download is told where there is no terminal."""


class StartProgress:
    """Shows downloads as bars, and processes as a line each when they become ready, die or stop."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self._spinner = console.status("")
        self._tasks: dict[str, TaskID] = {}
        self._told_at = 0.0
        self._began = time.monotonic()
        self._phase = ""
        self._records: dict[str, ProcessRecord] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._bars.stop()
        self._spinner.stop()

    def fetching(self, file: str, done_bytes: int, total_bytes: int) -> None:
        """Moves the bar of a file that is being downloaded."""
        if file not in self._tasks:
            self._bars.start()
            self._tasks[file] = self._bars.add_task(file, total=total_bytes)
        self._bars.update(self._tasks[file], completed=done_bytes)
        if not self._console.is_terminal and time.monotonic() > self._told_at + LINE_SECONDS:
            self._told_at = time.monotonic()
            self._say(f"downloading {file}: {done_bytes / 1e6:.0f} of {total_bytes / 1e6:.0f} MB")

    def changed(self, state: StackState) -> None:
        """Tells what is different from the last time."""
        self._bars.stop()
        for record in state.processes:
            self._tell(self._records.get(record.name), record)
        self._records = {record.name: record for record in state.processes}
        self._spin(state)
        if state.phase != self._phase:
            self._phase = state.phase
            if state.phase == "running":
                self._say(f"running, after {time.monotonic() - self._began:.1f} s")
                print_ready(out, state, state.processes[0].log.parent.parent)
            else:
                self._say(state.phase)

    def _spin(self, state: StackState) -> None:
        """Shows a terminal that something is being waited for, and what."""
        waited_for = [record.name for record in state.processes if record.state not in {"ready", "stopped"}]
        if state.phase == "starting" and self._console.is_terminal:
            self._spinner.update(f"waiting for {', '.join(waited_for) or 'topics and schemas'}")
            self._spinner.start()
        else:
            self._spinner.stop()

    def _tell(self, before: ProcessRecord | None, now: ProcessRecord) -> None:
        if before is not None and before.state == now.state and before.restarts == now.restarts:
            return
        if now.state == "ready":
            self._say(f"[green]ready[/]    {now.name}  {'  '.join(now.addresses.values())}")
        elif now.state == "restarting":
            self._say(f"[red]died[/]     {now.name}  exit code {now.exit_code}, is started again; see {now.log}")
        elif now.state == "stopped":
            self._say(f"stopped  {now.name}")

    def _say(self, text: str) -> None:
        self._console.print(f"{datetime.now():%H:%M:%S}  {text}", highlight=False, soft_wrap=True)  # noqa: DTZ005
