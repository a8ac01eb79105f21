"""Where files go: the offline log's store, and the directory of checkpoints and savepoints."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from headwater.pipelines.doctor.finding import Finding, fault, ok, warning
from headwater.pipelines.settings import Settings

if TYPE_CHECKING:
    from obstore.store import ObjectStore

LEAST_FREE_BYTES = 5 * 2**30
CLIENT_OPTIONS: dict[str, Any] = {"timeout": "20s", "connect_timeout": "5s"}
RETRIES: dict[str, Any] = {"max_retries": 1, "retry_timeout": timedelta(seconds=10)}

TRIAL = "headwater-doctor-"
"""What the names of files begin with that are written here and deleted again."""

# Of the store's options these are the HTTP client's, and of no interest for a moment's trial.
_NOT_THE_STORES = (
    "max_retries",
    "retry_timeout",
    "connect_timeout",
    "timeout",
    "aws_allow_http",
    "aws_conditional_put",
)


def offline_findings(settings: Settings) -> Iterator[Finding]:
    """Whether files can be written there, and whether of two writers of one name only the first gets through.

    On the second all of the offline log's exactness rests: two commits of one number must not both succeed.
    """
    from obstore.exceptions import AlreadyExistsError, BaseError

    root, name = settings.offline_root, TRIAL + uuid.uuid4().hex
    try:
        store = _store(settings)
        store.put(name, b"first", mode="create")
        try:
            store.put(name, b"second", mode="create")
            one_wins = False
        except AlreadyExistsError:
            one_wins = bytes(store.get(name).bytes()) == b"first"
        store.delete(name)
    except (BaseError, OSError) as error:
        yield fault("write", f"{root}: {_first_line(error)}", _remedy(str(error)))
        return
    yield ok("write", f"{root}: a file was written, read and deleted")
    if one_wins:
        yield ok("conditional write", "of two writers of one name, the first one wins")
    else:
        yield fault(
            "conditional write",
            "a second writer replaces what the first one wrote: two archives would lose each other's rows",
            "use a store that honours If-None-Match (AWS S3, MinIO, Ceph from Squid on, R2, GCS, Azure)",
        )
    yield from _space(root)


def checkpoint_findings(settings: Settings) -> Iterator[Finding]:
    """Whether this process can list and write the directory of checkpoints, as the one that submits a job does."""
    from pyarrow.fs import FileSystem

    given = settings.checkpoint_dir
    url = given if ":/" in given else Path(given).resolve().as_uri()
    try:
        files, root = FileSystem.from_uri(url)
        path = f"{root.rstrip('/')}/{TRIAL}{uuid.uuid4().hex}"
        files.create_dir(root, recursive=True)
        with files.open_output_stream(path) as out:
            out.write(b"written by `headwater doctor`")
        files.delete_file(path)
    except (OSError, ValueError) as error:
        yield fault("write", f"{url}: {_first_line(error)}", _remedy(str(error)))
        return
    yield ok("write", f"{url}: a file was written and deleted; the Flink cluster must be able to as well")
    yield from _space(url)


def _store(settings: Settings) -> ObjectStore:
    """The offline log's store, entered with the same key and by the same library as delta-rs enters it."""
    from obstore.store import LocalStore, from_url

    from headwater.pipelines.offline_table import storage_options

    if "://" not in settings.offline_root:
        return LocalStore(Path(settings.offline_root).resolve(), mkdir=True)
    options = storage_options(settings)
    config: Any = {name: value for name, value in options.items() if name not in _NOT_THE_STORES}
    insecure: dict[str, Any] = {"allow_http": True} if options.get("aws_allow_http") == "true" else {}
    client: Any = {**CLIENT_OPTIONS, **insecure}
    retries: Any = RETRIES
    return from_url(settings.offline_root, config=config, client_options=client, retry_config=retries)


def _space(place: str) -> Iterator[Finding]:
    """How full the disk is, if the place is a directory of this machine."""
    parts = urlsplit(place)
    if parts.scheme not in {"", "file"}:
        return
    directory = Path(unquote(parts.path)).resolve()
    free = shutil.disk_usage(next(each for each in (directory, *directory.parents) if each.exists())).free
    if free < LEAST_FREE_BYTES:
        yield warning("space", f"{free / 2**30:.1f} GiB are free", f"make room for {LEAST_FREE_BYTES // 2**30} GiB")
    else:
        yield ok("space", f"{free / 2**30:.1f} GiB are free")


def _remedy(error: str) -> str:
    if any(sign in error for sign in ("403", "401", "AccessDenied", "ACCESS_DENIED", "Permission denied")):
        return "give this process's user, key or cloud identity read, write, list and delete there"
    if "404" in error or "NoSuchBucket" in error:
        return "make the bucket, or correct its name and region"
    return "check the address, the region, and the way there"


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
