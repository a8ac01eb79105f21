"""Redis's users: the rules of each, as a command, as a line of an ACL file, and brought to a server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, cast

from redis import Redis
from redis.exceptions import RedisError, ResponseError

from headwater.pipelines.online_store import trouble
from headwater.pipelines.security.grants import Grants
from headwater.schemas.errors import OnlineStoreError

PASSWORD = "#SHA256-OF-PASSWORD"  # noqa: S105 - what stands for it in print


def rules(grants: Iterable[Grants]) -> list[str] | None:
    """The rules that leave a user what it needs and no more; None if it needs nothing of Redis. Passwords stay."""
    needed = [each.redis for each in grants if each.redis is not None]
    if not needed:
        return None
    keys = dict.fromkeys(key for grant in needed for key in grant.keys)
    read_only = dict.fromkeys(key for grant in needed for key in grant.read_only if key not in keys)
    commands = dict.fromkeys(command for grant in needed for command in grant.commands)
    return [
        *("resetkeys", "resetchannels", "clearselectors", "-@all"),
        *(f"~{key}" for key in keys),
        *(f"%R~{key}" for key in read_only),
        *(f"+{command}" for command in commands),
    ]


def command(user: str, grants: Iterable[Grants]) -> str | None:
    """The command that makes the user, with a place for its password; None if it needs nothing of Redis."""
    found = rules(grants)
    return None if found is None else f"ACL SETUSER {user} on {PASSWORD} {' '.join(found)}"


def hashed(password: str) -> str:
    """The rule that gives a user this password, without telling it."""
    return f"#{sha256(password.encode()).hexdigest()}"


def apply(client: Redis, users: Mapping[str, Iterable[Grants]], passwords: Mapping[str, str]) -> list[str]:
    """Gives each user the rules that it needs, and its password if there is one; returns whom that changed.

    Raises:
        OnlineStoreError: a user is new, but has no password; or Redis cannot be reached, or refuses.
    """
    changed = []
    for user, grants in users.items():
        found = rules(grants)
        if found is None:
            continue
        password = [hashed(passwords[user])] if user in passwords else []
        try:
            before = cast("dict[str, Any] | None", client.acl_getuser(user))
            if before is None and not password:
                raise OnlineStoreError(
                    f"Redis has no user {user}: give its password as a file of that name in --redis-passwords, or run"
                    f" {command(user, grants)}"
                )
            client.execute_command("ACL", "SETUSER", user, "on", *password, *found)  # type: ignore[no-untyped-call]
            if client.acl_getuser(user) != before:
                changed.append(user)
        except RedisError as error:
            raise OnlineStoreError(f"Redis does not set the rules of {user}: {trouble(error)}") from error
    with contextlib.suppress(ResponseError):  # it keeps users in its configuration, or nowhere: then they are set anew
        client.acl_save()
    return changed
