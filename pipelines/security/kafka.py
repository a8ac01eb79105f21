"""What Kafka clients are told of security: librdkafka's in this process, and the Java client's in the job."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

from headwater.pipelines.security.settings import SecuritySettings, secret
from headwater.schemas.errors import BrokerError, SettingsError

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

UNTOLD_LIFETIME_SECONDS = 300.0
"""After so long a token is read again that does not say when it expires."""

RENEWAL_SECONDS = 5.0
"""Between looks at the file of a password."""

_SHADED = "org.apache.flink.kafka.shaded.org.apache.kafka.common.security"
"""Where Kafka's Java client stands in Flink's connector."""

_LOGIN_MODULES = {
    "PLAIN": f"{_SHADED}.plain.PlainLoginModule",
    "SCRAM-SHA-256": f"{_SHADED}.scram.ScramLoginModule",
    "SCRAM-SHA-512": f"{_SHADED}.scram.ScramLoginModule",
    "OAUTHBEARER": f"{_SHADED}.oauthbearer.OAuthBearerLoginModule",
}
_KERNEL = "dev.headwater.kernel.secure"

Token = tuple[str, float]
"""A token, and when it expires in seconds since the epoch."""


class _SaslClient(Protocol):
    def set_sasl_credentials(self, username: str, password: str) -> None: ...


def python_properties(settings: SecuritySettings) -> dict[str, Any]:
    """The properties of a client of confluent-kafka.

    Raises:
        SettingsError: a secret's file cannot be read, or there is no such provider of tokens.
        BrokerError: there is no token now that is still valid.
    """
    found: dict[str, Any] = {
        "security.protocol": settings.kafka_security_protocol,
        "ssl.ca.location": settings.kafka_ca_file,
        "ssl.certificate.location": settings.kafka_certificate_file,
        "ssl.key.location": settings.kafka_key_file,
        "sasl.mechanism": settings.kafka_sasl_mechanism,
        "sasl.username": settings.kafka_user or None,
        "sasl.password": secret(settings.kafka_password, settings.kafka_password_file),
        "error_cb": _note,
    }
    if settings.kafka_sasl_mechanism == "OAUTHBEARER":
        found["oauth_cb"] = _tokens(settings)
        _check_token(settings, found["oauth_cb"])
    return {name: value if callable(value) else str(value) for name, value in found.items() if value is not None}


def job_properties(settings: SecuritySettings) -> dict[str, str]:
    """The properties of the job's Java client.

    What stands in files is named there by path and read by the kernel, anew for each connection: no secret travels
    with the job, and the files must be at the same place on every TaskManager and JobManager. A password from the
    environment does travel with it.

    Raises:
        SettingsError: the job has no way to get tokens.
    """
    found: dict[str, str] = {}
    if settings.kafka_security_protocol is not None:
        found["security.protocol"] = settings.kafka_security_protocol
    if (settings.kafka_security_protocol or "").endswith("SSL"):
        files = {
            "ca": settings.kafka_ca_file,
            "certificate": settings.kafka_certificate_file,
            "key": settings.kafka_key_file,
        }
        found["ssl.engine.factory.class"] = f"{_KERNEL}.PemEngines"
        found |= {f"headwater.tls.{name}.file": str(file) for name, file in files.items() if file is not None}
    if settings.kafka_sasl_mechanism is not None:
        found |= {"sasl.mechanism": settings.kafka_sasl_mechanism, **_job_login(settings)}
    return found


def jaas_line(mechanism: str, user: str, password: str) -> str | None:
    """The Java client's line for a user and a password; None for a mechanism that has none."""
    if mechanism not in _LOGIN_MODULES or mechanism == "OAUTHBEARER":
        return None
    return f'{_LOGIN_MODULES[mechanism]} required username="{_quoted(user)}" password="{_quoted(password)}";'


