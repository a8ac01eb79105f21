"""A schema registry in this process, of Confluent's API as far as Headwater calls it, that can be told to misbehave."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

Answer = tuple[int, Any]
Fault = Callable[[str, str], Answer | None]
"""Given method and path, what to answer in place of doing it; None to do it."""

HANG = (0, "hang")
"""Answers nothing until the registry is closed."""

LOST = (0, "lost")
"""Does what it is asked to, and hangs up without an answer."""


class FakeRegistry:
    """Subjects with their levels and versions; every schema text has one id. Use it as a context."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.levels: dict[str, str] = {}
        self.versions: dict[str, list[str]] = {}
        self.references: list[dict[str, Any]] = []
        self.texts: list[str] = []
        self.calls: list[str] = []
        self.authorizations: set[str | None] = set()
        self.fault: Fault = lambda method, path: None
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if tls else 'http'}://localhost:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> FakeRegistry:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def writes(self) -> list[str]:
        """The calls that change something, in their order."""
        return [call for call in self.calls if not call.startswith("GET")]

    def _answer(self, method: str, path: str, body: Any) -> Answer:
        match method, [unquote(part) for part in path.strip("/").split("/")]:
            case "GET", ["config", subject]:
                level = self.levels.get(subject)
                return (200, {"compatibilityLevel": level}) if level else _error(404, 40408, "no level of its own")
            case "PUT", ["config", subject]:
                self.levels[subject] = body["compatibility"]
                return 200, body
            case "GET", ["subjects", subject, "versions"]:
                count = len(self.versions.get(subject, ()))
                return (200, list(range(1, count + 1))) if count else _error(404, 40401, "no such subject")
            case "GET", ["subjects", subject, "versions", number]:
                text = self.versions[subject][int(number) - 1]
                found = {"subject": subject, "version": int(number), "id": self._id(text), "schema": text}
                return 200, {**found, "references": self.references} if self.references else found
            case "POST", ["subjects", subject, "versions"]:
                known = self.versions.setdefault(subject, [])
                if body["schema"] not in known:
                    known.append(body["schema"])
                return 200, {"id": self._id(body["schema"])}
            case "GET", ["schemas", "ids", number]:
                if 0 < int(number) <= len(self.texts):
                    return 200, {"schema": self.texts[int(number) - 1]}
                return _error(404, 40403, "no such schema")
            case _:
                return _error(404, 404, "no such resource")

    def _id(self, text: str) -> int:
        if text not in self.texts:
            self.texts.append(text)
        return self.texts.index(text) + 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or "null")
                registry.calls.append(f"{self.command} {unquote(path)}")
                registry.authorizations.add(self.headers.get("Authorization"))
                answer = registry.fault(self.command, path)
                if answer == HANG:
                    registry._closing.wait()
                    self.close_connection = True
                    return
                status, content = registry._answer(self.command, path, body) if answer in (None, LOST) else answer
                if answer == LOST:
                    self.close_connection = True
                    return
                data = content.encode() if isinstance(content, str) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def do_PUT(self) -> None:
                self.do_GET()

            def do_POST(self) -> None:
                self.do_GET()

            def log_message(self, *_: object) -> None:
                """Quiet."""

        return Handler


def _error(status: int, code: int, message: str) -> Answer:
    return status, {"error_code": code, "message": message}
