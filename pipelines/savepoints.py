"""Savepoints as people ask for them: what a view's job can go on from, one more taken, an older one gone back to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from headwater.pipelines.checkpoints import STOPS, CheckpointStore
from headwater.pipelines.deployment import job_name
from headwater.pipelines.flink_rest import FlinkRest, Job, wait_for_end
from headwater.pipelines.unusable import Kept, Restoration, condemned, left_behind, newest_first, plain
from headwater.schemas.errors import ClusterError
from headwater.schemas.plan import Plan

TAKEN_WITHIN_SECONDS = 600.0
"""As long as a checkpoint of the job may take."""
CANCELLED_WITHIN_SECONDS = 60.0

Kind = Literal["savepoint", "stop", "checkpoint"]
"""Somebody asked for it; the job was stopped with it; or the job took it by itself."""

Use = Literal["next", "usable", "left_behind", "commit_refused", "damaged"]
"""Whether the view's next job goes on from it, whether it could, or why not."""


class Listed(NamedTuple):
    """A complete checkpoint or savepoint of a view's generation; the time is of the epoch."""

    name: str
    url: str
    kind: Kind
    job: str
    written_ms: int
    use: Use


def listed(store: CheckpointStore) -> list[Listed]:
    """All that is kept, the newest first.

    Raises:
        SettingsError: the directory cannot be read.
    """
    kept, notes = store.kept(), store.notes()
    left = left_behind(store.decision(), kept)
    uses: dict[str, Use] = dict.fromkeys(left, "left_behind")
    uses |= {url: notes[job].reason for job, url in condemned(kept, notes).items()}
    ordered = newest_first(kept)
    following = next((each.url for each in ordered if each.url not in uses), None)
    return [
        Listed(
            each.name,
            each.url,
            _kind(each),
            each.job,
            each.written_ns // 1_000_000,
            "next" if each.url == following else uses.get(each.url, "usable"),
        )
        for each in ordered
    ]


def take(flink: FlinkRest, store: CheckpointStore, plan: Plan, *, stop: bool = False) -> str:
    """Has the view's running job take a savepoint, and returns the savepoint's URL.

    Args:
        stop: whether the job ends with it.

    Raises:
        ClusterError: no job of the view runs, or it cannot take one.
        SettingsError: the directory cannot be written.
    """
    name = job_name(plan)
    alive = _alive(flink, name)
    if not alive:
        raise ClusterError(f"no job {name} runs; `headwater savepoint list` shows what is kept of its state")
    operation = flink.stop if stop else flink.savepoint
    taken = operation(alive[0].id, store.savepoints, TAKEN_WITHIN_SECONDS)
    store.sign(taken)
    return taken


def restore(flink: FlinkRest, store: CheckpointStore, plan: Plan, chosen: str) -> Kept:
    """Goes back: the view's next job goes on from the chosen one, and the running one is cancelled.

    Args:
        plan: of the next job.
        chosen: a name as `listed` gives it, or a URL.

    Raises:
        ClusterError: it is none of this generation's, it is unusable, or the job is not one that this can be done to or
            does not end; nothing is decided then.
        SettingsError: the directory cannot be read or written.
    """
    if flink.is_application():
        raise ClusterError(
            "this JobManager is started with its job, and told what to go on from: on Kubernetes set "
            "compute.restoreFrom in the chart's values, elsewhere start it with "
            "-D execution.state-recovery.path=URL"
        )
    name = job_name(plan)
    alive = _alive(flink, name)
    kept = store.kept()
    found = _found(store, kept, chosen)
    _check_usable(store, kept, found)
    if found.is_checkpoint and found.job in {job.id for job in alive}:
        raise ClusterError(f"the job that runs will delete {found.name}: take a savepoint, or choose one")
    store.check_metadata(found)
    store.check_unchanged(plan, found.url)
    former = store.decision()
    left = left_behind(former, kept)
    ordered = newest_first(kept)
    before = ordered[ordered.index(found) + 1 :]
    # Before the job is cancelled: whoever supervises it starts the next one at once.
    store.decide(
        Restoration(
            to=found.name,
            before=tuple(each.name for each in before if each.url not in left),
            jobs=tuple(sorted({*(each.job for each in kept), *(job.id for job in alive)})),
        )
    )
    try:
        for job in alive:
            flink.cancel(job.id)
        for job in alive:
            wait_for_end(flink, job.id, CANCELLED_WITHIN_SECONDS)
    except ClusterError:
        store.decide(former)  # the job may run on, and all that it is still to write would be left behind
        raise
    return found


def _found(store: CheckpointStore, kept: Sequence[Kept], chosen: str) -> Kept:
    wanted = chosen.rstrip("/")
    found = next((each for each in kept if wanted == each.name or plain(wanted) == plain(each.url)), None)
    if found is not None:
        return found
    if ":/" in wanted and not store.contains(wanted):
        raise ClusterError(
            f"{chosen} is not in {store.url}: it is another view's, or another generation's, whose state does not fit"
        )
    raise ClusterError(f"{store.url} has no complete {chosen}; `headwater savepoint list` shows what it has")


def _check_usable(store: CheckpointStore, kept: Sequence[Kept], found: Kept) -> None:
    notes = store.notes()
    for job, url in condemned(kept, notes).items():
        if url == found.url:
            raise ClusterError(f"{found.name} is unusable: {notes[job].reason}, as the job {job} has found out")


def _kind(kept: Kept) -> Kind:
    if kept.is_checkpoint:
        return "checkpoint"
    return "stop" if kept.name.startswith(f"{STOPS}/") else "savepoint"


def _alive(flink: FlinkRest, name: str) -> list[Job]:
    return [job for job in flink.jobs(name) if job.is_alive]