class PasswordRenewal:
    """Tells a client of a password that was replaced in its file; its next connections are made with the new one."""

    def __init__(self, settings: SecuritySettings) -> None:
        self._settings = settings
        self._known = secret(None, settings.kafka_password_file)
        self._look_again_at = time.monotonic() + RENEWAL_SECONDS

    def renew(self, client: _SaslClient) -> None:
        """Looks at the file, if the last look was some seconds ago. A file that is just being replaced is looked at
        again; the client goes on with what it has.
        """
        if self._known is None or time.monotonic() < self._look_again_at:
            return
        self._look_again_at = time.monotonic() + RENEWAL_SECONDS
        try:
            now = secret(None, self._settings.kafka_password_file)
        except SettingsError:
            return
        if now is not None and now != self._known:
            client.set_sasl_credentials(self._settings.kafka_user, now)
            self._known = now


def _job_login(settings: SecuritySettings) -> dict[str, str]:
    mechanism = settings.kafka_sasl_mechanism or ""
    bare = {"sasl.jaas.config": f"{_LOGIN_MODULES[mechanism]} required;"}
    if mechanism != "OAUTHBEARER" and settings.kafka_password_file is None:
        password = secret(settings.kafka_password, None) or ""
        return {"sasl.jaas.config": jaas_line(mechanism, settings.kafka_user, password) or ""}
    if mechanism != "OAUTHBEARER":
        return {
            **bare,
            "sasl.client.callback.handler.class": f"{_KERNEL}.FileLogin",
            "headwater.sasl.user": settings.kafka_user,
            "headwater.sasl.password.file": str(settings.kafka_password_file),
        }
    if settings.kafka_token_handler:
        return {**bare, "sasl.login.callback.handler.class": settings.kafka_token_handler}
    if settings.kafka_token_file is None:
        raise SettingsError(
            "the job cannot call HEADWATER_KAFKA_TOKEN_PROVIDER, which is Python: set HEADWATER_KAFKA_TOKEN_FILE, or"
            " HEADWATER_KAFKA_TOKEN_HANDLER to a Java class that gives it tokens"
        )
    return {
        **bare,
        "sasl.login.callback.handler.class": f"{_KERNEL}.FileToken",
        "headwater.sasl.token.file": str(settings.kafka_token_file),
    }


def _note(error: KafkaError) -> None:
    from headwater.pipelines.security.kafka_trouble import note  # Kafka's client is not loaded for settings alone

    note(error)


def _tokens(settings: SecuritySettings) -> Callable[[str], Token]:
    """What the client calls whenever it needs a token."""
    if not settings.kafka_token_provider:
        return lambda _: _token_of_file(settings)
    module, _, name = settings.kafka_token_provider.partition(":")
    try:
        provider: Callable[[], Token] = getattr(import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise SettingsError(
            f"HEADWATER_KAFKA_TOKEN_PROVIDER: {settings.kafka_token_provider} is no module:function: {error}"
        ) from error
    return lambda _: provider()


def _check_token(settings: SecuritySettings, tokens: Callable[[str], Token]) -> None:
    """A client would wait ten seconds and say no more than that it was given none."""
    place = "HEADWATER_KAFKA_TOKEN_PROVIDER" if settings.kafka_token_provider else "HEADWATER_KAFKA_TOKEN_FILE"
    try:
        _, expiry = tokens("")
    except SettingsError:
        raise
    except Exception as error:  # whatever somebody else's function raises
        raise BrokerError(f"{place}: {settings.kafka_token_provider} gives no token: {error!r}") from error
    if expiry <= time.time():
        raise BrokerError(
            f"{place}: the token expired {time.time() - expiry:.0f} s ago: see to it that it is renewed before"
        )


def _token_of_file(settings: SecuritySettings) -> Token:
    token = secret(None, settings.kafka_token_file) or ""
    return token, _expiry(token) or time.time() + UNTOLD_LIFETIME_SECONDS


def _expiry(token: str) -> float | None:
    """When a JWT says that it expires; None if it is a token of another kind."""
    _, _, rest = token.partition(".")
    body = rest.partition(".")[0]
    try:
        return float(json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))["exp"])
    except (ValueError, KeyError, TypeError):
        return None


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
