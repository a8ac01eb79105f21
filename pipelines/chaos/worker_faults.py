"""Faults of Headwater's own processes."""

from __future__ import annotations

import signal
import time

import psutil

from headwater.pipelines.chaos.fault import Fault, Recovery
from headwater.pipelines.stack.workers import WORKERS

RIVALRY_SECONDS = 60.0
BOTH_WRITE_SECONDS = 2.0


class MaterializerKilled(Fault):
    name = "materializer-kill"
    summary = "SIGKILL of the materializer, three times, at random moments"
    row = 7

    def inject(self) -> None:
        self.kill_again_and_again(self.lab.worker("materialize"), 3, 4.0)


class ArchiveKilled(Fault):
    name = "archive-kill"
    summary = "SIGKILL of the archive, three times, at random moments"
    row = 11

    def inject(self) -> None:
        self.kill_again_and_again(self.lab.worker("archive"), 3, 6.0)


class AnyKilled(Fault):
    name = "any-kill"
    summary = "SIGKILL of TaskManager, compute, materializer, archive or watch, twenty times, at random moments"
    row = 1

    TIMES = 20
    LONGEST_PAUSE_SECONDS = 4.0

    def inject(self) -> None:
        names = ["taskmanager", *(self.lab.worker(worker) for worker in WORKERS)]
        for _ in range(self.TIMES):
            self.kill_again_and_again(self.chance.choice(names), 1, self.LONGEST_PAUSE_SECONDS)


class TwoMaterializers(Fault):
    name = "two-materializers"
    summary = "a second materializer takes over from a first that sleeps (SIGSTOP), which then wakes up in mid-batch"
    row = 7

    def inject(self) -> None:
        name = self.lab.worker("materialize")
        spec = self.lab.rival("materialize")
        sleeping = self.lab.send(name, signal.SIGSTOP)
        self._rival = self.lab.start(spec)
        try:
            self.lab.wait_until(
                lambda: b"partitions_assigned" in spec.log.read_bytes(), RIVALRY_SECONDS, "the second to take over"
            )
            time.sleep(BOTH_WRITE_SECONDS)
        finally:
            if self.lab.pid(name) == sleeping:
                psutil.Process(sleeping).resume()
        time.sleep(BOTH_WRITE_SECONDS)

    def heal(self) -> None:
        self.lab.kill_extra(self._rival)


class AllTerminated(Fault):
    name = "all-terminated"
    summary = "SIGTERM to compute, materializer, archive and watch at once"
    row = 22

    def inject(self) -> None:
        names = [self.lab.worker(worker) for worker in WORKERS]
        pids = {name: self.lab.send(name, signal.SIGTERM) for name in names}
        for name, pid in pids.items():
            self.lab.await_new(name, pid)
        self._codes = {name: self.lab.exit_code(name) for name in names}

    def broken(self, recovery: Recovery) -> list[str]:  # noqa: ARG002
        return [f"{name} ended with exit code {code} after SIGTERM" for name, code in self._codes.items() if code != 0]
