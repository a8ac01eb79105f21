"""What clients of the registry are told of security: confluent-kafka's in this process, the kernel's in the job."""

from __future__ import annotations

from headwater.pipelines.security.settings import secret
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import SettingsError


def python_properties(settings: Settings) -> dict[str, str]:
    """The properties of confluent-kafka's registry client, with the secrets as they are now.

    Raises:
        SettingsError: a secret's file cannot be read, or the settings contradict the URL.
    """
    files = {
        "ssl.ca.location": settings.registry_ca_file,
        "ssl.certificate.location": settings.registry_certificate_file,
        "ssl.key.location": settings.registry_key_file,
    }
    found = {name: str(file) for name, file in files.items() if file is not None}
    if found and not settings.registry_url.startswith("https://"):
        raise SettingsError("HEADWATER_REGISTRY_*_FILE are of TLS, but HEADWATER_REGISTRY_URL is without: use https://")
    token = secret(settings.registry_token, settings.registry_token_file)
    if token is not None:
        # The client wants to know of a cluster and a pool, which it sends as headers that others pass over.
        found |= {
            "bearer.auth.credentials.source": "STATIC_TOKEN",
            "bearer.auth.token": token,
            "bearer.auth.logical.cluster": "-",
            "bearer.auth.identity.pool.id": "-",
        }
    elif settings.registry_user:
        password = secret(settings.registry_password, settings.registry_password_file)
        if password is None:
            raise SettingsError("HEADWATER_REGISTRY_USER needs HEADWATER_REGISTRY_PASSWORD_FILE or _PASSWORD")
        found["basic.auth.user.info"] = f"{settings.registry_user}:{password}"
    return found


def job_access(settings: Settings) -> dict[str, str]:
    """What the kernel's RegistryAccess reads: paths where secrets stand in files, which it reads for each request."""
    given = {
        "registry_ca_file": settings.registry_ca_file,
        "registry_certificate_file": settings.registry_certificate_file,
        "registry_key_file": settings.registry_key_file,
        "registry_user": settings.registry_user or None,
        "registry_password": secret(settings.registry_password, None),
        "registry_password_file": settings.registry_password_file,
        "registry_token": secret(settings.registry_token, None),
        "registry_token_file": settings.registry_token_file,
    }
    return {name: str(value) for name, value in given.items() if value is not None}
