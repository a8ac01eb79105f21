"""Stands between Headwater and the schema registry, and passes on what it is asked, or worse."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal

import httpx

from headwater.pipelines.stack.ports import LOOPBACK

Mood = Literal["honest", "slow", "broken", "babbling"]

SLOW_SECONDS = 3.0
TIMEOUT_SECONDS = 20.0
_PATH = "/apis/ccompat/v7"
_PASSED_ON = ("Content-Type", "Accept")
_BABBLE = b"<html><body>Please sign in to the guest network.</body></html>"


class RegistryProxy:
    """A server on the loopback address.

    Attributes:
        mood: `honest` passes on; `slow` does so after SLOW_SECONDS; `broken` answers 500; `babbling` answers 200 with a
            page that is not the registry's.
        asked: how often it was asked while it was not honest.
    """

    def __init__(self) -> None:
        self.mood: Mood = "honest"
        self.asked = 0
        self._server = ThreadingHTTPServer((LOOPBACK, 0), _handler(self))
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS)
        self._registry = ""

    @property
    def url(self) -> str:
        """The base URL of the Confluent API."""
        return f"http://{LOOPBACK}:{self._server.server_port}{_PATH}"

    def start(self, registry: str) -> None:
        """Begins to answer with what the registry of this base URL says."""
        self._registry = registry.removesuffix(_PATH)
        threading.Thread(target=self._server.serve_forever, name="registry-proxy", daemon=True).start()

    def stop(self) -> None:
        """Answers no more."""
        self._server.shutdown()
        self._server.server_close()
        self._client.close()

    def answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, str, bytes] | None:
        """Status, content type and body of the answer to a request; None if the registry gives none."""
        self.asked += self.mood != "honest"
        if self.mood == "slow":
            time.sleep(SLOW_SECONDS)
        elif self.mood == "broken":
            return 500, "text/plain", b"out of order"
        elif self.mood == "babbling":
            return 200, "text/html", _BABBLE
        try:
            found = self._client.request(method, self._registry + path, headers=headers, content=body)
        except httpx.HTTPError:
            return None
        return found.status_code, found.headers.get("Content-Type", "application/json"), found.content


def _handler(proxy: RegistryProxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name: self.headers[name] for name in _PASSED_ON if name in self.headers}
            found = proxy.answer(self.command, self.path, headers, body)
            if found is None:
                self.close_connection = True  # without an answer, as if nobody were there
                return
            status, content_type, answer = found
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815 - the names by which they are called

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name above
            """Says nothing: what Headwater made of an answer stands in its logs."""

    return Handler
