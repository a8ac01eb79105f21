"""Checkpoints that a job must not go on from, and which one it goes on from instead.

A job whose newest checkpoint turns out to be unusable ends for good and leaves a note with its id (the kernel's
RefusalNote and `CheckpointStore.note` write it). It says nothing of which checkpoint that is: it is the newest one of
that job or, where the job has none, the one that it was started from. A job with a note writes no further checkpoint.

Somebody may also have decided to go back to an older one (`Restoration`), and so to leave the newer ones behind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict

from headwater.schemas.errors import ClusterError

RETAINED = 3
"""So many checkpoints of a job a JobManager must be configured to keep: as many are there to go on from."""

Reason = Literal["commit_refused", "damaged"]
"""What was to be committed with it has been aborted; or its files are missing or cannot be read."""


class Note(BaseModel):
    """Why a job has ended.

    Attributes:
        restored_from: URL of the checkpoint or savepoint that it was started from, or None.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    reason: Reason
    restored_from: str | None


class Kept(NamedTuple):
    """A complete checkpoint or savepoint. `job` is how the id of its job begins: savepoints tell no more of it."""

    url: str
    job: str
    written_ns: int
    is_checkpoint: bool

    @property
    def name(self) -> str:
        """Where it stands in the directory of its view and generation: two words with a slash between them."""
        return name_of(self.url)

    @property
    def age(self) -> tuple[int, bool, int]:
        """Greater for what is newer. Object stores tell whole seconds; a job is stopped after its last checkpoint."""
        number = self.url.rpartition("-")[2] if self.is_checkpoint else ""
        return self.written_ns, not self.is_checkpoint, int(number) if number.isdecimal() else 0


class Restoration(BaseModel):
    """Which checkpoint or savepoint somebody has decided to go back to. No clock decides what is newer than it.

    Attributes:
        to: its name.
        before: names of those older than it, which serve if it turns out to be unusable.
        jobs: how the ids begin of the jobs that had written any, or might be writing one: all else of theirs is left
            behind.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    to: str
    before: tuple[str, ...]
    jobs: tuple[str, ...]

    def leaves_behind(self, kept: Kept) -> bool:
        """Whether it is one that the view's next job must not go on from."""
        theirs = any(kept.job.startswith(job) or job.startswith(kept.job) for job in self.jobs)
        return theirs and kept.name != self.to and kept.name not in self.before


class PassedOver(NamedTuple):
    """A checkpoint that a job does not go on from, though it is newer."""

    url: str
    reason: Reason


class Origin(NamedTuple):
    """What a job goes on from: a URL, or None if it starts anew; and what is newer, the newest first."""

    url: str | None
    passed_over: tuple[PassedOver, ...] = ()

    def passes_over(self, url: str) -> bool:
        """Whether the checkpoint of this URL is one that is passed over."""
        return plain(url) in {plain(each.url) for each in self.passed_over}


def choose(kept: Sequence[Kept], notes: Mapping[str, Note], left_behind: AbstractSet[str] = frozenset()) -> Origin:
    """The newest of those that are kept that a job can go on from. `notes` are by job.

    Args:
        left_behind: URLs of those that somebody has decided to leave behind.

    Raises:
        ClusterError: there are some, and a job can go on from none.
    """
    reasons = {place: notes[job].reason for job, place in condemned(kept, notes).items()}
    passed_over: list[PassedOver] = []
    for each in newest_first(kept):
        if each.url in left_behind:
            continue
        if each.url not in reasons:
            return Origin(each.url, tuple(passed_over))
        passed_over.append(PassedOver(each.url, reasons[each.url]))
    if kept:
        listed = "\n".join(
            (*(f"{each.url}: {each.reason}" for each in passed_over), *(f"{url}: left behind" for url in left_behind))
        )
        raise ClusterError(
            "a job can go on from none of the checkpoints that are kept. Set another generation= in the view: its job "
            f"reads the topics from the beginning into a log of its own\n{listed}"
        )
    return Origin(None)


def left_behind(decided: Restoration | None, kept: Sequence[Kept]) -> frozenset[str]:
    """The URLs of those that somebody has decided to leave behind, by going back to an older one."""
    return frozenset(each.url for each in kept if decided is not None and decided.leaves_behind(each))


def newest_first(kept: Sequence[Kept]) -> list[Kept]:
    """These, in the order in which a job would go on from them."""
    return sorted(kept, key=lambda each: (each.age, each.url), reverse=True)


def condemned(kept: Sequence[Kept], notes: Mapping[str, Note]) -> dict[str, str]:
    """The URL of what each note is about, by job; without those of which nothing is kept."""
    there = {plain(each.url): each.url for each in kept}
    found = {}
    for job, note in notes.items():
        own = max((each for each in kept if job.startswith(each.job)), key=lambda each: each.age, default=None)
        place = own.url if own is not None else there.get(plain(note.restored_from or ""))
        if place is not None:
            found[job] = place
    return found


def superseded(kept: Sequence[Kept], notes: Mapping[str, Note]) -> int:
    """Before which time what was kept is of no use to any job, in nanoseconds since the epoch; 0 if it all is.

    Once a job has as many usable checkpoints as are retained, it needs no other's.
    """
    unusable = set(condemned(kept, notes).values())
    usable = [each for each in kept if each.is_checkpoint and each.url not in unusable]
    newest = max(usable, key=lambda each: each.written_ns, default=None)
    own = [each.written_ns for each in usable if newest is not None and each.job == newest.job]
    return min(own) if len(own) >= RETAINED else 0


def name_of(url: str) -> str:
    """The name of the checkpoint or savepoint with this URL: its own and its directory's, with a slash between."""
    return "/".join(url.rstrip("/").split("/")[-2:])


def plain(url: str) -> str:
    """The URL as Flink writes it: `file:/c/chk-1`, not `file:///c/chk-1`."""
    return re.sub(r"^(\w+):/+", r"\1:/", url.rstrip("/"))
