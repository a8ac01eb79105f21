"""What the job's operators must be told of the world around them: handed to the JVM beside the plan, never in it."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from pydantic import BaseModel, ConfigDict, Field

from headwater.pipelines.security.kafka import jaas_line, job_properties
from headwater.pipelines.security.registry import job_access
from headwater.pipelines.settings import Settings
from headwater.schemas.plan import Plan

_log = structlog.get_logger(__name__)

_SAME_IN_JAVA = frozenset(
    {
        "security.protocol",
        "client.rack",
        "client.dns.lookup",
        "metadata.max.age.ms",
        "connections.max.idle.ms",
        "request.timeout.ms",
        "delivery.timeout.ms",
    }
)


class Deployment(BaseModel):
    """Addresses, schema ids and names of one job. Its JSON holds those secrets that the settings name no files of."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bootstrap_servers: str
    registry_url: str
    registry_ca_file: str | None = None
    registry_certificate_file: str | None = None
    registry_key_file: str | None = None
    registry_user: str | None = None
    registry_password: str | None = Field(None, repr=False)
    registry_password_file: str | None = None
    registry_token: str | None = Field(None, repr=False)
    registry_token_file: str | None = None
    log_schema_id: int
    dead_letter_schema_id: int
    late_schema_id: int
    kafka_properties: dict[str, str] = Field(repr=False)
    unknown_schema_wait_ms: int
    dead_letter_cap_bytes: int
    transaction_timeout_ms: int
    transactional_id_prefix: str
    group_id: str


def job_name(plan: Plan) -> str:
    """The name of the view's job on its cluster, also its consumer group and the prefix of its transactional ids."""
    return f"headwater-{plan.view}-g{plan.generation}"


def deployment_of(
    plan: Plan, settings: Settings, *, log_schema_id: int, dead_letter_schema_id: int, late_schema_id: int
) -> Deployment:
    """The deployment of the plan in the world that the settings describe.

    Raises:
        SettingsError: the job has no way to get tokens for Kafka.
    """
    given = {name: value.get_secret_value() for name, value in settings.kafka_properties.items()}
    return Deployment(
        bootstrap_servers=settings.kafka_bootstrap_servers,
        registry_url=settings.registry_url,
        **job_access(settings),
        log_schema_id=log_schema_id,
        dead_letter_schema_id=dead_letter_schema_id,
        late_schema_id=late_schema_id,
        kafka_properties={**java_properties(given), **job_properties(settings)},
        unknown_schema_wait_ms=settings.unknown_schema_wait_ms,
        dead_letter_cap_bytes=settings.dead_letter_cap_bytes,
        transaction_timeout_ms=settings.transaction_timeout_ms,
        transactional_id_prefix=job_name(plan),
        group_id=job_name(plan),
    )


def java_properties(properties: Mapping[str, str]) -> dict[str, str]:
    """What Kafka's Java client calls these librdkafka properties; what it has no use for is left out and logged."""
    rest = {name: value for name, value in properties.items() if name != "bootstrap.servers"}
    found = {name: rest.pop(name) for name in _SAME_IN_JAVA & rest.keys()}
    mechanism = rest.pop("sasl.mechanism", None) or rest.pop("sasl.mechanisms", None)
    user, password = rest.pop("sasl.username", ""), rest.pop("sasl.password", "")
    if mechanism is not None:
        found["sasl.mechanism"] = mechanism
        login = jaas_line(mechanism, user, password)
        if login is not None:
            found["sasl.jaas.config"] = login
    if "ssl.ca.location" in rest:
        found |= {"ssl.truststore.type": "PEM", "ssl.truststore.location": rest.pop("ssl.ca.location")}
    if "ssl.keystore.location" in rest:
        found |= {"ssl.keystore.type": "PKCS12", "ssl.keystore.location": rest.pop("ssl.keystore.location")}
        found["ssl.keystore.password"] = rest.pop("ssl.keystore.password", "")
    algorithm = rest.pop("ssl.endpoint.identification.algorithm", None)
    if algorithm is not None:
        found["ssl.endpoint.identification.algorithm"] = "" if algorithm == "none" else algorithm
    if rest:
        _log.warning("kafka_properties_not_for_the_job", names=sorted(rest))
    return found
