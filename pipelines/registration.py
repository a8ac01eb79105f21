"""The subjects that a view's job writes: registered before the job starts, so that it only needs their ids."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from confluent_kafka.schema_registry import Schema, SchemaRegistryClient
from confluent_kafka.schema_registry.error import SchemaRegistryError
from httpx import HTTPError

from headwater.pipelines.deployment import Deployment, deployment_of
from headwater.pipelines.settings import Settings
from headwater.schemas.dead_letter import DEAD_LETTER_SCHEMA
from headwater.schemas.errors import ContractError, RegistryError
from headwater.schemas.plan import Plan

COMPATIBILITY = "FULL_TRANSITIVE"
"""Readers of any version can read rows of any version."""

CONFLICT = 409


def register_outputs(plan: Plan, settings: Settings) -> Deployment:
    """Registers the schemas of the log, the dead letters and the late events; returns the deployment with their ids.

    Raises:
        ContractError: the log's schema is incompatible with one that is registered already.
        RegistryError: the registry cannot be reached or refused.
    """
    with SchemaRegistryClient({"url": settings.registry_url}) as client:
        return deployment_of(
            plan,
            settings,
            log_schema_id=_register(client, plan.log.subject, plan.log.schema_),
            dead_letter_schema_id=_register(client, plan.dead_letters.subject, DEAD_LETTER_SCHEMA),
            late_schema_id=_register(client, plan.late.subject, DEAD_LETTER_SCHEMA),
        )


def _register(client: SchemaRegistryClient, subject: str, schema: Mapping[str, Any]) -> int:
    try:
        client.set_compatibility(subject, COMPATIBILITY)
        return client.register_schema(subject, Schema(json.dumps(schema), "AVRO"))
    except SchemaRegistryError as error:
        if error.http_status_code == CONFLICT:
            raise ContractError(
                f"the registry refuses the schema of {subject} as incompatible with an older one "
                f"({error.error_message}): raise the view's generation, so that it gets a log of its own"
            ) from error
        raise RegistryError(f"the registry refuses {subject}: {error}") from error
    except (HTTPError, OSError) as error:
        raise RegistryError(f"the schema registry cannot be reached: {error}") from error
