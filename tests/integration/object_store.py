"""An S3 server on this machine, moto's, with what its own lacks: conditional writes that are atomic.

moto looks whether an object is there and writes it in two steps, and serves requests side by side: of some races for
one name, two are won. Writes wait for each other here, as a real store lets them.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.ports import free_ports
from tests.waiting import wait_until

BUCKET = "features"
KEY, SECRET = "test-key", "test-secret"

SERVER = """
import sys, threading
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

moto, one_at_a_time = DomainDispatcherApplication(create_backend_app), threading.Lock()

def serve(environ, start_response):
    if environ["REQUEST_METHOD"] != "PUT":
        return moto(environ, start_response)
    if "ignores-conditions" in sys.argv:
        environ.pop("HTTP_IF_NONE_MATCH", None)
    with one_at_a_time:
        return list(moto(environ, start_response))

run_simple("127.0.0.1", int(sys.argv[1]), serve, threaded=True)
"""


@dataclass(frozen=True)
class ObjectStore:
    """A running S3 server with the bucket BUCKET."""

    url: str
    process: subprocess.Popen[bytes]

    def settings(self, **changes: object) -> Settings:
        """Settings by which its bucket is the offline log's root."""
        known = {
            "offline_root": f"s3://{BUCKET}/offline",
            "store_endpoint_url": self.url,
            "store_region": "us-east-1",
            "store_access_key_id": KEY,
            "store_secret_access_key": SECRET,
        }
        return Settings(**{**known, **changes})  # type: ignore[arg-type]

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """For the length of a `with` block it takes connections and answers nothing."""
        self.process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGCONT)


@contextmanager
def object_store(free_requests: int | None = None, *, ignores_conditions: bool = False) -> Iterator[ObjectStore]:
    """A server for the length of a `with` block; after so many requests it lets in known keys only: none is.

    One that ignores conditions overwrites an object also where the request forbids it, as some stores do.
    """
    (port,) = free_ports(1)
    guard = {} if free_requests is None else {"INITIAL_NO_AUTH_ACTION_COUNT": str(free_requests)}
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(port), *(["ignores-conditions"] if ignores_conditions else [])],
        env={**os.environ, **guard},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        store = ObjectStore(f"http://127.0.0.1:{port}", process)
        wait_until(lambda: _answers(store.url))
        httpx.put(f"{store.url}/{BUCKET}").raise_for_status()
        yield store
    finally:
        process.kill()
        process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/moto-api/").status_code == 200
    except httpx.TransportError:
        return False
