"""A directory served as a bucket, with as much of S3 as delta-rs asks for, and worse.

The offline log stands in the directory whether an archive writes to it directly or through this server, so that the
store of a stack can be taken away from it for a while.
"""

from __future__ import annotations

import random
import threading
from http import HTTPStatus
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Literal

from headwater.pipelines.chaos.bucket_requests import BucketRequest
from headwater.pipelines.stack.ports import LOOPBACK

NAME = "headwater"
"""Of the bucket, in URLs."""

Mood = Literal["honest", "cut", "away"]


class Bucket:
    """A server on the loopback address, once it was started.

    Attributes:
        mood: `honest` serves; `away` breaks every connection off; `cut` breaks half of them off, some after it has done
            what it was asked, which the client is then not told.
        written: files that were written through it.
    """

    def __init__(self, directory: Path, chance: random.Random) -> None:
        """
        Args:
            directory: what the bucket holds.
            chance: decides what is broken off.
        """
        self.mood: Mood = "honest"
        self.written = 0
        self._directory = directory
        self._chance = chance
        self._one_at_a_time = threading.Lock()
        bucket = self

        class Handler(BucketRequest):
            def serve(self) -> None:
                bucket.serve(self)

        self._server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
        self._server.daemon_threads = True

    @property
    def environment(self) -> dict[str, str]:
        """The settings that let an archive write through it."""
        return {
            "HEADWATER_OFFLINE_ROOT": f"s3://{NAME}",
            "HEADWATER_STORE_ENDPOINT_URL": f"http://{LOOPBACK}:{self._server.server_port}",
            "HEADWATER_STORE_REGION": "nowhere",
            "HEADWATER_STORE_ACCESS_KEY_ID": "chaos",
            "HEADWATER_STORE_SECRET_ACCESS_KEY": "chaos",
        }

    def start(self) -> None:
        """Begins to serve."""
        threading.Thread(target=self._server.serve_forever, name="bucket", daemon=True).start()

    def stop(self) -> None:
        """Serves no more."""
        self._server.shutdown()
        self._server.server_close()

    def serve(self, request: BucketRequest) -> None:
        """Answers a request, or does not."""
        with self._one_at_a_time:
            breaks, after_doing = self._chance.random() < 0.5, self._chance.random() < 0.5
        if self.mood == "away" or (self.mood == "cut" and breaks and not after_doing):
            request.break_off()
            return
        with self._one_at_a_time:
            answer = request.answer(self._directory, NAME)
        self.written += request.command == "PUT" and answer.status == HTTPStatus.OK
        if self.mood == "cut" and breaks:
            request.break_off()
        else:
            request.send(answer)
