"""`headwater acls`: the grants that each component of a view needs in Kafka, Redis and the registry, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from headwater.pipelines.commands.console import AsJson, err, new_table, out
from headwater.pipelines.security.names import NAMES
from headwater.schemas.errors import SettingsError

if TYPE_CHECKING:
    from headwater.pipelines.security.grants import Grants
    from headwater.pipelines.settings import Settings

Users = Mapping[str, "tuple[Grants, ...]"]


def acls(
    path: Annotated[Path, typer.Argument(help="Feature views, a directory of them, or a compiled plan (.json).")],
    schemas: Annotated[
        Path | None, typer.Option("--schemas", help="Avro files, if not beside the views.", show_default=False)
    ] = None,
    user: Annotated[
        str, typer.Option("--user", help="How users are named; without {view} one serves all the views.")
    ] = NAMES,
    commands: Annotated[bool, typer.Option("--commands", help="Print commands of Kafka's and Redis's tools.")] = False,
    as_json: AsJson = False,
    apply: Annotated[
        bool,
        typer.Option("--apply", help="Give the users what they lack, at the brokers and the Redis of the settings."),
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="With --apply: take from these users what they do not need.")
    ] = False,
    redis_passwords: Annotated[
        Path | None,
        typer.Option("--redis-passwords", help="With --apply: a directory with a file of each new user's password."),
    ] = None,
) -> None:
    """Show, and apply where asked, what each component of the views needs, and no more.

    Kafka's users must be there; Redis's are made. `--apply` needs a user that may alter both: the one of the settings.
    For certificates, `--user` is a principal such as 'User:CN={component}.{view}', which is Kafka's alone.

    Example:  `headwater acls my_views/ --commands`  then  `headwater acls my_views/ --apply --redis-passwords secrets/`
    """
    from headwater.pipelines.security.grants import users_of

    users = users_of(_plans(path, schemas), user_names(user))
    if prune and not apply:
        raise SettingsError("--prune goes with --apply")
    if as_json:
        out.print_json(data=_as_json(users))
    elif commands:
        _print_commands(users)
    else:
        _print_tables(users)
    if apply:
        from headwater.pipelines.settings import load_settings

        _apply(load_settings(), users, prune, redis_passwords)


def _plans(path: Path, schemas: Path | None) -> Any:
    from headwater.pipelines.declarations import load_plans
    from headwater.schemas.plan import Plan

    if path.suffix != ".json":
        return [each.plan for each in load_plans(path, schemas)]
    try:
        return [Plan.from_json(path.read_bytes())]
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}; `headwater compile` writes plans") from error


def user_names(user: str) -> str:
    """How users are named, for `users_of`.

    Raises:
        SettingsError: it has other braces than {component} and {view}.
    """
    try:
        user.format(component="", view="")
    except (KeyError, IndexError, ValueError) as error:
        raise SettingsError(f"--user {user}: may have {{component}} and {{view}}, and no other braces") from error
    return user


def _print_tables(users: Users) -> None:
    from headwater.pipelines.security import kafka_acls, redis_acls

    kafka = new_table("Kafka", "user", "on", "name", "may")
    others = new_table("Redis and the registry", "user", "registry", "Redis")
    for user, grants in users.items():
        for kind, name, operations, is_prefix in kafka_acls.kafka_grants(grants):
            kafka.add_row(escape(user), kind, escape(name) + ("*" if is_prefix else ""), ", ".join(operations))
        others.add_row(escape(user), _registry(grants), escape(" ".join(redis_acls.rules(grants) or ["nothing"])))
    out.print(kafka)
    out.print()
    out.print(others)


def _print_commands(users: Users) -> None:
    from headwater.pipelines.security import kafka_acls, redis_acls

    lines = [line for user, grants in users.items() for line in kafka_acls.commands(user, grants)]
    lines += [line for user, grants in _redis_users(users).items() if (line := redis_acls.command(user, grants))]
    for line in lines:
        print(line)


def _as_json(users: Users) -> dict[str, Any]:
    from headwater.pipelines.security import kafka_acls, redis_acls

    return {
        user: {
            "components": sorted({each.component for each in grants}),
            "kafka": [grant._asdict() for grant in kafka_acls.kafka_grants(grants)],
            "redis": redis_acls.rules(grants),
            "registry": _registry(grants),
        }
        for user, grants in users.items()
    }


def _redis_users(users: Users) -> Users:
    """Those that can be Redis's too: a principal that is named by its certificate is Kafka's alone."""
    return {user: grants for user, grants in users.items() if not user.startswith("User:")}


def _registry(grants: tuple[Grants, ...]) -> str:
    needed = {each.registry for each in grants}
    return next(kind for kind in ("write", "read", "none") if kind in needed)


def _apply(settings: Settings, users: Users, prune: bool, redis_passwords: Path | None) -> None:
    from confluent_kafka.admin import AdminClient

    from headwater.pipelines.online_store import connect
    from headwater.pipelines.security import kafka_acls, redis_acls
    from headwater.pipelines.security.settings import secret
    from headwater.pipelines.settings import client_properties

    admin = AdminClient({"log_level": 0, **client_properties(settings)})
    missing, surplus = kafka_acls.difference(admin, users)
    if missing:
        kafka_acls.create(admin, missing)
    if surplus and prune:
        kafka_acls.delete(admin, surplus)
    err.print(f"Kafka: {len(missing)} ACLs created, {len(surplus) if prune else 0} deleted")
    for binding in () if prune else surplus:
        err.print(f"[yellow]more than needed:[/] {escape(kafka_acls.described(binding))}; --prune deletes it")
    passwords = {
        user: secret(None, redis_passwords / user) or ""
        for user in users
        if redis_passwords is not None and (redis_passwords / user).is_file()
    }
    with connect(settings) as redis:
        changed = redis_acls.apply(redis, _redis_users(users), passwords)
    err.print(f"Redis: {len(changed)} users changed{': ' if changed else ''}{', '.join(changed)}", highlight=False)
