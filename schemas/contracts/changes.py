"""What has changed from one Avro schema to another, for a person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from headwater.schemas.contracts.types import Array, AvroType, Enum, Field, Fixed, Map, Record, Union

Kind = Literal["added", "removed", "renamed", "type", "symbols", "default", "personal data", "text"]


@dataclass(frozen=True, slots=True)
class Change:
    """One change: its kind, the field (dotted, by its new name; empty at the root), and what it was and is."""

    kind: Kind
    field: str
    what: str


def changes(old: AvroType, new: AvroType) -> list[Change]:
    """Every change, in the order of the new schema; what is gone follows what is there."""
    return list(_Comparison().types(old, new, ()))


class _Comparison:
    def __init__(self) -> None:
        self._seen: set[tuple[int, int]] = set()

    def types(self, old: AvroType, new: AvroType, field: tuple[str, ...]) -> Iterator[Change]:
        if (id(old), id(new)) in self._seen:
            return
        self._seen.add((id(old), id(new)))
        befores, afters = _branches(old), _branches(new)
        if isinstance(old, Union) != isinstance(new, Union) or befores.keys() != afters.keys():
            yield _change("type", field, f"{old} → {new}")
        for name, after in afters.items():
            before = befores.get(name) or _formerly(after, befores)
            if before is not None:
                yield from self._alike(before, after, field)

    def _alike(self, old: AvroType, new: AvroType, field: tuple[str, ...]) -> Iterator[Change]:
        match old, new:
            case (Array(), Array()):
                yield from self.types(old.items, new.items, field)
            case (Map(), Map()):
                yield from self.types(old.values, new.values, field)
            case (Enum(), Enum()):
                yield from _enums(old, new, field)
            case (Record(), Record()):
                yield from self._records(old, new, field)
            case _:
                if str(old) != str(new):
                    yield _change("type", field, f"{old} → {new}")

    def _records(self, old: Record, new: Record, field: tuple[str, ...]) -> Iterator[Change]:
        if old.doc != new.doc:
            yield _change("text", field, f"{old.doc!r} → {new.doc!r}")
        befores = {each.name: each for each in old.fields}
        for after in new.fields:
            place = (*field, after.name)
            before = befores.pop(after.name, None)
            if before is None:
                before = next((befores.pop(alias) for alias in after.aliases if alias in befores), None)
                if before is not None:
                    yield _change("renamed", place, f"{before.name} → {after.name}, with the old name as an alias")
            if before is None:
                yield _change("added", place, f"{after.type}, {_default(after)}")
            else:
                yield from self._fields(before, after, place)
        for gone in befores.values():
            yield _change("removed", (*field, gone.name), f"was {gone.type}, {_default(gone)}")

    def _fields(self, old: Field, new: Field, place: tuple[str, ...]) -> Iterator[Change]:
        yield from self.types(old.type, new.type, place)
        if (old.has_default, old.default) != (new.has_default, new.default):
            yield _change("default", place, f"{_default(old)} → {_default(new)}")
        if old.pii != new.pii:
            yield _change("personal data", place, f"{old.pii or 'untagged'} → {new.pii or 'untagged'}")
        if old.doc != new.doc:
            yield _change("text", place, f"{old.doc!r} → {new.doc!r}")


def _enums(old: Enum, new: Enum, field: tuple[str, ...]) -> Iterator[Change]:
    for what, symbols in (
        ("new", [symbol for symbol in new.symbols if symbol not in old.symbols]),
        ("gone", [symbol for symbol in old.symbols if symbol not in new.symbols]),
    ):
        if symbols:
            yield _change("symbols", field, f"{what}: {', '.join(symbols)}")
    if old.default != new.default:
        yield _change("default", field, f"for unknown symbols: {old.default or 'none'} → {new.default or 'none'}")


def _branches(type_: AvroType) -> dict[str, AvroType]:
    """What a value may be, by the name that tells one branch from another."""
    branches = type_.branches if isinstance(type_, Union) else (type_,)
    return {each.name if isinstance(each, Enum | Fixed | Record) else each.kind: each for each in branches}


def _formerly(new: AvroType, befores: dict[str, AvroType]) -> AvroType | None:
    aliases = new.aliases if isinstance(new, Enum | Fixed | Record) else ()
    return next((befores[alias] for alias in aliases if alias in befores), None)


def _default(field: Field) -> str:
    return f"default {_json(field.default)}" if field.has_default else "no default"


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _change(kind: Kind, field: tuple[str, ...], what: str) -> Change:
    return Change(kind, ".".join(field), what)
