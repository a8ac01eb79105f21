"""Requests of S3's interface, answered from a directory: objects whole or in part, listings, writes and deletions.

Only what delta-rs asks for is known: path-style URLs, and signatures are not looked at. A write with `If-None-Match`
is refused if the object is there, which is what lets one of two writers of a commit through.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import uuid
from abc import abstractmethod
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from time import gmtime, strftime
from typing import NamedTuple
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree as ET
from xml.sax.saxutils import escape

STAGED = "#"
"""In the name of a file that is being written; delta-rs names its own so, when it writes to a directory."""

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_MOST_KEYS = 1000


class Answer(NamedTuple):
    """What is sent back; `length` is told instead of the body's own where there is none, as for HEAD."""

    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[str, str] = {}
    length: int | None = None


class BucketRequest(BaseHTTPRequestHandler):
    """One connection; `serve` is called for each of its requests."""

    protocol_version = "HTTP/1.1"

    @abstractmethod
    def serve(self) -> None:
        """Sends an answer, or breaks off."""

    def answer(self, directory: Path, bucket: str) -> Answer:
        """Does what is asked of the bucket that the directory is."""
        url = urlsplit(self.path)
        name, _, key = unquote(url.path).removeprefix("/").partition("/")
        query = {each: values[0] for each, values in parse_qs(url.query, keep_blank_values=True).items()}
        if name != bucket or ".." in key.split("/"):
            return Answer(HTTPStatus.NOT_FOUND)
        if "uploads" in query or "uploadId" in query:
            return self._in_parts(directory / key, query)
        match self.command:
            case "PUT":
                return _write(directory / key, self._body(), create="If-None-Match" in self.headers)
            case "DELETE":
                (directory / key).unlink(missing_ok=True)
                return Answer(HTTPStatus.NO_CONTENT)
            case "POST":
                return _delete_all(directory, self._body())
            case _ if not key:
                return _listing(directory, query)
            case _:
                return _read(directory / key, self.headers.get("Range"), head=self.command == "HEAD")

    def send(self, answer: Answer) -> None:
        """Sends the answer, unless the client is gone."""
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body) if answer.length is None else answer.length))
        with contextlib.suppress(ConnectionError):
            self.end_headers()
            self.wfile.write(answer.body)

    def break_off(self) -> None:
        """Ends the connection without an answer."""
        self.close_connection = True

    def _in_parts(self, file: Path, query: Mapping[str, str]) -> Answer:
        """A step of an upload that comes in parts, which are files of their own until it is complete."""
        if "uploads" in query:
            upload = f"<UploadId>{uuid.uuid4().hex}</UploadId>"
            return _xml(f"<InitiateMultipartUploadResult>{upload}</InitiateMultipartUploadResult>")
        part = f"{file.name}{STAGED}{query['uploadId']}"
        if self.command == "PUT":
            return _write(file.with_name(f"{part}.{int(query['partNumber']):05}"), self._body(), create=False)
        parts = sorted(file.parent.glob(f"{part}.*"))
        content = b"".join(each.read_bytes() for each in parts)
        for each in parts:
            each.unlink()
        if self.command == "DELETE":
            return Answer(HTTPStatus.NO_CONTENT)
        self._body()
        etag = _write(file, content, create=False).headers["ETag"]
        return _xml(f"<CompleteMultipartUploadResult><ETag>{escape(etag)}</ETag></CompleteMultipartUploadResult>")

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def _serve(self) -> None:
        self.serve()

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - the names by which they are called

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name above
        """Says nothing: what Headwater made of an answer stands in its logs."""


def _write(file: Path, body: bytes, *, create: bool) -> Answer:
    """Moves the whole content into its place, so that nobody reads a part of it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    staged = file.with_name(f"{file.name}{STAGED}{uuid.uuid4().hex}")
    staged.write_bytes(body)
    try:
        if create:
            os.link(staged, file)
        else:
            staged.replace(file)
    except FileExistsError:
        return Answer(HTTPStatus.PRECONDITION_FAILED)
    finally:
        staged.unlink(missing_ok=True)
    return Answer(HTTPStatus.OK, headers={"ETag": _etag(file)})


def _read(file: Path, part: str | None, *, head: bool) -> Answer:
    if not file.is_file():
        return Answer(HTTPStatus.NOT_FOUND)
    content = file.read_bytes()
    headers = {"ETag": _etag(file), "Last-Modified": formatdate(file.stat().st_mtime, usegmt=True)}
    found = _RANGE.fullmatch(part or "")
    if head:
        return Answer(HTTPStatus.OK, headers=headers, length=len(content))
    if found is None:
        return Answer(HTTPStatus.OK, content, headers)
    first, last = _bounds(found[1], found[2], len(content))
    headers["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
    return Answer(HTTPStatus.PARTIAL_CONTENT, content[first : last + 1], headers)


def _bounds(first: str, last: str, size: int) -> tuple[int, int]:
    """The first and the last byte of a range; one without a first is of so many bytes at the end."""
    if not first:
        return max(0, size - int(last)), size - 1
    return int(first), min(int(last), size - 1) if last else size - 1


def _delete_all(directory: Path, body: bytes) -> Answer:
    keys = [key.text or "" for key in ET.fromstring(body).iter() if key.tag.endswith("Key")]  # noqa: S314
    for key in keys:
        (directory / key).unlink(missing_ok=True)
    deleted = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
    return _xml(f"<DeleteResult>{deleted}</DeleteResult>")


def _listing(directory: Path, query: Mapping[str, str]) -> Answer:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    after = query.get("continuation-token") or query.get("start-after", "")
    keys = sorted(
        key
        for file in directory.rglob("*")
        if file.is_file() and STAGED not in file.name
        if (key := file.relative_to(directory).as_posix()).startswith(prefix) and key > after
    )
    below = {key: key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "") for key in keys}
    folders = sorted({prefix + first + delimiter for first, cut, _ in below.values() if cut})
    objects = [key for key in keys if not below[key][1]]
    page = objects[:_MOST_KEYS]
    more = len(objects) > len(page)
    parts = [f"<IsTruncated>{str(more).lower()}</IsTruncated><KeyCount>{len(page)}</KeyCount>"]
    parts += [f"<NextContinuationToken>{escape(page[-1])}</NextContinuationToken>"] if more else []
    parts += [_object(directory / key, key) for key in page]
    parts += [f"<CommonPrefixes><Prefix>{escape(folder)}</Prefix></CommonPrefixes>" for folder in folders]
    return _xml(f"<ListBucketResult>{''.join(parts)}</ListBucketResult>")


def _object(file: Path, key: str) -> str:
    status = file.stat()
    changed = strftime("%Y-%m-%dT%H:%M:%S.000Z", gmtime(status.st_mtime))
    return (
        f"<Contents><Key>{escape(key)}</Key><LastModified>{changed}</LastModified>"
        f"<ETag>{escape(_etag(file))}</ETag><Size>{status.st_size}</Size></Contents>"
    )


def _etag(file: Path) -> str:
    """Another one for another content: files are only ever replaced."""
    status = file.stat()
    return f'"{hashlib.sha256(f"{status.st_ino} {status.st_mtime_ns} {status.st_size}".encode()).hexdigest()[:32]}"'


def _xml(text: str) -> Answer:
    return Answer(HTTPStatus.OK, f'<?xml version="1.0"?>{text}'.encode(), {"Content-Type": "application/xml"})
