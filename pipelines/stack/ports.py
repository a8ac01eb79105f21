"""Ports of the loopback address."""

from __future__ import annotations

import random
import socket

from headwater.schemas.errors import StackError

LOOPBACK = "127.0.0.1"
SERVER_PORTS = range(20_000, 32_000)
"""Below the ports that Linux gives to outgoing connections, so that a server that restarts finds its port free."""


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
