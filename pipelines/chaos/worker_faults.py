"""Faults of Headwater's own processes, and of the disk under the offline log."""

from __future__ import annotations

import shutil
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
    summary = "SIGTERM to compute, materializer and archive at once"
    row = 22

    def inject(self) -> None:
        names = [self.lab.worker(worker) for worker in WORKERS]
        pids = {name: self.lab.send(name, signal.SIGTERM) for name in names}
        for name, pid in pids.items():
            self.lab.await_new(name, pid)
        self._codes = {name: self.lab.exit_code(name) for name in names}

    def broken(self, recovery: Recovery) -> list[str]:  # noqa: ARG002
        return [f"{name} ended with exit code {code} after SIGTERM" for name, code in self._codes.items() if code != 0]


class DiskFull(Fault):
    name = "disk-full"
    summary = "no file of the archive may become longer than 4 KB (RLIMIT_FSIZE), as on a disk that is full"
    row = 11
    seconds = 9.0
    tells = frozenset({"offline_store_unavailable"})
    may_tell = frozenset({"offline_upkeep_failing"})

    MOST_BYTES = 4096

    def inject(self) -> None:
        self._pid = self.lab.pid(self.lab.worker("archive"))
        self._make_room_in_its_log()
        psutil.Process(self._pid).rlimit(psutil.RLIMIT_FSIZE, (self.MOST_BYTES, psutil.RLIM_INFINITY))

    def heal(self) -> None:
        if self.lab.pid(self.lab.worker("archive")) == self._pid:
            psutil.Process(self._pid).rlimit(psutil.RLIMIT_FSIZE, (psutil.RLIM_INFINITY, psutil.RLIM_INFINITY))

    def _make_room_in_its_log(self) -> None:
        """The limit is for the process's log as well, which is to tell what happens."""
        log = self.lab.logs / f"{self.lab.worker('archive')}.log"
        shutil.copy(log, log.with_suffix(".log.1"))
        log.write_bytes(b"")
