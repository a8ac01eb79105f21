"""Kafka's ACLs of Headwater's users: as bindings, as commands, and compared with and brought to a broker."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import NamedTuple

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from headwater.pipelines.security.grants import Grants, KafkaGrant, Operation, ResourceKind
from headwater.pipelines.security.kafka_trouble import told
from headwater.schemas.errors import BrokerError

TIMEOUT_SECONDS = 30.0

_TYPES: dict[ResourceKind, ResourceType] = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactional id": ResourceType.TRANSACTIONAL_ID,
}
_OPTIONS: dict[ResourceKind, str] = {"topic": "--topic", "group": "--group", "transactional id": "--transactional-id"}
_OPERATIONS: dict[Operation, AclOperation] = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Describe": AclOperation.DESCRIBE,
    "Create": AclOperation.CREATE,
    "AlterConfigs": AclOperation.ALTER_CONFIGS,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}


class Difference(NamedTuple):
    """What users lack, and what they have beyond what they need."""

    missing: tuple[AclBinding, ...]
    surplus: tuple[AclBinding, ...]


def kafka_grants(grants: Iterable[Grants]) -> tuple[KafkaGrant, ...]:
    """All of them, those on one resource as one."""
    found: dict[tuple[ResourceKind, str, bool], set[Operation]] = {}
    for each in grants:
        for kind, name, operations, is_prefix in each.kafka:
            found.setdefault((kind, name, is_prefix), set()).update(operations)
    return tuple(
        KafkaGrant(kind, name, tuple(sorted(operations)), is_prefix)
        for (kind, name, is_prefix), operations in found.items()
    )


def bindings(user: str, grants: Iterable[KafkaGrant]) -> tuple[AclBinding, ...]:
    """The user's ACLs, each for one operation, from every host."""
    return tuple(_binding(user, grant, operation) for grant in grants for operation in grant.operations)


def among(user: str, grants: Iterable[KafkaGrant], acls: Collection[AclBinding]) -> tuple[KafkaGrant, ...]:
    """What of the user's grants is in these ACLs."""
    return _where(grants, lambda grant, operation: _binding(user, grant, operation) in acls)


def lacking(user: str, grants: Iterable[KafkaGrant], acls: Collection[AclBinding]) -> tuple[KafkaGrant, ...]:
    """What of the user's grants is not in these ACLs."""
    return _where(grants, lambda grant, operation: _binding(user, grant, operation) not in acls)


def commands(user: str, grants: Iterable[Grants]) -> list[str]:
    """The commands of Kafka's own tool that give the user its ACLs."""
    return [
        " ".join(
            (
                "kafka-acls.sh --bootstrap-server ... --add --allow-principal",
                shlex.quote(principal(user)),
                *(f"--operation {operation}" for operation in grant.operations),
                *(("--resource-pattern-type prefixed",) if grant.is_prefix else ()),
                _OPTIONS[grant.kind],
                shlex.quote(grant.name),
            )
        )
        for grant in kafka_grants(grants)
    ]


def acls_of(admin: AdminClient, user: str) -> set[AclBinding]:
    """All ACLs that the broker has of the user.

    Raises:
        BrokerError: the broker cannot be reached, or does not show them.
    """
    try:
        return set(admin.describe_acls(_of(user), request_timeout=TIMEOUT_SECONDS).result(TIMEOUT_SECONDS))
    except KafkaException as error:
        raise _refused("show", error) from error


def difference(admin: AdminClient, users: Mapping[str, Iterable[Grants]]) -> Difference:
    """How the broker's ACLs of the users differ from what they need.

    Raises:
        BrokerError: the broker cannot be reached, or does not show them.
    """
    missing: list[AclBinding] = []
    surplus: list[AclBinding] = []
    for user, grants in users.items():
        wanted, found = set(bindings(user, kafka_grants(grants))), acls_of(admin, user)
        missing += sorted(wanted - found, key=str)
        surplus += sorted(found - wanted, key=str)
    return Difference(tuple(missing), tuple(surplus))


def create(admin: AdminClient, wanted: Iterable[AclBinding]) -> None:
    """Creates ACLs; those that are there stay.

    Raises:
        BrokerError: the broker cannot be reached, or refuses.
    """
    try:
        for created in admin.create_acls(list(wanted), request_timeout=TIMEOUT_SECONDS).values():
            created.result(TIMEOUT_SECONDS)
    except KafkaException as error:
        raise _refused("create", error) from error


def delete(admin: AdminClient, unwanted: Iterable[AclBinding]) -> None:
    """Deletes ACLs.

    Raises:
        BrokerError: the broker cannot be reached, or refuses.
    """
    filters = [
        AclBindingFilter(
            each.restype,
            each.name,
            each.resource_pattern_type,
            each.principal,
            each.host,
            each.operation,
            each.permission_type,
        )
        for each in unwanted
    ]
    try:
        for deleted in admin.delete_acls(filters, request_timeout=TIMEOUT_SECONDS).values():
            deleted.result(TIMEOUT_SECONDS)
    except KafkaException as error:
        raise _refused("delete", error) from error


def principal(user: str) -> str:
    """The user as Kafka's ACLs name it: that of SASL is `User:` and the name."""
    return user if user.startswith("User:") else f"User:{user}"


def described(binding: AclBinding) -> str:
    """The ACL in a few words."""
    kind = next(kind for kind, restype in _TYPES.items() if restype == binding.restype)
    star = "*" if binding.resource_pattern_type == ResourcePatternType.PREFIXED else ""
    return f"{binding.principal} {AclOperation(binding.operation).name} {kind} {binding.name}{star}"


def described_grants(grants: Iterable[KafkaGrant]) -> str:
    """The grants in one line, each resource with what may be done with it."""
    return "; ".join(
        f"{grant.kind} {grant.name}{'*' if grant.is_prefix else ''} ({', '.join(grant.operations)})" for grant in grants
    )


def _where(grants: Iterable[KafkaGrant], holds: Callable[[KafkaGrant, Operation], bool]) -> tuple[KafkaGrant, ...]:
    kept = (
        grant._replace(operations=tuple(each for each in grant.operations if holds(grant, each))) for grant in grants
    )
    return tuple(grant for grant in kept if grant.operations)


def _binding(user: str, grant: KafkaGrant, operation: Operation) -> AclBinding:
    return AclBinding(
        _TYPES[grant.kind],
        grant.name,
        ResourcePatternType.PREFIXED if grant.is_prefix else ResourcePatternType.LITERAL,
        principal(user),
        "*",
        _OPERATIONS[operation],
        AclPermissionType.ALLOW,
    )


def _of(user: str) -> AclBindingFilter:
    return AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]
        ResourcePatternType.ANY,
        principal(user),
        None,  # type: ignore[arg-type]
        AclOperation.ANY,
        AclPermissionType.ANY,
    )


def _refused(what: str, error: KafkaException) -> BrokerError:
    return BrokerError(
        f"the brokers do not {what} ACLs: {told(error.args[0])}; they need an authorizer, and a user"
        " who may Describe and Alter the cluster"
    )
