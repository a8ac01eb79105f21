"""An Avro schema as a graph of types, each with the JSON path at which its file defines it.

Names are resolved: a record that contains itself is a cycle. `headwater.schemas.contracts.parse` builds the graph.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")


@dataclass(eq=False, slots=True)
class Primitive:
    """A type without parts. `logical` is the logical type that Avro defines for it, if it is annotated with one."""

    path: str
    kind: str
    logical: LogicalType | None = None

    def __str__(self) -> str:
        return self.kind if self.logical is None else f"{self.kind} ({self.logical})"


@dataclass(eq=False, slots=True)
class Array:
    path: str
    items: AvroType
    kind: Final = "array"

    def __str__(self) -> str:
        return f"array of {self.items}"


@dataclass(eq=False, slots=True)
class Map:
    path: str
    values: AvroType
    kind: Final = "map"

    def __str__(self) -> str:
        return f"map of {self.values}"


@dataclass(eq=False, slots=True)
class Union:
    path: str
    branches: tuple[AvroType, ...]
    kind: Final = "union"

    def __str__(self) -> str:
        return f"union of {', '.join(map(str, self.branches))}"


@dataclass(eq=False, slots=True)
class Named:
    """What enums, fixed and records share: a full name and other full names by which older ones are known."""

    path: str
    name: str
    aliases: tuple[str, ...]

    @property
    def simple_name(self) -> str:
        return self.name.rpartition(".")[2]


@dataclass(eq=False, slots=True)
class Enum(Named):
    symbols: tuple[str, ...]
    default: str | None
    kind: Final = "enum"

    def __str__(self) -> str:
        return f"enum {self.name}"


@dataclass(eq=False, slots=True)
class Fixed(Named):
    size: int
    logical: LogicalType | None = None
    kind: Final = "fixed"

    def __str__(self) -> str:
        return f"fixed {self.name} of {self.size} bytes"


@dataclass(eq=False, slots=True)
class Record(Named):
    doc: str
    fields: list[Field] = field(default_factory=list)
    kind: Final = "record"

    def __str__(self) -> str:
        return f"record {self.name}"


@dataclass(eq=False, slots=True)
class Field:
    """A record's field. `default` tells a default of null from none; `pii` is its personal-data tag as written."""

    path: str
    name: str
    type: AvroType
    aliases: tuple[str, ...]
    doc: str
    has_default: bool
    default: Any
    pii: object


AvroType = Primitive | Array | Map | Union | Enum | Fixed | Record


@dataclass(frozen=True, slots=True)
class LogicalType:
    """What a primitive's or a fixed's value means; precision and scale are a decimal's."""

    name: str
    precision: int = 0
    scale: int = 0

    def __str__(self) -> str:
        return f"decimal({self.precision}, {self.scale})" if self.name == "decimal" else self.name


def all_types(root: AvroType) -> Iterator[AvroType]:
    """Every type of the graph, each once, the root first."""
    seen: set[int] = set()
    pending: list[AvroType] = [root]
    while pending:
        each = pending.pop(0)
        if id(each) not in seen:
            seen.add(id(each))
            yield each
            pending.extend(_parts(each))


def all_records(root: AvroType) -> Iterator[Record]:
    """Every record of the graph, each once."""
    return (each for each in all_types(root) if isinstance(each, Record))


def _parts(each: AvroType) -> list[AvroType]:
    match each:
        case Array():
            return [each.items]
        case Map():
            return [each.values]
        case Union():
            return list(each.branches)
        case Record():
            return [field.type for field in each.fields]
        case _:
            return []
