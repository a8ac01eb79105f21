"""What can be wrong with a view's pipeline: a closed list, each with who notices it and what a person should do.

Each is exported as `headwater_condition{view, condition, severity}`, 1 while it lasts and 0 otherwise, by the process
that notices it; so an alert is a comparison with 1, and a status page is a list of what is 1.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

Severity = Literal["page", "ticket", "info"]
"""Whether somebody must look now, or some day, or only knows better what to expect."""

Process = Literal["compute", "materialize", "archive", "watch"]


class Condition(NamedTuple):
    """One thing that can be wrong; `summary` says what holds while it lasts, `remedy` what to look at first."""

    name: str
    process: Process
    severity: Severity
    summary: str
    remedy: str


CONDITIONS = (
    Condition(
        "job_down",
        "compute",
        "page",
        "The Flink job does not run, or tasks of it wait for a slot or a restart: nothing is computed.",
        "Read the compute process's log line `job_state`: STARTING lacks slots, RESTARTING comes with its cause.",
    ),
    Condition(
        "checkpoints_failing",
        "compute",
        "ticket",
        "No checkpoint was completed for three intervals and 30 s: the offline log stands still, a restart reads more.",
        "Read the log line `checkpoint_failed`; look at the space of the checkpoint directory, and at what is blocked.",
    ),
    Condition(
        "commit_refused",
        "compute",
        "ticket",
        "An outage outlived a checkpoint's transaction: the job goes back to the one before and writes its rows anew.",
        "It ends by itself with the next checkpoint. Keep HEADWATER_TRANSACTION_TIMEOUT_MS above the longest outage.",
    ),
    Condition(
        "checkpoint_damaged",
        "compute",
        "ticket",
        "The newest checkpoint cannot be read: the job goes back to one before, and commits rows a second time.",
        "It ends by itself with the next checkpoint. Find out who damages files in HEADWATER_CHECKPOINT_DIR.",
    ),
    Condition(
        "registry_unavailable",
        "compute",
        "page",
        "The schema registry does not answer and a schema is needed: the source waits, nothing is rejected.",
        "Bring the registry back at HEADWATER_REGISTRY_URL; the job goes on by itself.",
    ),
    Condition(
        "dead_letters",
        "compute",
        "ticket",
        "More records were rejected in the last minute than HEADWATER_DEAD_LETTERS_PER_MINUTE allows.",
        "`headwater dead-letters list` names the reasons; mend the cause, then `headwater dead-letters replay`.",
    ),
    Condition(
        "expiry_late",
        "compute",
        "ticket",
        "The watermark is a minute behind what the sources' lateness explains: ticks, and so expiries, come late.",
        "If sources are silent, readers see such values as pending; otherwise a partition lags: look at the job.",
    ),
    Condition(
        "no_events",
        "materialize",
        "info",
        "The sources are silent, and all that exists is in the online store.",
        "Ask the topics' producers if they should be silent.",
    ),
    Condition(
        "stuck",
        "materialize",
        "page",
        "Events may exist that the online store does not show: heartbeats stay away, or rows wait without progress.",
        "Look at the other conditions that hold; if none does, at the logs of compute and materialize.",
    ),
    Condition(
        "online_store_unavailable",
        "materialize",
        "page",
        "Redis cannot be used; rows wait in the feature log.",
        "The log line `online_store_unavailable` says why: away, out of memory, read-only, wrong password, TLS.",
    ),
    Condition(
        "online_store_behind",
        "materialize",
        "ticket",
        "The online store is more than HEADWATER_BEHIND_ROWS rows or HEADWATER_BEHIND_SECONDS seconds behind the log.",
        "If it shrinks, it catches up; else Redis or the materializer is too slow: see headwater_log_lag_rows.",
    ),
    Condition(
        "clock_skewed",
        "materialize",
        "ticket",
        "The clocks of this process and of the job differ by half a minute or more: ages and freshness are wrong.",
        "Set the clocks, by NTP; values are right. `headwater_clock_difference_seconds` says by how much they differ.",
    ),
    Condition(
        "rows_fenced",
        "materialize",
        "ticket",
        "More rows of the last minute were fenced off than HEADWATER_FENCED_ROWS_PER_MINUTE allows.",
        "After a restart rows are read again, which ends; if it lasts, two materializers or jobs share the view.",
    ),
    Condition(
        "offline_store_unavailable",
        "archive",
        "page",
        "The offline log cannot be read or written; rows wait in the feature log.",
        "The log line `offline_store_unavailable` says why: away, disk full, no permission.",
    ),
    Condition(
        "offline_store_behind",
        "archive",
        "ticket",
        "Committed rows have waited for more than three flush intervals and HEADWATER_BEHIND_SECONDS seconds.",
        "If headwater_archive_lag_rows shrinks, it catches up; else the store or the archive is too slow.",
    ),
    Condition(
        "open_transaction",
        "archive",
        "ticket",
        "A transaction keeps rows of the feature log from committed readers for longer than three checkpoints.",
        "A dead job's ends after HEADWATER_TRANSACTION_TIMEOUT_MS; `kafka-transactions.sh` finds and aborts others.",
    ),
    Condition(
        "rows_lost",
        "archive",
        "page",
        "The broker deleted rows before they were archived: at most headwater_archive_gap_rows_total are missing.",
        "Raise the feature log's retention above the longest outage of the archive; a new generation fills the gap.",
    ),
    Condition(
        "archive_fenced",
        "archive",
        "ticket",
        "Another archive writes the same table: no harm, but one of the two works for nothing.",
        "Stop one of them.",
    ),
    Condition(
        "offline_upkeep_failing",
        "archive",
        "ticket",
        "Compaction, vacuum or log clean-up failed three times in a row: reading gets slower, nothing is lost.",
        "The log line `upkeep_failed` says which step and why; it is done again by itself.",
    ),
    Condition(
        "parity_broken",
        "watch",
        "page",
        "In the last hour an online row differed from the offline log, or from what its events say.",
        "Read the log line `parity_broken` of watch: it has the key, its version, both values and where they stand.",
    ),
    Condition(
        "parity_unchecked",
        "watch",
        "ticket",
        "For an hour no online row could be compared with the offline log.",
        "Read the log line `watch_task_waits` of watch; see if the archive runs, and headwater_parity_rows_total.",
    ),
    Condition(
        "probe_unseen",
        "watch",
        "page",
        "A synthetic event was sent and no reader sees it, for longer than a view may take before it counts as stuck.",
        "Look at the other conditions that hold; if none does, readers see another generation, or another store.",
    ),
    Condition(
        "values_drifted",
        "watch",
        "ticket",
        "A feature's values are spread unlike those of the reference period, by more than HEADWATER_WATCH_DRIFT_LIMIT.",
        "headwater_feature_stability_index says of which; ask the owner of its source what has changed.",
    ),
)
"""All of them, by process."""


def conditions_of(process: Process) -> tuple[Condition, ...]:
    """Those that the process notices."""
    return tuple(condition for condition in CONDITIONS if condition.process == process)
