"""Whether a reader with one Avro schema can read all that a writer with another may write.

The rules are "Schema Resolution" of the Avro specification 1.12, applied to every value that the writer's schema
allows: each type of a writer's union must be readable, and each symbol of a writer's enum. Where the specification
leaves a choice, the stricter of what Avro's Java library does in `SchemaCompatibility` and in `Resolver` holds, since
the job uses both.

Recursive schemas are compared as graphs: two types are taken to match until something below them does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from headwater.schemas.contracts.types import (
    Array,
    AvroType,
    Enum,
    Field,
    Fixed,
    LogicalType,
    Map,
    Primitive,
    Record,
    Union,
)

_PROMOTIONS = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}


@dataclass(frozen=True, slots=True)
class Break:
    """One reason why the reader cannot read the writer.

    Attributes:
        kind: `unreadable` if reading fails, `misread` if it gives a value that means something else.
        field: names of the reader's fields from the root to the place; empty at the root.
        reader_path, writer_path: JSON path in either schema.
        what: as a sentence without subject: what is there and what was written.
        remedy: what would make it readable.
    """

    kind: Literal["unreadable", "misread"]
    field: tuple[str, ...]
    reader_path: str
    writer_path: str
    what: str
    remedy: str


def breaks(reader: AvroType, writer: AvroType) -> list[Break]:
    """Every reason why the reader cannot read the writer; empty if it can."""
    return list(_Resolution(reader, writer).report())


def defaulted(reader: AvroType, writer: AvroType) -> list[tuple[tuple[str, ...], Any]]:
    """The reader's fields that the writer does not write and that get their default, with it."""
    return list(_Resolution(reader, writer).defaulted())


_Pair = tuple[AvroType, AvroType]


@dataclass(slots=True)
class _Step:
    """What one pair of types comes to: own breaks, parts that must match, and choices of which one must."""

    found: list[Break]
    parts: list[tuple[tuple[str, ...], _Pair]]
    choice: list[_Pair] | None = None
    defaulted: list[Field] = field(default_factory=list)


class _Resolution:
    def __init__(self, reader: AvroType, writer: AvroType) -> None:
        self._root = (reader, writer)
        self._steps: dict[_Pair, _Step] = {}
        self._explore(self._root)
        self._failing = self._find_failing()

    def report(self) -> Iterator[Break]:
        """Every break, each pair of types once, with the field by which it was first reached."""
        for path, pair in self._walk():
            step = self._steps[pair]
            for each in step.found:
                yield replace(each, field=(*path, *each.field))
            if step.choice is not None and pair in self._failing and _nearest(pair, step.choice) is None:
                yield _no_branch(path, pair)

    def defaulted(self) -> Iterator[tuple[tuple[str, ...], Any]]:
        """Fields that get their default, each pair of types once."""
        for path, pair in self._walk():
            yield from (((*path, each.name), each.default) for each in self._steps[pair].defaulted)

    def _walk(self) -> Iterator[tuple[tuple[str, ...], _Pair]]:
        """The pairs that meet when values are read, with the field by which each is first reached."""
        seen: set[_Pair] = set()
        pending: list[tuple[tuple[str, ...], _Pair]] = [((), self._root)]
        while pending:
            path, pair = pending.pop(0)
            if pair not in seen:
                seen.add(pair)
                yield path, pair
                step = self._steps[pair]
                pending.extend(((*path, *below), part) for below, part in step.parts)
                taken = next((each for each in step.choice or () if each not in self._failing), None)
                nearest = taken or _nearest(pair, step.choice or [])
                if nearest is not None:
                    pending.append((path, nearest))

    def _explore(self, root: _Pair) -> None:
        pending = [root]
        while pending:
            pair = pending.pop()
            if pair not in self._steps:
                step = self._steps[pair] = _step(*pair)
                pending.extend(part for _, part in step.parts)
                pending.extend(step.choice or ())

    def _find_failing(self) -> set[_Pair]:
        """The least set of pairs that fail: what is not forced to fail matches."""
        failing: set[_Pair] = set()
        grown = True
        while grown:
            grown = False
            for pair, step in self._steps.items():
                if pair not in failing and self._fails(step, failing):
                    failing.add(pair)
                    grown = True
        return failing

    @staticmethod
    def _fails(step: _Step, failing: set[_Pair]) -> bool:
        no_choice = step.choice is not None and all(pair in failing for pair in step.choice)
        return bool(step.found) or no_choice or any(part in failing for _, part in step.parts)


def _step(reader: AvroType, writer: AvroType) -> _Step:
    if isinstance(writer, Union):
        return _Step([], [((), (reader, branch)) for branch in writer.branches])
    if isinstance(reader, Union):
        return _Step([], [], [(branch, writer) for branch in _candidates(reader, writer)])
    match reader, writer:
        case Primitive(), Primitive():
            return _Step(_primitives(reader, writer), [])
        case Array(), Array():
            return _Step([], [((), (reader.items, writer.items))])
        case Map(), Map():
            return _Step([], [((), (reader.values, writer.values))])
        case Enum(), Enum():
            return _Step([*_names(reader, writer), *_symbols(reader, writer)], [])
        case Fixed(), Fixed():
            return _Step([*_names(reader, writer), *_sizes(reader, writer)], [])
        case Record(), Record():
            return _records(reader, writer)
        case _:
            return _Step([_mismatch(reader, writer)], [])


