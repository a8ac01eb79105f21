"""The board as a page in the browser: read-only, on the loopback address, or for those who have the token."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import socket
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

import structlog

from headwater.pipelines.board.model import Board, BoardNow
from headwater.schemas.conditions import CONDITIONS
from headwater.schemas.errors import PrerequisiteError, SettingsError

STILL_HERE_SECONDS = 15.0
"""After so long without news an event stream says that it is still there."""
MOST_STREAMS = 64
LEAST_TOKEN_CHARACTERS = 16
WRONG_TOKEN_SECONDS = 1.0

_PAGE = Path(__file__).parent / "page"
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_COOKIE = "headwater_board"
_MOST_LOGIN_BYTES = 4096
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_log = structlog.get_logger(__name__)
_CONDITIONS = {condition.name: condition for condition in CONDITIONS}


@contextmanager
def serve(board: Board, host: str, port: int, token: str | None, *, anyone: bool = False) -> Iterator[str]:
    """Serves the page while the context is open; port 0 takes a free one.

    Args:
        token: what a reader must know, of at least 16 characters; None: whoever reaches the address may read.
        anyone: without a token, allow an address that others can reach, such as one behind a proxy that asks them.

    Yields:
        The page's URL.

    Raises:
        SettingsError: the address is not the machine's own, and there is no token; or the token is too short.
        PrerequisiteError: the address cannot be listened on.
    """
    if token is not None and len(token) < LEAST_TOKEN_CHARACTERS:
        raise SettingsError(f"HEADWATER_BOARD_TOKEN: give at least {LEAST_TOKEN_CHARACTERS} characters")
    if token is None and not anyone and not _is_loopback(host):
        raise SettingsError(
            f"{host} can be reached by others: set HEADWATER_BOARD_TOKEN, listen on 127.0.0.1, or give --anyone if"
            " something before it asks who they are"
        )
    try:
        server = _Server(board, host, port, token, only_local=token is None and not anyone)
    except OSError as error:
        raise PrerequisiteError(
            f"cannot serve the board on {host}:{port}: {error.strerror or error}; choose a free port, or 0 for any"
        ) from error
    thread = threading.Thread(target=server.serve_forever, name="board-web", daemon=True)
    thread.start()
    try:
        yield f"http://{f'[{host}]' if ':' in host else host}:{server.server_port}/"
    finally:
        server.stopping.set()
        server.shutdown()
        server.server_close()
        thread.join()


def board_json(now: BoardNow) -> dict[str, Any]:
    """What the page is told: the board, and of each condition that holds what it means and asks for."""
    data = asdict(now)
    for view in data["views"]:
        view["conditions"] = [_condition(name) for name in view["conditions"]]
    return data


def _condition(name: str) -> Mapping[str, str]:
    known = _CONDITIONS.get(name)
    if known is None:
        return {"name": name, "severity": "unknown", "summary": "", "remedy": "A newer Headwater tells of it."}
    return {"name": name, "severity": known.severity, "summary": known.summary, "remedy": known.remedy}


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, board: Board, host: str, port: int, token: str | None, *, only_local: bool) -> None:
        self.board = board
        self.token = token
        self.only_local = only_local
        self.stopping = threading.Event()
        self.streams = threading.BoundedSemaphore(MOST_STREAMS)
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - http.server's signature
        """Says what went wrong with a request; a reader who is gone is nothing wrong."""
        if not isinstance(sys.exception(), OSError):
            _log.exception("board_request_failed")

    def is_token(self, given: str) -> bool:
        """Whether this is the token; takes as long whatever it is."""
        return self.token is not None and hmac.compare_digest(given.encode(), self.token.encode())

    def cookie(self) -> str:
        """What a browser that knew the token is given to show, from which the token does not follow."""
        return hmac.new((self.token or "").encode(), b"headwater board", hashlib.sha256).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    timeout = 30.0
    files: ClassVar[dict[str, Path]] = {path.name: path for path in _PAGE.iterdir() if path.suffix in _TYPES}

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path).lstrip("/")
        if not self._host_is_ours():
            self._send(HTTPStatus.FORBIDDEN, "text/plain", b"this board is for this machine: ask for it as localhost\n")
        elif path == "page.css":
            self._send_file(path)  # of the login page as well
        elif not self._may_read():
            self._refuse(path)
        elif path == "api/board":
            self._send_json(board_json(self.server.board.now()))
        elif path == "api/events":
            self._stream()
        elif path.startswith("api/view/"):
            past = self.server.board.past(path.removeprefix("api/view/"))
            if past is None:
                self._not_found()
            else:
                self._send_json(asdict(past))
        elif path in ("", "index.html"):
            self._send_file("index.html")
        elif path in self.files:
            self._send_file(path)
        else:
            self._not_found()

    def do_POST(self) -> None:
        if urlsplit(self.path).path.lstrip("/") != "login" or self.server.token is None or not self._host_is_ours():
            self._not_found()
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST_LOGIN_BYTES:
            self.close_connection = True
            self._send(HTTPStatus.BAD_REQUEST, "text/plain", b"no token\n")
            return
        given = parse_qs(self.rfile.read(int(length)).decode("utf-8", "replace")).get("token", [""])[0]
        if not self.server.is_token(given):
            time.sleep(WRONG_TOKEN_SECONDS)
            self._send_file("login.html", HTTPStatus.UNAUTHORIZED)
            return
        cookie = f"{_COOKIE}={self.server.cookie()}; HttpOnly; SameSite=Strict"
        self._send(HTTPStatus.SEE_OTHER, "text/plain", b"", {"Set-Cookie": cookie, "Location": "./"})

    def version_string(self) -> str:
        """What it says of itself: nothing that helps to attack it."""
        return "headwater"

    def log_message(self, *_: object) -> None:
        """Requests are not logged: the page makes many."""

    def _host_is_ours(self) -> bool:
        """A page from elsewhere cannot give its own name to this machine and then read from it."""
        if not self.server.only_local:
            return True
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        return host is not None and _is_loopback(host)

    def _may_read(self) -> bool:
        if self.server.token is None:
            return True
        kind, _, given = self.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer" and self.server.is_token(given.strip()):
            return True
        try:
            found = SimpleCookie(self.headers.get("Cookie", "")).get(_COOKIE)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self.server.cookie().encode())

    def _refuse(self, path: str) -> None:
        if path in ("", "index.html"):
            self._send_file("login.html", HTTPStatus.UNAUTHORIZED)
        else:
            self._send(HTTPStatus.UNAUTHORIZED, "text/plain", b"a token is needed\n", {"WWW-Authenticate": "Bearer"})

    def _not_found(self) -> None:
        self.close_connection = True  # what else was sent is not read
        self._send(HTTPStatus.NOT_FOUND, "text/plain", b"there is nothing here\n")

    def _send_file(self, name: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        file = self.files[name]
        self._send(status, _TYPES[file.suffix], file.read_bytes())

    def _send_json(self, data: object) -> None:
        self._send(HTTPStatus.OK, "application/json", _json(data))

    def _send(self, status: HTTPStatus, kind: str, body: bytes, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {**_HEADERS, **(more or {}), "Content-Type": f"{kind}; charset=utf-8"}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        """Server-sent events: the board now, and again whenever it has changed."""
        self.close_connection = True
        if not self.server.streams.acquire(blocking=False):
            self._send(HTTPStatus.SERVICE_UNAVAILABLE, "text/plain", b"too many read the board already\n")
            return
        try:
            self.send_response(HTTPStatus.OK)
            for name, value in {**_HEADERS, "Content-Type": "text/event-stream", "X-Accel-Buffering": "no"}.items():
                self.send_header(name, value)
            self.send_header("Connection", "close")
            self.end_headers()
            self._send_events()
        except OSError:
            pass  # the reader is gone
        finally:
            self.server.streams.release()

    def _send_events(self) -> None:
        seen, said = -1, 0.0
        while not self.server.stopping.is_set():
            number = self.server.board.wait(seen, 1.0)
            if number != seen:
                seen, said = number, time.monotonic()
                self.wfile.write(b"data: " + _json(board_json(self.server.board.now())) + b"\n\n")
            elif time.monotonic() > said + STILL_HERE_SECONDS:
                said = time.monotonic()
                self.wfile.write(b": still here\n\n")


def _json(data: object) -> bytes:
    return json.dumps(data, separators=(",", ":"), allow_nan=False).encode()
