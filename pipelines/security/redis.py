"""What a Redis client is told of security."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from redis.credentials import CredentialProvider

from headwater.pipelines.security.settings import secret
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import SettingsError


def redis_options(settings: Settings) -> dict[str, Any]:
    """Options of `Redis.from_url`, beside the URL: TLS files, and who asks. Files are read anew for each connection.

    Raises:
        SettingsError: the settings contradict the URL.
    """
    url = urlsplit(settings.redis_url.get_secret_value())
    files = {
        "ssl_ca_certs": settings.redis_ca_file,
        "ssl_certfile": settings.redis_certificate_file,
        "ssl_keyfile": settings.redis_key_file,
    }
    found: dict[str, Any] = {name: str(file) for name, file in files.items() if file is not None}
    if found and url.scheme != "rediss":
        raise SettingsError("HEADWATER_REDIS_*_FILE are of TLS, but HEADWATER_REDIS_URL is without: use rediss://")
    if settings.redis_password is None and settings.redis_password_file is None:
        if settings.redis_user:
            raise SettingsError("HEADWATER_REDIS_USER needs HEADWATER_REDIS_PASSWORD_FILE or HEADWATER_REDIS_PASSWORD")
        return found
    if "@" in url.netloc:
        raise SettingsError(
            "HEADWATER_REDIS_URL has a user or a password, and there is HEADWATER_REDIS_PASSWORD or _PASSWORD_FILE:"
            " keep the latter, with HEADWATER_REDIS_USER"
        )
    return {**found, "credential_provider": _Login(settings)}


class _Login(CredentialProvider):
    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        user = self._settings.redis_user
        password = secret(self._settings.redis_password, self._settings.redis_password_file) or ""
        return (user, password) if user else (password,)