def _candidates(reader: Union, writer: AvroType) -> list[AvroType]:
    """The branches of a reader's union that may take the value; one of the very same name is the only one."""
    if isinstance(writer, Enum | Fixed | Record):
        same = [each for each in reader.branches if each.kind == writer.kind and each.name == writer.name]  # type: ignore[union-attr]
        if same:
            return same
    return list(reader.branches)


def _nearest(pair: _Pair, choice: list[_Pair]) -> _Pair | None:
    """The one branch that was surely meant, so that the break is told where it is and not at the union."""
    writer = pair[1]
    alike = [each for each in choice if each[0].kind == writer.kind]
    return alike[0] if len(alike) == 1 else None


def _records(reader: Record, writer: Record) -> _Step:
    step = _Step(list(_names(reader, writer)), [])
    by_name = {each.name: each for each in writer.fields}
    for each in reader.fields:
        sources = [by_name[name] for name in (each.name, *each.aliases) if name in by_name]
        if len(sources) == 1:
            step.parts.append(((each.name,), (each.type, sources[0].type)))
        elif sources:
            step.found.append(_ambiguous(each, sources))
        elif each.has_default:
            step.defaulted.append(each)
        else:
            step.found.append(_missing(each, writer))
    return step


def _names(reader: Enum | Fixed | Record, writer: Enum | Fixed | Record) -> Iterator[Break]:
    if reader.simple_name != writer.simple_name and writer.name not in reader.aliases:
        what = f"is the {reader}, but the {writer} was written"
        yield _break(reader, writer, what, f'add "aliases": ["{writer.name}"] to the reader, or keep the name')


def _symbols(reader: Enum, writer: Enum) -> Iterator[Break]:
    unknown = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
    if unknown and reader.default is None:
        what = f"knows no symbol {', '.join(unknown)} of the {reader}, and has no default for it"
        yield _break(reader, writer, what, f'add the symbol to the reader, or give {reader.simple_name} a "default"')


def _sizes(reader: Fixed, writer: Fixed) -> Iterator[Break]:
    if reader.size != writer.size:
        yield _break(reader, writer, f"has {reader.size} bytes, but {writer.size} were written", "keep the size")
    else:
        yield from _meanings(reader, writer)


def _primitives(reader: Primitive, writer: Primitive) -> list[Break]:
    if reader.kind != writer.kind and reader.kind not in _PROMOTIONS.get(writer.kind, ()):
        return [_mismatch(reader, writer)]
    return list(_meanings(reader, writer))


def _meanings(reader: Primitive | Fixed, writer: Primitive | Fixed) -> Iterator[Break]:
    if reader.logical is None or writer.logical is None or _holds(reader.logical, writer.logical):
        return
    what = f"would be taken for {reader.logical}, but {writer.logical} was written"
    yield _break(reader, writer, what, "keep the logical type; put the new one into a new field", "misread")


def _holds(reader: LogicalType, writer: LogicalType) -> bool:
    return reader.name == writer.name and reader.scale == writer.scale and reader.precision >= writer.precision


def _mismatch(reader: AvroType, writer: AvroType) -> Break:
    widened = isinstance(writer, Primitive) and _PROMOTIONS.get(writer.kind)
    takes = f"only {' or '.join((writer.kind, *widened))} can take a {writer.kind}" if widened else "keep the type"
    return _break(reader, writer, f"is {reader}, but {writer} was written", takes)


def _no_branch(path: tuple[str, ...], pair: _Pair) -> Break:
    reader, writer = pair
    what = f"is {reader}, none of which can take the {writer} that was written"
    return Break("unreadable", path, reader.path, writer.path, what, f"add {writer} to the reader's union")


def _ambiguous(reader: Field, sources: list[Field]) -> Break:
    what = f"could be either of {' and '.join(source.name for source in sources)} of the writer"
    remedy = "remove the alias, or the field that it replaces from the writer"
    return Break("unreadable", (reader.name,), reader.path, sources[-1].path, what, remedy)


def _missing(reader: Field, writer: Record) -> Break:
    what = f"was not written, and has no default (the writer's {writer} has no such field)"
    remedy = f'give {reader.name} a "default" in the reader, or keep it in the writer; an alias if it was renamed'
    return Break("unreadable", (reader.name,), reader.path, writer.path, what, remedy)


def _break(
    reader: AvroType,
    writer: AvroType,
    what: str,
    remedy: str,
    kind: Literal["unreadable", "misread"] = "unreadable",
) -> Break:
    return Break(kind, (), reader.path, writer.path, what, remedy)
