"""The settings of secure connections. A secret is a secret type, or a file that is read anew when it is needed.

Settings whose names end in `_file` name files of PEM or of one secret each. They may also stand together in one
directory, as Kubernetes mounts a Secret: HEADWATER_SECRETS_DIRECTORY with the file `kafka_password` is
HEADWATER_KAFKA_PASSWORD_FILE, and with `kafka_user` HEADWATER_KAFKA_USER.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings

from headwater.schemas.errors import SettingsError

KafkaProtocol = Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]
SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


class SecuritySettings(BaseSettings):
    """How to be recognised by Kafka, Redis and the registry, and how to recognise them."""

    secrets_directory: Path | None = Field(
        None, description="Directory of files for settings that end in _FILE or _USER, named like them, without _FILE."
    )
    kafka_security_protocol: KafkaProtocol | None = Field(None, description="How Kafka is spoken; PLAINTEXT if unset.")
    kafka_ca_file: Path | None = Field(None, description="PEM of the authority that signed the brokers' certificates.")
    kafka_certificate_file: Path | None = Field(None, description="PEM of this client's certificates, for mutual TLS.")
    kafka_key_file: Path | None = Field(None, description="PEM of its private key: PKCS #8, not encrypted.")
    kafka_sasl_mechanism: SaslMechanism | None = Field(None, description="How Kafka's user is recognised.")
    kafka_user: str = Field("", description="Kafka's user.")
    kafka_password: SecretStr | None = Field(None, description="The user's password.")
    kafka_password_file: Path | None = Field(None, description="A file with it, read anew when it was replaced.")
    kafka_token_file: Path | None = Field(None, description="A file with a token for OAUTHBEARER, renewed by others.")
    kafka_token_provider: str = Field(
        "", description="module:function that returns (token, expiry in seconds since the epoch), in Python."
    )
    kafka_token_handler: str = Field(
        "", description="The like for the job: a Java class on its classpath, sasl.login.callback.handler.class."
    )
    registry_ca_file: Path | None = Field(None, description="PEM of the authority that signed the registry's.")
    registry_certificate_file: Path | None = Field(None, description="PEM of the client's certificates.")
    registry_key_file: Path | None = Field(None, description="PEM of its private key: PKCS #8, not encrypted.")
    registry_user: str = Field("", description="The registry's user.")
    registry_password: SecretStr | None = Field(None, description="The user's password.")
    registry_password_file: Path | None = Field(None, description="A file with it, read anew for each request.")
    registry_token: SecretStr | None = Field(None, description="A bearer token, instead of user and password.")
    registry_token_file: Path | None = Field(None, description="A file with it, read anew for each request.")
    redis_ca_file: Path | None = Field(None, description="PEM of the authority that signed Redis's certificate.")
    redis_certificate_file: Path | None = Field(None, description="PEM of the client's certificates.")
    redis_key_file: Path | None = Field(None, description="PEM of its private key.")
    redis_user: str = Field("", description="Redis's user, if not in the URL.")
    redis_password: SecretStr | None = Field(None, description="The user's password, if not in the URL.")
    redis_password_file: Path | None = Field(None, description="A file with it, read anew for each connection.")

    @model_validator(mode="before")
    @classmethod
    def _files_of_directory(cls, given: Any) -> Any:
        directory = given.get("secrets_directory") if isinstance(given, dict) else None
        if not directory:
            return given
        files = {name: Path(directory) / name.removesuffix("_file") for name in cls.model_fields}
        there = {name: file for name, file in files.items() if file.is_file()}
        users = {name: secret(None, file) for name, file in there.items() if name.endswith("_user")}
        return {**{name: file for name, file in there.items() if name.endswith("_file")}, **users, **given}

    @field_validator("registry_url", "flink_rest_url", check_fields=False)
    @classmethod
    def _no_password_in_url(cls, url: str) -> str:
        if "@" in urlsplit(url).netloc:
            raise ValueError("must not hold a password, which would be seen in logs; see 'Secrets' in security.md")
        return url

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for name in ("kafka_password", "registry_password", "registry_token", "redis_password"):
            if getattr(self, name) is not None and getattr(self, f"{name}_file") is not None:
                raise ValueError(f"{_variable(name)} and {_variable(name)}_FILE are both set: keep one")
        for service in ("kafka", "registry", "redis"):
            if (getattr(self, f"{service}_certificate_file") is None) != (getattr(self, f"{service}_key_file") is None):
                raise ValueError(f"{_variable(service)}_CERTIFICATE_FILE and _KEY_FILE go together: set both or none")
        self._check_kafka()
        return self

    def _check_kafka(self) -> None:
        if self.kafka_ca_file is not None and not (self.kafka_security_protocol or "").endswith("SSL"):
            raise ValueError("HEADWATER_KAFKA_CA_FILE needs HEADWATER_KAFKA_SECURITY_PROTOCOL to be SSL or SASL_SSL")
        is_sasl = (self.kafka_security_protocol or "").startswith("SASL_")
        mechanism = self.kafka_sasl_mechanism
        if self.kafka_security_protocol is not None and is_sasl != (mechanism is not None):
            raise ValueError(
                f"HEADWATER_KAFKA_SECURITY_PROTOCOL is {self.kafka_security_protocol}, but"
                f" HEADWATER_KAFKA_SASL_MECHANISM is {mechanism or 'not set'}: either needs the other"
            )
        has_password = self.kafka_password is not None or self.kafka_password_file is not None
        if mechanism == "OAUTHBEARER" and not (self.kafka_token_file or self.kafka_token_provider):
            raise ValueError("OAUTHBEARER needs HEADWATER_KAFKA_TOKEN_FILE, or _TOKEN_PROVIDER and _TOKEN_HANDLER")
        if mechanism not in (None, "OAUTHBEARER") and not (self.kafka_user and has_password):
            raise ValueError(f"{mechanism} needs HEADWATER_KAFKA_USER and HEADWATER_KAFKA_PASSWORD_FILE or _PASSWORD")


def secret(value: SecretStr | None, file: Path | None) -> str | None:
    """The secret as it is now: the given one, or what stands in the file; None if there is neither.

    Raises:
        SettingsError: the file cannot be read, or is empty.
    """
    if file is None:
        return None if value is None else value.get_secret_value()
    try:
        text = file.read_text(encoding="utf-8").rstrip()
    except OSError as error:
        raise SettingsError(f"the secret {file} cannot be read: {error.strerror}") from error
    if not text:
        raise SettingsError(f"the secret {file} is empty")
    return text


def require_files(settings: SecuritySettings) -> None:
    """Returns if every file that the settings name can be read.

    Raises:
        SettingsError: with a line for each that cannot.
    """
    lacks = []
    for name in type(settings).model_fields:
        file = getattr(settings, name)
        if name.endswith("_file") and file is not None:
            try:
                file.open("rb").close()
            except OSError as error:
                lacks.append(f"{_variable(name)}: {file}: {error.strerror}")
    if lacks:
        raise SettingsError("\n".join(lacks))


def _variable(name: str) -> str:
    return f"HEADWATER_{name.upper()}"
