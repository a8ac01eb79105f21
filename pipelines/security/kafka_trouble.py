"""Why Kafka refuses a client, and what to do about it: in words, without secrets.

A call that fails only says that there was no connection. The reason comes to the client's error callback, in some other
place and later; so it is noted here, and told with the failure.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any, NamedTuple, Protocol

from confluent_kafka import KafkaError, KafkaException

RECENT_SECONDS = 30.0

_GRANT = "give this user what `headwater acls` prints for it"
_CERTIFICATE = (
    "the brokers refuse this client's certificate: see whether HEADWATER_KAFKA_CERTIFICATE_FILE is of an authority that"
    " they trust, and has not expired"
)

# What Kafka or the way to it says, and what to do about it; the first that fits counts.
_REMEDIES = (
    ("authentication", "correct HEADWATER_KAFKA_USER and the password in HEADWATER_KAFKA_PASSWORD_FILE, or the token"),
    ("certificate has expired", "renew the brokers' certificates"),
    ("certificate verify failed", "name the authority that signed the brokers' certificates: HEADWATER_KAFKA_CA_FILE"),
    ("alert certificate", _CERTIFICATE),
    ("alert unknown ca", _CERTIFICATE),
    ("alert bad certificate", _CERTIFICATE),
    ("alert handshake failure", _CERTIFICATE),
    ("wrong version number", "this listener is without TLS: HEADWATER_KAFKA_SECURITY_PROTOCOL"),
    ("security.protocol", "this listener may want TLS or SASL: HEADWATER_KAFKA_SECURITY_PROTOCOL"),
    ("authorization failed", _GRANT),
)
_NO_REASON = frozenset({KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._ALL_BROKERS_DOWN})  # noqa: SLF001


class _Client(Protocol):
    def poll(self, timeout: float = -1, /) -> Any: ...


class _Reason(NamedTuple):
    at: float
    text: str


_newest: list[_Reason] = []


def note(error: KafkaError) -> None:
    """Notes why a connection failed, if that says more than that it did. The error callback of every client."""
    text = error.str()
    if _remedy(text):
        _newest[:] = [_Reason(time.monotonic(), text)]


def told(error: KafkaError, client: _Client | None = None) -> str:
    """What went wrong and what to do about it, in one line; `client` is the one whose call failed."""
    if client is not None:
        with contextlib.suppress(KafkaException, RuntimeError):
            client.poll(0)
    text = error.str()
    if error.code() in _NO_REASON and _newest and time.monotonic() - _newest[0].at < RECENT_SECONDS:
        text = _newest[0].text
    remedy = _remedy(text)
    return f"{text} ({remedy})" if remedy else text


def _remedy(text: str) -> str:
    return next((remedy for sign, remedy in _REMEDIES if sign in text.lower()), "")
