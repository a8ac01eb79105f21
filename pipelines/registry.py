"""The schema registry: the few calls of its Confluent API that Headwater makes, each with an error of our own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import httpx

from headwater.schemas.errors import ContractError, RegistryError

TIMEOUT_SECONDS = 10.0

SCHEMA_NOT_FOUND = 40403
"""By this a registry says that it has no such schema; any other 404 is not a registry's."""

_JSON = {"Content-Type": "application/vnd.schemaregistry.v1+json"}


class Registry:
    """A registry by its base URL. Every call raises RegistryError if it cannot be reached or refuses."""

    def __init__(self, url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        self._url = url.rstrip("/")
        self._timeout_seconds = timeout_seconds

    def schema_text(self, schema_id: int) -> str | None:
        """The schema with this id as it was registered, or None if the registry has none."""
        answer = self._call("GET", f"/schemas/ids/{schema_id}")
        if answer.status_code == HTTPStatus.NOT_FOUND and _error_code(answer) == SCHEMA_NOT_FOUND:
            return None
        text = self._json(answer).get("schema")
        if not isinstance(text, str) or not text:
            raise RegistryError(f"{self._url} gives schema {schema_id} no text")
        return text

    def has_subject(self, subject: str) -> bool:
        """Whether any schema is registered under the subject."""
        return self._call("GET", f"/subjects/{subject}/versions").is_success

    def set_compatibility(self, subject: str, level: str) -> None:
        """Makes the registry refuse schemas of the subject that are not compatible at this level."""
        self._json(self._call("PUT", f"/config/{subject}", {"compatibility": level}))

    def register(self, subject: str, schema: Mapping[str, Any]) -> int:
        """Registers the Avro schema, if it is not yet, and returns its id.

        Raises:
            ContractError: the registry refuses it as incompatible with what is there.
        """
        answer = self._call("POST", f"/subjects/{subject}/versions", {"schema": json.dumps(schema)})
        if answer.status_code == HTTPStatus.CONFLICT:
            raise ContractError(
                f"the registry refuses a schema of {subject} as incompatible with an older one: {answer.text}"
            )
        schema_id: int = self._json(answer)["id"]
        return schema_id

    def _call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> httpx.Response:
        try:
            answer = httpx.request(method, self._url + path, json=body, headers=_JSON, timeout=self._timeout_seconds)
        except httpx.HTTPError as error:
            raise RegistryError(f"the schema registry {self._url} cannot be reached: {error}") from error
        if answer.is_error and answer.status_code not in (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT):
            raise RegistryError(f"{self._url}{path}: the registry answers {answer.status_code}: {answer.text[:200]}")
        return answer

    def _json(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            found = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise RegistryError(f"{answer.url}: not an answer of a schema registry: {answer.text[:200]}") from error
        if not isinstance(found, dict):
            raise RegistryError(f"{answer.url}: not an answer of a schema registry: {answer.text[:200]}")
        return found


def _error_code(answer: httpx.Response) -> object:
    try:
        found = answer.json()
    except ValueError:
        return None
    return found.get("error_code") if isinstance(found, dict) else None
