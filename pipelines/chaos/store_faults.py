"""Faults of the store of the offline log: of the disk under a directory, and of an object store."""

from __future__ import annotations

import shutil
import time
from dataclasses import replace
from pathlib import Path

import psutil

from headwater.pipelines.chaos.bucket import Bucket
from headwater.pipelines.chaos.fault import Fault

UNAVAILABLE = frozenset({"offline_store_unavailable"})
UPKEEP = frozenset({"offline_upkeep_failing"})
COMMIT_SECONDS = 60.0


class DiskFull(Fault):
    name = "disk-full"
    summary = "no file of the archive may become longer than 4 KB (RLIMIT_FSIZE), as on a disk that is full"
    row = 11
    seconds = 9.0
    tells = UNAVAILABLE
    may_tell = UPKEEP

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


class StoreAway(Fault):
    """The archive is deployed with the table's directory as a bucket, and back again once it has got over it."""

    name = "store-away"
    summary = "the archive writes to an S3 server that breaks half of the requests off, some after doing them; then all"
    row = 11
    seconds = 12.0
    tells = UNAVAILABLE
    may_tell = UPKEEP

    CUT_SECONDS = 6.0

    def inject(self) -> None:
        workers = self.lab.workers
        self._bucket = Bucket(Path(self.lab.settings.offline_root), self.chance)
        self._bucket.start()
        self.lab.deploy(replace(workers, environment={**workers.environment, **self._bucket.environment}), "archive")
        self._await_writes()
        self._bucket.mood = "cut"
        time.sleep(self.CUT_SECONDS)
        self._bucket.mood = "away"

    def heal(self) -> None:
        self._bucket.mood = "honest"
        self._await_writes()
        self.lab.deploy(self.lab.workers, "archive")
        self._bucket.stop()

    def _await_writes(self) -> None:
        written = self._bucket.written
        self.lab.wait_until(lambda: self._bucket.written > written, COMMIT_SECONDS, "the archive to write to S3")
