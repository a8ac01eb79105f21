"""What is secret in a stack that was started with `--secure`: its authority, and who may enter its services.

Every server has a certificate of the stack's authority, and asks each client for one. Every component of a view is a
user of its own, with a password of its own, which stands in a file that only its owner can read.
"""

from __future__ import annotations

from pathlib import Path

from headwater.pipelines.settings import Settings, load_settings
from headwater.pipelines.stack.authority import Authority, Identity
from headwater.pipelines.stack.state import Endpoints, StackState

ADMIN = "headwater-admin"
"""Who may do everything, in Kafka, Redis and the registry alike."""

SCRAM = "SCRAM-SHA-512"


class StackSecurity:
    """The secrets that stand in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._authority = Authority(directory)

    @property
    def ca(self) -> Path:
        """The certificate of the authority that signed all others."""
        return self._authority.certificate

    def identity(self, name: str) -> Identity:
        """The files of a server or user; made when they are first asked for."""
        return self._authority.identity(name)

    def settings(self, user: str) -> dict[str, str]:
        """The settings of a process that is this user, by name; files alone, no secrets."""
        identity = self.identity(user)
        common = {
            "ca_file": self.ca,
            "certificate_file": identity.certificate,
            "key_file": identity.key,
            "password_file": identity.password_file,
            "user": user,
        }
        named = {f"{service}_{name}": str(value) for service in ("kafka", "registry") for name, value in common.items()}
        return {**named, "kafka_security_protocol": "SASL_SSL", "kafka_sasl_mechanism": SCRAM}

    def redis_settings(self, user: str, *, tls: bool) -> dict[str, str]:
        """The like for Redis, which may be one without TLS."""
        identity = self.identity(user)
        found = {"redis_user": user, "redis_password_file": str(identity.password_file)}
        files = {
            "redis_ca_file": self.ca,
            "redis_certificate_file": identity.certificate,
            "redis_key_file": identity.key,
        }
        return {**found, **({name: str(file) for name, file in files.items()} if tls else {})}


def environment(endpoints: Endpoints, security: StackSecurity | None, user: str) -> dict[str, str]:
    """The settings by name of a process that uses the services at these endpoints as this user."""
    if security is None:
        return endpoints.model_dump()
    is_tls = endpoints.redis_url.startswith("rediss://")
    return {**endpoints.model_dump(), **security.settings(user), **security.redis_settings(user, tls=is_tls)}


def settings_of(stack: StackState, user: str = ADMIN) -> Settings:
    """The settings of a process that shall use the stack's services as this user, which counts where it is secure.

    Raises:
        SettingsError: another setting is malformed.
    """
    security = None if stack.security is None else StackSecurity(stack.security)
    return load_settings(**environment(stack.endpoints, security, user))
