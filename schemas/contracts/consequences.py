"""What a change of a subject's schema means: for readers, for writers, and for each view."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from headwater.schemas.contracts.changes import Change, changes
from headwater.schemas.contracts.levels import Level, promised
from headwater.schemas.contracts.parse import parse
from headwater.schemas.contracts.resolution import Break, breaks, defaulted
from headwater.schemas.contracts.types import AvroType
from headwater.schemas.contracts.views import breaks_of_view, uses_of
from headwater.schemas.errors import ContractError
from headwater.schemas.plan import Plan

_OLD, _NEW = 1, 2


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two schemas: what it is called, and its types."""

    name: str
    type: AvroType

    @classmethod
    def of(cls, name: str, schema: Any) -> Side:
        """The side of this schema.

        Raises:
            ContractError: it is not valid Avro.
        """
        root, faults = parse(schema)
        if root is None or faults:
            raise ContractError("\n".join(f"{name} {fault.path}: {fault.what} ({fault.remedy})" for fault in faults))
        return cls(name, root)


@dataclass(frozen=True, slots=True)
class Comparison:
    """All that lies between two schemas of a subject.

    Attributes:
        old, new: their names.
        changes: what has changed.
        new_reads_old, old_reads_new: why not; empty if they do.
    """

    old: str
    new: str
    changes: tuple[Change, ...]
    new_reads_old: tuple[Break, ...]
    old_reads_new: tuple[Break, ...]

    def keeps(self, level: Level) -> bool:
        """Whether this level allows the change."""
        return not any(
            self.new_reads_old if promise.reader == _NEW else self.old_reads_new
            for promise in promised(level, [_OLD, _NEW])
        )

    def meaning(self) -> str:
        """In which order readers and writers may change over."""
        match bool(self.new_reads_old), bool(self.old_reads_new):
            case False, False:
                return "readers and writers may change over in any order"
            case False, True:
                return f"readers must change over first: those of {self.old} cannot read {self.new}"
            case True, False:
                return f"writers must change over first: readers of {self.new} cannot read what {self.old} wrote"
            case _:
                return "neither side can read the other: this needs a new topic, or a change in several steps"


@dataclass(frozen=True, slots=True)
class ViewConsequence:
    """What the change means for one view: nothing if there are no effects."""

    view: str
    breaks: bool
    effects: tuple[str, ...]


def compare(old: Side, new: Side) -> Comparison:
    """The comparison of two schemas."""
    return Comparison(
        old=old.name,
        new=new.name,
        changes=tuple(changes(old.type, new.type)),
        new_reads_old=tuple(breaks(new.type, old.type)),
        old_reads_new=tuple(breaks(old.type, new.type)),
    )


def view_consequence(subject: str, old: Side, new: Side, before: Plan, after: Plan) -> ViewConsequence:
    """What becomes of a view that compiles with both schemas, to these plans."""
    rejected = [
        f"the job must be deployed with {new.name} before events of it come, else it rejects them: {_told(each, uses)}"
        for each, uses in breaks_of_view(before, subject, new.type)
    ]
    unreadable = [
        f"events of {old.name} that a new generation reads again are rejected: {_told(each, uses)}"
        for each, uses in breaks_of_view(after, subject, old.type)
    ]
    effects = [
        *rejected,
        *unreadable,
        *_defaults(before, subject, new, "until the job is deployed anew it"),
        *_defaults(after, subject, old, "once it is deployed anew the job"),
        *_changed_types(before, after),
    ]
    return ViewConsequence(after.view, bool(unreadable), tuple(dict.fromkeys(effects)))


def _told(found: Break, uses: str) -> str:
    return f"{'.'.join(found.field)} {found.what}; this costs {uses}"


def _defaults(plan: Plan, subject: str, writer: Side, who: str) -> Iterator[str]:
    for source in plan.sources:
        reader, _ = parse(source.reader_schema)
        if source.subject == subject and reader is not None:
            for field, value in defaulted(reader, writer.type):
                uses = uses_of(plan, source, field)
                yield f"{who} takes {value!r} for {'.'.join(field)} of events of {writer.name}; this reaches {uses}"


def _changed_types(before: Plan, after: Plan) -> Iterator[str]:
    types = {feature.name: feature.type for feature in before.features}
    changed = [
        f"{feature.name} ({types[feature.name]} → {feature.type})"
        for feature in after.features
        if types.get(feature.name, feature.type) != feature.type
    ]
    if changed:
        yield f"values change their type, so that the view needs a new generation: {', '.join(changed)}"
