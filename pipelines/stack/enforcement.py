"""Lets the users of a secure stack into its servers, each with what it needs and no more."""

from __future__ import annotations

from collections.abc import Mapping

import structlog
from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialUpsertion,
)
from redis import Redis

from headwater.pipelines.security import kafka_acls, redis_acls
from headwater.pipelines.security.grants import Grants
from headwater.pipelines.security.kafka_trouble import told
from headwater.pipelines.stack.redis import RedisServer
from headwater.pipelines.stack.registry import Role
from headwater.pipelines.stack.security import ADMIN, StackSecurity
from headwater.schemas.errors import BrokerError

ITERATIONS = 4096
TIMEOUT_SECONDS = 30.0

_log = structlog.get_logger(__name__)


def let_in(security: StackSecurity, admin: AdminClient, redis: Redis, users: Mapping[str, tuple[Grants, ...]]) -> None:
    """Gives the users their passwords and grants, and takes away what is left of other plans.

    Args:
        admin, redis: clients that may do everything.

    Raises:
        BrokerError, OnlineStoreError: a server refuses.
    """
    passwords = {user: security.identity(user).password for user in users}
    _set_passwords(admin, passwords)
    missing, surplus = kafka_acls.difference(admin, users)
    if missing:
        kafka_acls.create(admin, missing)
    if surplus:
        kafka_acls.delete(admin, surplus)
    redis_acls.apply(redis, users, passwords)


def warn_without_tls(server: RedisServer) -> None:
    """Says so, and what to do, if the server's program cannot speak TLS."""
    if not server.has_tls:
        _log.warning(
            "redis_without_tls",
            consequence="passwords and values cross the loopback interface as they are",
            remedy="set HEADWATER_REDIS_SERVER to the path of a redis-server that was built with TLS, such as Debian's",
        )


def registry_roles(users: Mapping[str, tuple[Grants, ...]]) -> dict[str, Role]:
    """Who may enter the registry, and as what."""
    needed = {user: {each.registry for each in grants} for user, grants in users.items()}
    roles: dict[str, Role] = {
        user: "write" if "write" in kinds else "read" for user, kinds in needed.items() if kinds != {"none"}
    }
    return {**roles, ADMIN: "admin"}


def _set_passwords(admin: AdminClient, passwords: Mapping[str, str]) -> None:
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    wanted: list[UserScramCredentialAlteration] = [
        UserScramCredentialUpsertion(user, info, text.encode()) for user, text in passwords.items()
    ]
    try:
        for done in admin.alter_user_scram_credentials(wanted).values():
            done.result(TIMEOUT_SECONDS)
    except KafkaException as error:
        raise BrokerError(f"the broker does not set passwords: {told(error.args[0], admin)}") from error
