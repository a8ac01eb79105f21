"""Where a view's Delta table stands, how its store is entered, and what its errors mean."""

from __future__ import annotations

import re
from pathlib import Path

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError
from pydantic import SecretStr

from headwater.pipelines.settings import Settings
from headwater.schemas.errors import OfflineStoreError, StoreFailure

STORE_ERRORS = (DeltaError, OSError)
"""What deltalake raises when the store, or the table in it, cannot be used; explain them by `store_error`."""

# delta-rs would try for three minutes by itself, and nobody would be told meanwhile. Our own back-off goes on for ever.
_PATIENCE = {"max_retries": "2", "retry_timeout": "10s", "connect_timeout": "5s", "timeout": "60s"}

_KEY_REMEDY = (
    "the store refuses the key or what it may do: look at HEADWATER_STORE_ACCESS_KEY_ID,"
    " HEADWATER_STORE_SECRET_ACCESS_KEY or the cloud identity"
)
_DIRECTORY_REMEDY = "let this process's user own the directory"
_COLOUR = re.compile(r"\x1b\[\d+m")
_REFUSED = re.compile(r"40[13] (Forbidden|Unauthorized)|AccessDenied|Permission denied")
_FULL = re.compile(r"No space left on device|File too large|Disk quota exceeded|QuotaExceeded")


def table_location(settings: Settings, view: str, generation: int) -> str:
    """The directory or URL of a view's Delta table."""
    root = settings.offline_root
    if "://" not in root:
        root = str(Path(root).resolve())
    return f"{root.rstrip('/')}/{view}/g{generation}"


def storage_options(settings: Settings) -> dict[str, str]:
    """What delta-rs must be told to enter the store of `offline_root`; nothing for a directory.

    What is not set here delta-rs finds in the environment (`AWS_REGION` and the like) or in the cloud's identity.
    """
    if not settings.offline_root.startswith(("s3://", "s3a://")):
        return {name: value.get_secret_value() for name, value in settings.store_properties.items()}
    given = {
        "aws_endpoint_url": settings.store_endpoint_url,
        "aws_region": settings.store_region,
        "aws_access_key_id": _revealed(settings.store_access_key_id),
        "aws_secret_access_key": _revealed(settings.store_secret_access_key),
        "aws_allow_http": "true" if settings.store_endpoint_url.startswith("http://") else "",
    }
    return {
        **_PATIENCE,
        **{name: value for name, value in given.items() if value},
        **{name: value.get_secret_value() for name, value in settings.store_properties.items()},
        # Of two that write the same commit the store itself lets one through: no table of locks beside it is needed.
        "aws_conditional_put": "etag",
    }


def open_table(settings: Settings, view: str, generation: int, version: int | None = None) -> DeltaTable:
    """A view's Delta table at its newest version, or at an older one that its retention still covers.

    Raises:
        OfflineStoreError: there is no such table or version, or the store cannot be used; says why.
    """
    location = table_location(settings, view, generation)
    try:
        return DeltaTable(location, version=version, storage_options=storage_options(settings))
    except STORE_ERRORS as error:
        raise store_error(location, "opened", error) from error


def store_error(location: str, action: str, error: Exception) -> OfflineStoreError:
    """The error that says in one line what could not be done at this table (`opened`, ...), why, and how to mend it."""
    text = " ".join(_COLOUR.sub("", str(error)).split())
    failure = _failure(error, text)
    remedy = ""
    if failure == "refused":
        remedy = f"; {_KEY_REMEDY if '://' in location else _DIRECTORY_REMEDY}"
    elif failure == "full":
        remedy = "; make room, or raise the limit"
    return OfflineStoreError(f"{location} cannot be {action}{remedy}: {text}", failure)


def _failure(error: Exception, text: str) -> StoreFailure:
    if isinstance(error, CommitFailedError):
        return "conflict"
    if _REFUSED.search(text):
        return "refused"
    return "full" if _FULL.search(text) else "unavailable"


def _revealed(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""
