"""Tells a job that cannot go on from its newest checkpoint from one that fails for another reason."""

from __future__ import annotations

import re
from collections.abc import Sequence

from headwater.pipelines.flink_rest import CheckpointCounts, Failure

REFUSED = "dev.headwater.kernel.commit.CommitRefusedException"
"""The kernel's exception that says that a commit was refused."""

ATTEMPTS = 3
"""A job that has failed so often to read its state will fail the next time as well."""

# Of a task and of a JobManager that restore state, in Flink's words; what else is missing or short says nothing of it.
_RESTORING = re.compile(
    "Exception while creating StreamOperatorStateContext|Could not restore|JobInitializationException"
    "|Failed to rollback to checkpoint|Cannot find meta data file"
)
_UNREADABLE = re.compile(
    "FileNotFoundException|NoSuchFileException|EOFException|StreamCorruptedException|UTFDataFormatException"
    "|[Mm]agic number"
)


def is_damaged(cause: str) -> bool:
    """Whether an exception and its causes say that files of a checkpoint are missing or cannot be read.

    A store that does not answer says something else: it is waited for.
    """
    return bool(_RESTORING.search(cause) and _UNREADABLE.search(cause))


def cannot_restore(failures: Sequence[Failure], counts: CheckpointCounts) -> bool:
    """Whether a job that restarts by itself has failed for that alone since its newest checkpoint, ATTEMPTS times.

    Args:
        failures: the newest first.
    """
    since_ms = counts.last_completed_ms or 0
    newest = [failure for failure in failures[:ATTEMPTS] if failure.at_ms > since_ms and is_damaged(failure.cause)]
    return len(newest) == ATTEMPTS
