"""What came of it: how the stack got over each fault, and whether anything was lost, double or silent in the end."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from headwater.pipelines.chaos.fault import Recovery
from headwater.pipelines.verification import Verdict


@dataclass(frozen=True, slots=True)
class Survived:
    """One fault that was caused.

    Attributes:
        at_seconds: when, since the stream began.
        lasted_seconds: from its beginning to its end.
        worst_age_seconds: how old the oldest partition's values were at most.
        conditions: which conditions were said to hold.
        broken: what did not hold meanwhile, a sentence each.
    """

    name: str
    row: int
    at_seconds: float
    lasted_seconds: float
    recovery: Recovery
    worst_age_seconds: float
    conditions: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ChaosVerdict:
    """The whole run.

    Attributes:
        seed: by which it can be had again.
        kills: SIGKILLs.
        versions_seen: how many rows the polling reader looked at.
        regressions: versions that it saw go back, a sentence each.
        rows_rewritten: rows of the feature log that were written again, since their first transaction was aborted.
        stores: the comparison with the reference; None if it could not be made.
        poison: what is wrong with the dead letters of what was sent as poison.
        stuck: why the stack did not settle, if it did not.
    """

    seed: int
    survived: tuple[Survived, ...]
    kills: int
    events: int
    versions_seen: int
    regressions: tuple[str, ...]
    rows_rewritten: int
    stores: Verdict | None
    poison: tuple[str, ...] = field(default=())
    stuck: str | None = None

    @property
    def recoveries_s(self) -> list[float]:
        """Seconds until fresh data flowed again, of each fault after which they did."""
        return [round(each.recovery.seconds, 1) for each in self.survived if each.recovery.seconds is not None]

    @property
    def mismatches(self) -> int:
        """Keys, rows and dead letters that differ from the reference, without rows that are missing or double."""
        if self.stores is None:
            return 0
        elsewhere = self.stores.offline_missing + self.stores.offline_double
        return len(self.stores.differences) - elsewhere + len(self.poison)

    @property
    def problems(self) -> list[str]:
        """All that must not be, a sentence each."""
        return [
            *([f"did not settle: {self.stuck}"] if self.stuck else []),
            *(f"{each.name}: {sentence}" for each in self.survived for sentence in each.broken),
            *(f"a version went back: {sentence}" for sentence in self.regressions),
            *(self.stores.differences if self.stores else ()),
            *self.poison,
            *([] if self.stores and self.stores.keys and self.stores.rows else ["nothing was compared"]),
            *([] if self.versions_seen else ["no reader saw a version"]),
        ]

    @property
    def right(self) -> bool:
        """Whether all that must be 0 is."""
        return not self.problems

    def to_json(self, *, command: str, machine: str, ended: str) -> str:
        """The figures, for scripts and for the page of several runs.

        Args:
            command: by which the run can be had again.
            machine: that it ran on, in one line.
            ended: when, for a person.
        """
        stores = self.stores
        figures = {
            "command": command,
            "machine": machine,
            "ended": ended,
            "faults": len({each.name for each in self.survived}),
            "kills": self.kills,
            "mismatches": self.mismatches,
            "offline_double": stores.offline_double if stores else 0,
            "offline_missing": stores.offline_missing if stores else 0,
            "offline_repeated": stores.offline_repeated if stores else 0,
            "regressions": len(self.regressions),
            "compared_keys": stores.keys if stores else 0,
            "recoveries_s": self.recoveries_s,
            "seed": self.seed,
            "right": self.right,
            "stuck": self.stuck,
            "broken": sum(len(each.broken) for each in self.survived),
            "compared_rows": stores.rows if stores else 0,
            "events": self.events,
            "dead_letters": stores.rejected if stores else 0,
            "rows_rewritten": self.rows_rewritten,
            "versions_seen": self.versions_seen,
            "problems": self.problems,
            "survived": [_figures(each) for each in self.survived],
        }
        return json.dumps(figures, indent=1) + "\n"


def poison_mismatches(sent: Mapping[tuple[int, int], str], told: Sequence[tuple[int, int, str]]) -> list[str]:
    """What of the poison that was sent has no dead letter, or one with another reason.

    Args:
        sent: the reason of each record that was sent as poison, by partition and offset.
        told: partition, offset and reason of each dead letter.
    """
    reasons = {(partition, offset): reason for partition, offset, reason in told}
    return [
        f"the poison at partition {partition} offset {offset} was sent for {reason}, and its dead letter says"
        f" {reasons.get((partition, offset), 'nothing: it has none')}"
        for (partition, offset), reason in sent.items()
        if reasons.get((partition, offset)) != reason
    ]


def _figures(each: Survived) -> dict[str, object]:
    return {
        "name": each.name,
        "row": each.row,
        "at_s": round(each.at_seconds, 1),
        "lasted_s": round(each.lasted_seconds, 1),
        "online_again_s": each.recovery.online and round(each.recovery.online, 1),
        "offline_again_s": each.recovery.offline and round(each.recovery.offline, 1),
        "worst_age_s": round(each.worst_age_seconds, 1),
        "conditions": list(each.conditions),
        "broken": list(each.broken),
    }
