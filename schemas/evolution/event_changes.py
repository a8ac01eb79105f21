"""Changes of which events a view counts, and of what it reads from them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from headwater.schemas.contracts.parse import parse
from headwater.schemas.contracts.types import Array, AvroType, Enum, Field, Map, Record, Union
from headwater.schemas.evolution.findings import Change, ChangeVerdict
from headwater.schemas.plan import Path, Plan, SourcePlan

_SIMPLE: dict[str, tuple[ChangeVerdict, str]] = {
    "subject": ("compatible", "events name their schemas by id"),
    "explode": ("incompatible", "other parts of a record are the events"),
    "where": ("incompatible", "other events count"),
    "key": ("incompatible", "events belong to other keys"),
    "event_time": ("incompatible", "events happen at other times"),
    "event_id": ("incompatible", "other events are copies of each other, and ties are broken otherwise"),
    "allowed_skew_ms": ("incompatible", "other events are rejected as lying in the future"),
    "watermark_delay_ms": ("compatible", "ticks fire sooner or later, at the same clock"),
    "idle_timeout_ms": ("compatible", "a quiet partition holds time up for longer or shorter"),
}

ELSEWHERE = {
    "topic": "below: sources are compared by their topics",
    "columns": "below, by the columns' names",
    "variables": "below, by their names",
    "reader_schema": "below, field by field",
    "expectations": "below: which events count by those that they must meet, the rest is told of",
}
"""A source's other parts, and where their changes are told."""


def event_changes(deployed: Plan, declared: Plan) -> Iterator[Change]:
    """Every change of the sources and the columns."""
    before, now = ([source.topic for source in plan.sources] for plan in (deployed, declared))
    if before != now:
        for topic in dict.fromkeys([*now, *before]):
            if before.count(topic) != now.count(topic):
                what = "is new" if now.count(topic) > before.count(topic) else "is gone"
                yield Change("incompatible", f"source {topic}", f"{what}: other events count")
        return
    for old, new in zip(deployed.sources, declared.sources, strict=True):
        yield from _source_changes(old, new)
    yield from _column_changes(deployed, declared)


def column_reads(plan: Plan, column: int | None) -> tuple[Any, ...] | None:
    """What a column is and what of each source's events it holds; None for no column."""
    if column is None:
        return None
    return (plan.columns[column], *(source.columns[column] for source in plan.sources))


def _source_changes(before: SourcePlan, now: SourcePlan) -> Iterator[Change]:
    for name, (verdict, why) in _SIMPLE.items():
        old, new = getattr(before, name), getattr(now, name)
        if old != new:
            place = f"source {now.topic}.{name.removesuffix('_ms')}"
            yield Change(verdict, place, f"is {_said(new)}, was {_said(old)}: {why}")
    if before.expectations != now.expectations:
        yield _expectation_change(before, now)
    variables = {each.name: each for each in before.variables}
    for each in now.variables:
        if variables.get(each.name, each) != each:
            what = "is of another kind: expressions over it may say something else"
            yield Change("incompatible", f"source {now.topic} field {each.name}", what)
    yield from _schema_changes(before, now)


def _expectation_change(before: SourcePlan, now: SourcePlan) -> Change:
    place = f"source {now.topic}.expectations"
    if _required(before) != _required(now):
        return Change("incompatible", place, "are others of those that an event must meet: other events count")
    return Change("compatible", place, "are counted by other names, or others are only counted: the same events count")


def _required(source: SourcePlan) -> set[tuple[str | None, int | None]]:
    return {(each.cel, each.fresh_within_ms) for each in source.expectations if each.is_required}


def _schema_changes(before: SourcePlan, now: SourcePlan) -> Iterator[Change]:
    """Of the fields that both read. A field that only one reads belongs to a feature that is told of elsewhere."""
    old, new = _leaves(before.reader_schema), _leaves(now.reader_schema)
    for path in old.keys() & new.keys():
        place = f"source {now.topic} field {'.'.join(path)}"
        (old_type, old_default), (new_type, new_default) = old[path], new[path]
        if old_default != new_default:
            what = f"has the default {_told(new_default)}, had {_told(old_default)}: events without it change"
            yield Change("incompatible", place, what)
        elif old_type != new_type:
            what = f"is read as {new_type}, was {old_type}: the same value, but other writers can be read"
            yield Change("compatible", place, what)


def _column_changes(deployed: Plan, declared: Plan) -> Iterator[Change]:
    before = {column.name: column_reads(deployed, index) for index, column in enumerate(deployed.columns)}
    for index, column in enumerate(declared.columns):
        reads = column_reads(declared, index)
        if before.get(column.name, reads) != reads:
            what = "holds something else, or is of another type, than the column of this name in the state"
            yield Change("incompatible", f"columns.{column.name}", what)


def _leaves(schema: dict[str, Any]) -> dict[Path, tuple[str, Any]]:
    """By path, the type of each field in words, and its default or (). Records that hold themselves are cut off."""
    root, _ = parse(schema)
    found: dict[Path, tuple[str, Any]] = {}

    def walk(kind: AvroType, path: Path, above: tuple[AvroType, ...]) -> None:
        if kind in above:
            return
        match kind:
            case Record():
                for field in kind.fields:
                    found[*path, field.name] = (_words(field.type), _defaults(field))
                    walk(field.type, (*path, field.name), (*above, kind))
            case Union():
                for branch in kind.branches:
                    walk(branch, path, above)
            case Array():
                walk(kind.items, path, above)

    if root is not None:
        walk(root, (), ())
    return found


def _words(kind: AvroType) -> str:
    """A type in words, records by name alone; their fields are told of by themselves."""
    match kind:
        case Union():
            return " or ".join(_words(branch) for branch in kind.branches)
        case Array():
            return f"array of {_words(kind.items)}"
        case Map():
            return f"map of {_words(kind.values)}"
        case Enum():
            return f"{kind} ({', '.join(kind.symbols)})"
        case Record():
            return "record"
        case _:
            return str(kind)


def _defaults(field: Field) -> tuple[Any, ...]:
    """What stands for a value that is missing, and for symbols that are unknown."""
    own = (field.default,) if field.has_default else ()
    branches = field.type.branches if isinstance(field.type, Union) else (field.type,)
    return (*own, *(each.default for each in branches if isinstance(each, Enum) and each.default is not None))


def _told(defaults: tuple[Any, ...]) -> str:
    return ", ".join(map(repr, defaults)) or "none"


def _said(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(_said(each) for each in value) + ")"
    if hasattr(value, "model_dump"):
        return ".".join(getattr(value, "path", None) or ()) or getattr(value, "cel", "") or str(value)
    return "none" if value is None else str(value)
