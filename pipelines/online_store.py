"""The online store's connection, the names of its keys, and what must be true of a Redis before it is trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast
from urllib.parse import urlsplit

from pydantic import SecretStr
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError

from headwater.pipelines.security.redis import redis_options
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import OnlineStoreError, SettingsError

LEAST_VERSION = (7, 0)

CONNECT_TIMEOUT_SECONDS = 3.0
ANSWER_TIMEOUT_SECONDS = 10.0

_GIVE_LOGIN = "set HEADWATER_REDIS_USER and HEADWATER_REDIS_PASSWORD_FILE, or put both into HEADWATER_REDIS_URL"
_CORRECT_LOGIN = "correct user and password: HEADWATER_REDIS_USER and HEADWATER_REDIS_PASSWORD_FILE, or the URL"
_HUNG_UP = (
    "check that it runs, whether it wants TLS (rediss://), and, if so, whether it takes this client's"
    " HEADWATER_REDIS_CERTIFICATE_FILE"
)

# What Redis or the way to it says, and what to do about it; the first that fits counts.
_REMEDIES = (
    ("used memory > 'maxmemory'", "raise maxmemory or free memory; nothing is lost meanwhile"),
    ("WRONGPASS", _CORRECT_LOGIN),
    ("NOAUTH", _GIVE_LOGIN),
    ("unauthenticated", _GIVE_LOGIN),  # Redis's answer to a long request
    ("Authentication required", _GIVE_LOGIN),
    ("invalid username-password", _CORRECT_LOGIN),
    ("NOPERM", "give this user what `headwater acls` prints for it"),
    ("no permissions", "give this user what `headwater acls` prints for it"),
    ("certificate has expired", "renew the server's certificate"),
    ("write against a read only replica", "point HEADWATER_REDIS_URL at the primary"),
    ("loading the dataset", "wait: Redis is reading its files"),
    ("MISCONF", "mend what keeps Redis from writing to its disk"),
    ("WRONG_VERSION_NUMBER", "this port does not speak TLS: use redis:// instead of rediss://"),
    ("record layer failure", "this port does not speak TLS: use redis:// instead of rediss://"),
    ("CERTIFICATE_VERIFY_FAILED", "name the authority that signed it: HEADWATER_REDIS_CA_FILE"),
    ("certificate required", "show one: HEADWATER_REDIS_CERTIFICATE_FILE and HEADWATER_REDIS_KEY_FILE"),
    ("alert certificate expired", "renew this client's certificate: HEADWATER_REDIS_CERTIFICATE_FILE"),
    ("unknown ca", "show a certificate of the authority that Redis trusts: HEADWATER_REDIS_CERTIFICATE_FILE"),
    # Where a server hangs up, a client may not have heard why: what it was about to say fails first.
    ("EOF occurred in violation", _HUNG_UP),
    ("Connection closed by server", _HUNG_UP),
    ("Connection reset", _HUNG_UP),
    ("Broken pipe", _HUNG_UP),
    ("Timeout connecting", "check that it runs, and whether its port wants TLS (rediss://) or none (redis://)"),
    ("Timeout", "check that it is not overloaded or stopped"),
)


class PartitionKeys(NamedTuple):
    """The keys of one partition of a view's generation; the tag in braces keeps them in one cluster slot."""

    row_prefix: bytes
    offset: bytes
    heartbeat: bytes


def partition_keys(view: str, generation: int, partition: int) -> PartitionKeys:
    """The names of a partition's keys; a row's is the prefix and the canonical entity key."""
    tag = f"hw:{{{view}.g{generation}.p{partition}}}:"
    return PartitionKeys(f"{tag}r:".encode(), f"{tag}offset".encode(), f"{tag}heartbeat".encode())


def schema_key(schema_id: int) -> bytes:
    """Where the Avro schema with this registry id stands, as JSON."""
    return b"hw:schema:%d" % schema_id


def view_key(view: str) -> bytes:
    """Where readers find the view's generation and plan, as JSON."""
    return f"hw:view:{view}".encode()


def connect(store: SecretStr | Settings, *, answer_timeout_seconds: float = ANSWER_TIMEOUT_SECONDS) -> Redis:
    """A client of the store that gives bytes and never retries by itself; nothing is sent yet.

    Args:
        store: its URL, or all that the settings say of it.

    Raises:
        SettingsError: the URL is not one of Redis, or there are two passwords.
    """
    url, options = (store.redis_url, redis_options(store)) if isinstance(store, Settings) else (store, {})
    try:
        return Redis.from_url(
            url.get_secret_value(),
            **options,
            socket_timeout=answer_timeout_seconds,
            socket_connect_timeout=CONNECT_TIMEOUT_SECONDS,
            socket_keepalive=True,
        )
    except ValueError as error:
        raise SettingsError("HEADWATER_REDIS_URL: not a URL such as redis://user:password@host:6379/0") from error


def address(url: SecretStr) -> str:
    """The URL without its user and password, for messages."""
    parts = urlsplit(url.get_secret_value())
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def check_store(client: Redis) -> list[str]:
    """Whether this Redis keeps what it is given.

    Returns:
        Warnings, each a sentence.

    Raises:
        OnlineStoreError: it is older than 7.0, or may evict values; the message has the command that mends it.
        redis.exceptions.RedisError: it could not be asked.
    """
    info = cast("dict[str, Any]", client.info())
    version = str(info.get("redis_version", "0"))
    if tuple(int(part) for part in version.split(".")[:2]) < LEAST_VERSION:
        raise OnlineStoreError(f"Redis {version} is too old: version 7.0 or newer, or Valkey, is needed")
    policy = _eviction_policy(client, info)
    if policy != "noeviction":
        raise OnlineStoreError(
            f"Redis may drop values silently: maxmemory-policy is {policy!r}. Mend it with"
            " `redis-cli CONFIG SET maxmemory-policy noeviction`, and in its configuration file"
        )
    if not int(info.get("aof_enabled", 0)):
        return [
            "Redis keeps no append-only file: a restart loses its values, which are then rebuilt from the feature log"
        ]
    return []


def read_keys(client: Redis, keys: Sequence[bytes]) -> list[bytes | None]:
    """What stands at these keys, in one request; None where nothing does.

    Raises:
        redis.exceptions.RedisError: the store could not be asked.
    """
    return cast("list[bytes | None]", client.mget(keys)) if keys else []


def trouble(error: RedisError) -> str:
    """What went wrong with the store and what to do about it, in one line without secrets."""
    what = " ".join(str(error).split()) or type(error).__name__
    for sign, remedy in _REMEDIES:
        if sign.lower() in what.lower():
            return f"{what} ({remedy})"
    return what


def _eviction_policy(client: Redis, info: dict[str, Any]) -> str:
    try:
        answer = cast("dict[str, str]", client.config_get("maxmemory-policy"))
    except AuthenticationError:
        raise
    except (NoPermissionError, ResponseError):
        answer = {}  # CONFIG is forbidden or renamed, as managed stores do it: INFO says the same
    return str(answer.get("maxmemory-policy") or info.get("maxmemory_policy", "unknown"))
