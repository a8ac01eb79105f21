"""The subjects that a view's job writes: registered before the job starts, so that it only needs their ids."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.pipelines.deployment import Deployment, deployment_of
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings
from headwater.schemas.dead_letter import DEAD_LETTER_SCHEMA
from headwater.schemas.errors import ContractError
from headwater.schemas.plan import Plan

COMPATIBILITY = "FULL_TRANSITIVE"
"""Readers of any version can read rows of any version."""


def register_outputs(plan: Plan, settings: Settings) -> Deployment:
    """Registers the schemas of the log, the dead letters and the late events; returns the deployment with their ids.

    Raises:
        ContractError: the log's schema is incompatible with one that is registered already.
        RegistryError: the registry cannot be reached or refused.
    """
    registry = Registry(settings.registry_url)
    return deployment_of(
        plan,
        settings,
        log_schema_id=_register(registry, plan.log.subject, plan.log.schema_),
        dead_letter_schema_id=_register(registry, plan.dead_letters.subject, DEAD_LETTER_SCHEMA),
        late_schema_id=_register(registry, plan.late.subject, DEAD_LETTER_SCHEMA),
    )


def _register(registry: Registry, subject: str, schema: Mapping[str, Any]) -> int:
    registry.set_compatibility(subject, COMPATIBILITY)
    try:
        return registry.register(subject, schema)
    except ContractError as error:
        raise ContractError(f"{error}; raise the view's generation, so that it gets a log of its own") from error
