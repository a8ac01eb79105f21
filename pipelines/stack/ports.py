"""Ports of the loopback address, and the book in which a stack keeps its own from one start to the next."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Mapping
from pathlib import Path

from headwater.schemas.errors import PrerequisiteError, StackError

LOOPBACK = "127.0.0.1"
SERVER_PORTS = range(20_000, 32_000)
"""Below the ports that Linux gives to outgoing connections, so that a server that restarts finds its port free."""

CHOOSABLE = ("broker", "registry", "redis", "flink")
"""The servers whose ports a user may fix."""


class PortBook:
    """Gives each name a port: the one asked for, else the one it had last time if that is free, else a new one.

    Args:
        file: where the ports are remembered.
        requested: ports by name, as the user wants them.
    """

    def __init__(self, file: Path, requested: Mapping[str, int]) -> None:
        self._file = file
        self._requested = requested
        self._remembered: dict[str, int] = json.loads(file.read_text()) if file.exists() else {}
        self._given: dict[str, int] = {}

    def port(self, name: str) -> int:
        """The port of this name, the same each time that it is asked for."""
        if name not in self._given:
            self._given[name] = self._requested.get(name) or self._remembered_if_free(name) or self._new()
        return self._given[name]

    def save(self) -> None:
        """Remembers what was given out."""
        self._file.write_text(json.dumps({**self._remembered, **self._given}, indent=1, sort_keys=True) + "\n")

    def _remembered_if_free(self, name: str) -> int | None:
        port = self._remembered.get(name)
        return port if port is not None and port not in self._given.values() and is_free(port) else None

    def _new(self) -> int:
        taken = {*self._given.values(), *self._requested.values(), *self._remembered.values()}
        return next(port for port in free_ports(len(taken) + 1) if port not in taken)


def parse_requested(texts: list[str]) -> dict[str, int]:
    """The ports by name of texts such as `redis=6379`.

    Raises:
        PrerequisiteError: a text is not of that form, or names no server of the stack.
    """
    requested = {}
    for text in texts:
        name, _, number = text.partition("=")
        if name not in CHOOSABLE or not number.isdecimal() or not 0 < int(number) < 65536:
            raise PrerequisiteError(f"--port {text}: write NAME=NUMBER with one of the names {', '.join(CHOOSABLE)}")
        requested[name] = int(number)
    return requested


def free_ports(count: int) -> list[int]:
    """As many different ports on which nothing listens now, at random so that two stacks rarely pick the same.

    Raises:
        StackError: so many are not free.
    """
    found: list[int] = []
    for port in random.sample(SERVER_PORTS, len(SERVER_PORTS)):
        if len(found) == count:
            return found
        if is_free(port):
            found.append(port)
    raise StackError(f"fewer than {count} ports between {SERVER_PORTS.start} and {SERVER_PORTS.stop} are free")


def is_free(port: int) -> bool:
    """Whether a server could listen on this port now."""
    try:
        socket.create_server((LOOPBACK, port)).close()
    except OSError:
        return False
    return True


def accepts(port: int) -> bool:
    """Whether something listens on this port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=1).close()
    except OSError:
        return False
    return True
