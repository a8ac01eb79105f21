"""The subjects that a view's job writes: registered before the job starts, so that it only needs their ids."""

from __future__ import annotations

from headwater.pipelines.deployment import Deployment, deployment_of
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings
from headwater.pipelines.subject_registration import carry_out, registered_ids, steps_to_register
from headwater.schemas.contracts.output import Output, outputs_of
from headwater.schemas.errors import ContractError, DeclarationError
from headwater.schemas.plan import Plan


def register_outputs(plan: Plan, settings: Settings) -> Deployment:
    """Registers the schemas of the log, the dead letters and the late events; returns the deployment with their ids.

    Raises:
        ContractError: the log's schema is incompatible with one that is registered already.
        RegistryError: the registry cannot be reached or refused.
    """
    with Registry(settings) as registry:
        log, dead_letters, late = (register_output(registry, output) for output in outputs_of(plan))
    return deployment_of(plan, settings, log_schema_id=log, dead_letter_schema_id=dead_letters, late_schema_id=late)


def register_output(registry: Registry, output: Output) -> int:
    """Holds the subject to its level, then registers its schema, if it is not yet; returns its id.

    Raises:
        ContractError: the schema is incompatible with one that is registered already.
        RegistryError: the registry cannot be reached or refused.
    """
    try:
        carry_out(registry, steps_to_register(registry, (), (output,)))
    except (ContractError, DeclarationError) as error:
        raise ContractError(f"{error}; raise the view's generation, so that it gets a log of its own") from error
    (registered,) = registered_ids(registry, (), (output,))
    return registered.schema_id
