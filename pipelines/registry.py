"""The schema registry: the few calls of its Confluent API that Headwater makes, each with an error of our own."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from importlib import import_module
from importlib.util import find_spec
from types import TracebackType
from typing import Any, TypeVar

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import OAuthTokenError, SchemaRegistryError

from headwater.pipelines.security.registry import python_properties
from headwater.pipelines.settings import Settings
from headwater.schemas.contracts.reconcile import RegisteredSubject, RegisteredVersion
from headwater.schemas.errors import ContractError, RegistryError, SettingsError

TIMEOUT_SECONDS = 10.0
FIRST_WAIT_MS = 250
LONGEST_WAIT_MS = 2000

SCHEMA_NOT_FOUND = 40403
"""By this a registry says that it has no such schema; any other 404 is not a registry's."""

_SUBJECT_NOT_FOUND = 40401
_LEVEL_NOT_FOUND = 40408
_READ_ONLY = 42205

# The client speaks HTTP through whichever of the two is installed, the newer first, and lets its errors through.
_HTTP = [import_module(name) for name in ("httpx", "httpx2") if find_spec(name)]
_NO_ANSWER_IN_TIME: tuple[type[Exception], ...] = tuple(module.TimeoutException for module in _HTTP)
_NO_ANSWER: tuple[type[Exception], ...] = tuple(module.HTTPError for module in _HTTP)

Result = TypeVar("Result")


class Registry:
    """A registry, by the settings of this process. As a context it keeps its connections from call to call.

    Every call raises RegistryError if the registry cannot be reached or refuses, and SettingsError if its properties
    are none that the client knows, or name files that are not there.
    """

    def __init__(self, settings: Settings, *, retries: int = 0, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """
        Args:
            retries: how often a call is made again that failed in a way that may pass: no answer, 408, 429 or 5xx.
            timeout_seconds: how long each attempt may take.
        """
        self._url = settings.registry_url.rstrip("/")
        self._settings = settings
        self._timeout_seconds = timeout_seconds
        self._properties: dict[str, Any] = {
            **{name: value.get_secret_value() for name, value in settings.registry_properties.items()},
            "url": settings.registry_url,
            "timeout": timeout_seconds,
            "max.retries": retries,
            "retries.wait.ms": FIRST_WAIT_MS,
            "retries.max.wait.ms": LONGEST_WAIT_MS,
        }
        self._kept: SchemaRegistryClient | None = None

    def __enter__(self) -> Registry:
        self._kept = self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._kept is not None:
            self._kept.close()
            self._kept = None

    @property
    def url(self) -> str:
        """Its base URL."""
        return self._url

    def schema_text(self, schema_id: int) -> str | None:
        """The schema with this id as it was registered, or None if the registry has none."""
        schema = self._known(lambda client: client.get_schema(schema_id), SCHEMA_NOT_FOUND)
        return None if schema is None else self._text(schema, f"schema {schema_id}")

    def subject(self, name: str) -> RegisteredSubject:
        """All that is registered of a subject, soft-deleted versions left out."""
        numbers = self._known(lambda client: client.get_versions(name), _SUBJECT_NOT_FOUND) or []
        versions = tuple(self._version(name, number) for number in sorted(numbers))
        return RegisteredSubject(self.level(name), versions)

    def level(self, subject: str) -> str | None:
        """The subject's compatibility level, or None if it has none of its own; Apicurio then says its default."""
        return self._known(lambda client: client.get_compatibility(subject), _LEVEL_NOT_FOUND, _SUBJECT_NOT_FOUND)

    def set_compatibility(self, subject: str, level: str) -> None:
        """Makes the registry refuse schemas of the subject that are not compatible at this level."""
        self._call(lambda client: client.set_compatibility(subject, level))

    def register(self, subject: str, schema: Mapping[str, Any]) -> int:
        """Registers the Avro schema, if it is not yet, and returns its id.

        Raises:
            ContractError: the registry refuses it as invalid, or as incompatible with what is there.
        """
        text = Schema(json.dumps(schema), "AVRO")
        return self._call(lambda client: client.register_schema(subject, text), subject)

    def _version(self, subject: str, number: int) -> RegisteredVersion:
        found = self._call(lambda client: client.get_version(subject, number))
        name = f"version {number} of {subject}"
        try:
            schema = json.loads(self._text(found.schema, name))
        except ValueError as error:
            raise RegistryError(f"{self._url}: {name} is not JSON: {error}") from error
        references = tuple(str(reference.subject) for reference in found.schema.references or ())
        return RegisteredVersion(number, int(found.schema_id or 0), schema, references)

    def _text(self, schema: Schema, name: str) -> str:
        if not schema.schema_str:
            raise RegistryError(f"{self._url} gives {name} no text")
        return str(schema.schema_str)

    def _known(self, call: Callable[[SchemaRegistryClient], Result], *not_found: int) -> Result | None:
        """The answer, or None if a registry says by one of these codes that there is no such thing."""
        try:
            return self._call(call)
        except RegistryError as error:
            cause = error.__cause__
            if isinstance(cause, SchemaRegistryError) and cause.error_code in not_found:
                return None
            raise

    def _call(self, call: Callable[[SchemaRegistryClient], Result], subject: str = "") -> Result:
        client = self._kept or self._open()
        try:
            return call(client)
        except SchemaRegistryError as error:
            raise self._refusal(error, subject) from error
        except _NO_ANSWER_IN_TIME as error:
            raise RegistryError(
                f"the schema registry {self._url} does not answer within {self._timeout_seconds:g} s"
            ) from error
        except _NO_ANSWER as error:
            raise RegistryError(f"the schema registry {self._url} cannot be reached: {error}") from error
        except OAuthTokenError as error:
            raise RegistryError(f"no token for the schema registry {self._url}: {error}") from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            # What the client makes of an answer that is not what it expects.
            raise RegistryError(f"{self._url}: not an answer of a schema registry: {error!r}") from error
        finally:
            if client is not self._kept:
                client.close()

    def _open(self) -> SchemaRegistryClient:
        try:
            return SchemaRegistryClient({**self._properties, **python_properties(self._settings)})
        except (ValueError, TypeError, OSError) as error:
            raise SettingsError(f"HEADWATER_REGISTRY_PROPERTIES or HEADWATER_REGISTRY_*_FILE: {error}") from error

    def _refusal(self, error: SchemaRegistryError, subject: str) -> RegistryError | ContractError:
        status, said = error.http_status_code, " ".join(str(error.error_message).split())[:500]
        if error.error_code == _READ_ONLY or "read-only" in said:  # Confluent's code; Apicurio has only words for it
            return RegistryError(f"the schema registry {self._url} is read-only: {said}")
        if subject and status in (HTTPStatus.CONFLICT, HTTPStatus.UNPROCESSABLE_ENTITY):
            return ContractError(f"the registry {self._url} refuses a schema of {subject}: {said}")
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return RegistryError(
                f"the schema registry {self._url} refuses these credentials ({status}): {said}\n"
                "set HEADWATER_REGISTRY_USER and HEADWATER_REGISTRY_PASSWORD_FILE, or HEADWATER_REGISTRY_TOKEN_FILE, to"
                " those of a user who may do this"
            )
        return RegistryError(f"{self._url}: the registry answers {status}: {said}")
