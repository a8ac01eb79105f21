"""Retained checkpoints and savepoints of a view's job: where they stand, and which to go on from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from headwater.pipelines.deployment import job_name
from headwater.pipelines.unusable import (
    Kept,
    Note,
    Origin,
    Restoration,
    choose,
    condemned,
    left_behind,
    name_of,
    plain,
    superseded,
)
from headwater.schemas.errors import ClusterError, SettingsError
from headwater.schemas.evolution.changes import compare
from headwater.schemas.evolution.findings import STATE_IS_KEPT
from headwater.schemas.plan import Plan

PLAN = "plan.json"
SAVEPOINTS = "savepoints"
STOPS = "stops"
UNUSABLE = "unusable"
RESTORATION = "restore.json"
METADATA = "_metadata"
"""Written last: a directory that has it is complete, unless power failed and left it empty."""
MAGIC = b"\x49\x60\x67\x2d"
"""What Flink begins that file with."""


Noted = TypeVar("Noted", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class CheckpointStore:
    """The directory of one view and generation below the checkpoint directory; both are URLs that Flink understands."""

    url: str

    @property
    def savepoints(self) -> str:
        """Where the savepoints go that somebody asks Flink for; a directory is made for each."""
        return f"{self.url}/{SAVEPOINTS}"

    @property
    def stops(self) -> str:
        """Where the savepoints go with which jobs are stopped; likewise."""
        return f"{self.url}/{STOPS}"

    def contains(self, url: str) -> bool:
        """Whether something at this URL, as Flink or somebody writes it, is in the directory."""
        return plain(url).startswith(f"{plain(self.url)}/")

    def origin(self) -> Origin:
        """What the view's next job goes on from: the newest complete checkpoint or savepoint that it can go on from.

        Raises:
            SettingsError: the directory cannot be read.
            ClusterError: there are some, and a job can go on from none.
        """
        kept = self.kept()
        return choose(kept, self.notes(), left_behind(self.decision(), kept))

    def kept(self) -> list[Kept]:
        """All complete checkpoints and savepoints.

        Checkpoints are `<url>/<job id>/chk-<n>`, savepoints `<url>/<any other name>/savepoint-<job id>-<...>`, with the
        first six digits of the id.

        Raises:
            SettingsError: the directory cannot be read.
        """
        with self._opened("list") as (files, root):
            jobs = [info.path for info in _directories(files, root)]
            kept = [info.path for job in jobs for info in _directories(files, job) if _is_kept(info.path)]
            written = files.get_file_info([f"{path}/{METADATA}" for path in kept])
        complete = [info for info in written if info.is_file and info.size]
        return [
            _kept(info.path.removeprefix(root).removesuffix(f"/{METADATA}"), self.url, info.mtime_ns)
            for info in complete
        ]

    def notes(self) -> dict[str, Note]:
        """Why jobs have ended that could not go on from their newest checkpoint, by job.

        Raises:
            SettingsError: they cannot be read.
        """
        with self._opened("list") as (files, root):
            found = _entries(files, f"{root}/{UNUSABLE}")
        names = [info.base_name for info in found if info.base_name.endswith(".json")]
        places = {name.removesuffix(".json"): f"{UNUSABLE}/{name}" for name in names}
        return {job: self._parsed(place, self._read(place) or b"", Note) for job, place in places.items()}

    def note(self, job_id: str, note: Note) -> None:
        """Notes that what a job is to go on from is unusable. It must have ended.

        Raises:
            SettingsError: the directory cannot be written.
        """
        self._write(f"{UNUSABLE}/{job_id}.json", note.model_dump_json())

    def tidy(self) -> list[str]:
        """Deletes what no job will go on from any more, and returns the names of the directories.

        These are the checkpoints of jobs that others have replaced, which Flink leaves alone, and the savepoints with
        which they were stopped. Savepoints that somebody asked Flink for stay.

        Raises:
            SettingsError: the directory cannot be read or written.
        """
        kept, notes = self.kept(), self.notes()
        before_ns = superseded(kept, notes)
        newest_ns: dict[str, int] = {}
        for each in kept:
            for url in (each.url, each.url.rpartition("/")[0]) if each.is_checkpoint else (each.url,):
                newest_ns[url] = max(newest_ns.get(url, 0), each.written_ns)
        about = condemned(kept, notes)
        with self._opened("tidy up") as (files, root):
            for job in notes:
                if newest_ns.get(about.get(job, ""), 0) < before_ns:
                    files.delete_file(f"{root}/{UNUSABLE}/{job}.json")
            found = (*_directories(files, root), *_directories(files, f"{root}/{STOPS}"))
            names = [info.path.removeprefix(f"{root}/") for info in found]
            needless = [name for name in names if newest_ns.get(f"{self.url}/{name}", before_ns) < before_ns]
            for name in needless:
                files.delete_dir(f"{root}/{name}")
        return needless

    def check_unchanged(self, plan: Plan, url: str | None = None) -> None:
        """Returns if a job with this plan can go on from the state that is kept here, or nothing is known of it.

        Args:
            url: of what the job is to go on from; savepoints may say which plan they are of (`sign`).

        Raises:
            ClusterError: the view's definition has changed in a way that its state cannot follow.
            SettingsError: the directory cannot be read.
        """
        signed = self.plan(name_of(url)) if url is not None and self.contains(url) else None
        known = signed or self.plan()
        if known is None:
            return
        change = compare(known, plan)
        if not change.keeps_state:
            reasons = "\n".join(str(each) for each in change.changes if each.verdict not in STATE_IS_KEPT)
            what = f"the view {plan.view} was changed since its state in {url if signed else self.url} was written"
            raise ClusterError(f"{what}: {change.refusal}\n{reasons}")

    def check_metadata(self, kept: Kept) -> None:
        """Returns if one of those that are kept is whole, as far as this can be told without Flink.

        Raises:
            ClusterError: it is damaged.
            SettingsError: the directory cannot be read.
        """
        if not (self._read(f"{kept.name}/{METADATA}") or b"").startswith(MAGIC):
            raise ClusterError(f"{kept.url} is damaged: its {METADATA} is not what Flink writes")

    def plan(self, name: str = "") -> Plan | None:
        """The plan whose job writes its state here; or that of the savepoint of this name, where it was noted.

        Raises:
            SettingsError: the directory cannot be read.
        """
        text = self._read(f"{name}/{PLAN}" if name else PLAN)
        return None if text is None else Plan.from_json(text)

    def remember(self, plan: Plan) -> None:
        """Notes the plan whose job writes its state here.

        Raises:
            SettingsError: the directory cannot be written.
        """
        self._write(PLAN, plan.canonical_json())

    def sign(self, savepoint: str) -> None:
        """Notes in a savepoint, by its URL, the plan whose job has written it: that of the state here.

        Raises:
            SettingsError: the directory cannot be read or written.
        """
        plan = self.plan()
        if plan is not None:
            self._write(f"{name_of(savepoint)}/{PLAN}", plan.canonical_json())

    def decision(self) -> Restoration | None:
        """What somebody has decided to go back to; None if nobody has.

        Raises:
            SettingsError: it cannot be read.
        """
        text = self._read(RESTORATION)
        return None if text is None else self._parsed(RESTORATION, text, Restoration)

    def decide(self, restoration: Restoration | None) -> None:
        """Notes what the next job goes on from; None: that nobody has decided it.

        Raises:
            SettingsError: the directory cannot be written.
        """
        if restoration is not None:
            self._write(RESTORATION, restoration.model_dump_json())
            return
        with self._opened(f"delete {RESTORATION} in") as (files, root), suppress(FileNotFoundError):
            files.delete_file(f"{root}/{RESTORATION}")

    def _parsed(self, name: str, text: bytes, kind: type[Noted]) -> Noted:
        try:
            return kind.model_validate_json(text)
        except ValidationError as error:
            raise SettingsError(f"{self.url}/{name} is no note of Headwater's: {error}") from error

    def _read(self, name: str) -> bytes | None:
        with self._opened(f"read {name} in") as (files, root):
            try:
                with files.open_input_stream(f"{root}/{name}") as text:
                    found: bytes = text.read()
                    return found
            except FileNotFoundError:
                return None

    def _write(self, name: str, text: str) -> None:
        with self._opened(f"write {name} to") as (files, root):
            files.create_dir(f"{root}/{name}".rpartition("/")[0], recursive=True)
            with files.open_output_stream(f"{root}/{name}") as out:
                out.write(text.encode())

    @contextmanager
    def _opened(self, purpose: str) -> Iterator[tuple[Any, str]]:
        """The file system and the directory's path in it."""
        from pyarrow.fs import FileSystem

        try:
            yield FileSystem.from_uri(self.url)
        except (OSError, ValueError) as error:
            raise SettingsError(f"HEADWATER_CHECKPOINT_DIR: cannot {purpose} {self.url}: {error}") from error


def checkpoint_store(checkpoint_dir: str, plan: Plan) -> CheckpointStore:
    """The store of the view's generation. A plain path becomes a file URL."""
    url = checkpoint_dir if ":/" in checkpoint_dir else Path(checkpoint_dir).resolve().as_uri()
    return CheckpointStore(f"{url.rstrip('/')}/{job_name(plan).removeprefix('headwater-')}")


def _directories(files: Any, directory: str) -> list[Any]:
    return [info for info in _entries(files, directory) if not info.is_file]


def _entries(files: Any, directory: str) -> list[Any]:
    from pyarrow.fs import FileSelector

    found: list[Any] = files.get_file_info(FileSelector(directory, allow_not_found=True))
    return found


def _is_kept(path: str) -> bool:
    return path.rpartition("/")[2].startswith(("chk-", "savepoint-"))


def _kept(below: str, url: str, written_ns: int) -> Kept:
    directory, _, name = below.rpartition("/")
    is_checkpoint = name.startswith("chk-")
    job = directory.rpartition("/")[2] if is_checkpoint else name.split("-")[1]
    return Kept(url + below, job, written_ns, is_checkpoint)
