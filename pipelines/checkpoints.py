"""Retained checkpoints and savepoints of a view's job: where they stand, and which to go on from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headwater.pipelines.deployment import job_name
from headwater.schemas.errors import ClusterError, SettingsError
from headwater.schemas.evolution.changes import compare
from headwater.schemas.evolution.findings import STATE_IS_KEPT
from headwater.schemas.plan import Plan

PLAN = "plan.json"
METADATA = "_metadata"
"""Written last: a directory that has it is complete, unless power failed and left it empty."""


@dataclass(frozen=True, slots=True)
class CheckpointStore:
    """The directory of one view and generation below the checkpoint directory; both are URLs that Flink understands."""

    url: str

    @property
    def savepoints(self) -> str:
        """Where savepoints go; a directory is made for each."""
        return f"{self.url}/savepoints"

    def newest(self) -> str | None:
        """The URL of the newest complete checkpoint or savepoint of any job of this view, or None.

        Checkpoints are `<url>/<job id>/chk-<n>`, savepoints `<url>/savepoints/savepoint-<...>`.

        Raises:
            SettingsError: the directory cannot be listed.
        """
        from pyarrow.fs import FileSystem

        try:
            files, root = FileSystem.from_uri(self.url)
            jobs = [info.path for info in _directories(files, root)]
            kept = [info.path for job in jobs for info in _directories(files, job) if _is_kept(info.path)]
            written = files.get_file_info([f"{path}/{METADATA}" for path in kept])
        except (OSError, ValueError) as error:
            raise SettingsError(f"HEADWATER_CHECKPOINT_DIR: cannot list {self.url}: {error}") from error
        complete = [info for info in written if info.is_file and info.size]
        if not complete:
            return None
        newest = max(complete, key=lambda info: (info.mtime_ns, info.path))
        below: str = newest.path.removeprefix(root).removesuffix(f"/{METADATA}")
        return self.url + below

    def check_unchanged(self, plan: Plan) -> None:
        """Returns if a job with this plan can go on from the state that is kept here, or nothing is known of it.

        Raises:
            ClusterError: the view's definition has changed in a way that its state cannot follow.
        """
        text = self._read(PLAN)
        if text is None:
            return
        change = compare(Plan.from_json(text), plan)
        if not change.keeps_state:
            reasons = "\n".join(str(each) for each in change.changes if each.verdict not in STATE_IS_KEPT)
            what = f"the view {plan.view} was changed since its state in {self.url} was written"
            raise ClusterError(f"{what}: {change.refusal}\n{reasons}")

    def remember(self, plan: Plan) -> None:
        """Notes the plan whose job writes its state here.

        Raises:
            SettingsError: the directory cannot be written.
        """
        from pyarrow.fs import FileSystem

        try:
            files, root = FileSystem.from_uri(self.url)
            files.create_dir(root, recursive=True)
            with files.open_output_stream(f"{root}/{PLAN}") as out:
                out.write(plan.canonical_json().encode())
        except (OSError, ValueError) as error:
            raise SettingsError(f"HEADWATER_CHECKPOINT_DIR: cannot write to {self.url}: {error}") from error

    def _read(self, name: str) -> bytes | None:
        from pyarrow.fs import FileSystem

        try:
            files, root = FileSystem.from_uri(self.url)
            with files.open_input_stream(f"{root}/{name}") as text:
                found: bytes = text.read()
                return found
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SettingsError(f"HEADWATER_CHECKPOINT_DIR: cannot read {self.url}/{name}: {error}") from error


def checkpoint_store(checkpoint_dir: str, plan: Plan) -> CheckpointStore:
    """The store of the view's generation. A plain path becomes a file URL."""
    url = checkpoint_dir if ":/" in checkpoint_dir else Path(checkpoint_dir).resolve().as_uri()
    return CheckpointStore(f"{url.rstrip('/')}/{job_name(plan).removeprefix('headwater-')}")


def _directories(files: Any, directory: str) -> list[Any]:
    from pyarrow.fs import FileSelector

    found: list[Any] = files.get_file_info(FileSelector(directory, allow_not_found=True))
    return [info for info in found if not info.is_file]


def _is_kept(path: str) -> bool:
    return path.rpartition("/")[2].startswith(("chk-", "savepoint-"))
