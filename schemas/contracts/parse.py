"""From the JSON of an Avro schema to its types, with everything that makes it invalid.

The rules are those of the Avro specification 1.12 as Avro's Java library, which the job reads with, enforces them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

from headwater.schemas.contracts.defaults import default_fault
from headwater.schemas.contracts.findings import Finding
from headwater.schemas.contracts.logical import logical_type
from headwater.schemas.contracts.types import (
    PRIMITIVES,
    Array,
    AvroType,
    Enum,
    Field,
    Fixed,
    Map,
    Primitive,
    Record,
    Union,
)

PII_ATTRIBUTE = "headwater.pii"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FULL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_COMPLEX = ("array", "map", "enum", "fixed", "record")


def parse(schema: Any) -> tuple[AvroType | None, list[Finding]]:
    """The types of the schema, or None where it is too broken to be followed, and every fault in it."""
    parser = _Parser()
    root = parser.type(schema, "$", "")
    parser.check_defaults()
    return root, parser.findings


class _Parser:
    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self._named: dict[str, Enum | Fixed | Record] = {}
        self._fields: list[Field] = []

    def type(self, schema: Any, path: str, namespace: str) -> AvroType | None:
        if isinstance(schema, str):
            return self._by_name(schema, path, namespace)
        if isinstance(schema, list):
            return self._union(schema, path, namespace)
        if not isinstance(schema, Mapping):
            return self._broken(path, f"{schema!r} is not a type", "write a name, an object or a list of types")
        kind = schema.get("type")
        if kind is None:
            return self._broken(path, "has no 'type'", "say which type it is")
        if not isinstance(kind, str):
            return self._broken(
                f"{path}.type", "is a type within a type", "write the inner type in place of the outer one"
            )
        if kind in PRIMITIVES:
            return Primitive(path, kind, self._logical(schema, path, kind))
        if kind in _COMPLEX:
            build: Callable[..., AvroType | None] = getattr(self, f"_{kind}")
            return build(schema, path, namespace)
        return self._by_name(kind, f"{path}.type", namespace)

    def check_defaults(self) -> None:
        """To be called once all names are known."""
        for field in self._fields:
            fault = default_fault(field.type, field.default) if field.has_default else None
            if fault is not None:
                self._fault(f"{field.path}.default", f"the default of {field.name} {fault}", "give one of its type")

    def _by_name(self, name: str, path: str, namespace: str) -> AvroType | None:
        if name in PRIMITIVES:
            return Primitive(path, name)
        found = self._named.get(_full_name(name, namespace)) or self._named.get(name)
        if found is not None:
            return found
        if name in _COMPLEX:
            return self._broken(path, f"{name!r} alone is not a type", f'write {{"type": "{name}", …}}')
        close = difflib.get_close_matches(name, [*PRIMITIVES, *_COMPLEX, *self._named], n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "define it in this file, before it is used"
        return self._broken(path, f"there is no type {name!r}", remedy)

    def _union(self, schema: list[Any], path: str, namespace: str) -> AvroType | None:
        if not schema:
            return self._broken(path, "is a union of nothing", "name its types")
        branches: list[AvroType] = []
        taken: set[str] = set()
        for index, part in enumerate(schema):
            place = f"{path}[{index}]"
            branch = self.type(part, place, namespace)
            if isinstance(branch, Union):
                self._fault(place, "is a union within a union", "put all types into one")
            elif branch is not None:
                name = branch.name if isinstance(branch, Enum | Fixed | Record) else branch.kind
                if name in taken:
                    self._fault(place, f"the union has {name} twice", "remove one, or give it a name of its own")
                taken.add(name)
                branches.append(branch)
        return Union(path, tuple(branches)) if len(branches) == len(schema) else None

    def _array(self, schema: Mapping[str, Any], path: str, namespace: str) -> AvroType | None:
        items = self._part(schema, "items", path, namespace)
        return items and Array(path, items)

    def _map(self, schema: Mapping[str, Any], path: str, namespace: str) -> AvroType | None:
        values = self._part(schema, "values", path, namespace)
        return values and Map(path, values)

    def _part(self, schema: Mapping[str, Any], name: str, path: str, namespace: str) -> AvroType | None:
        if name not in schema:
            return self._broken(path, f"the {schema['type']} has no {name!r}", "say what it holds")
        return self.type(schema[name], f"{path}.{name}", namespace)

    def _enum(self, schema: Mapping[str, Any], path: str, namespace: str) -> AvroType | None:
        name, inner = self._name(schema, path, namespace)
        symbols = schema.get("symbols")
        if not isinstance(symbols, list) or not symbols:
            return self._broken(path, f"the enum {name} has no symbols", 'list them in "symbols"')
        for index, symbol in enumerate(symbols):
            if not isinstance(symbol, str) or not _NAME.fullmatch(symbol):
                self._fault(f"{path}.symbols[{index}]", f"{symbol!r} is not a name", "use letters, digits and _")
            elif symbol in symbols[:index]:
                self._fault(f"{path}.symbols[{index}]", f"{symbol} is there twice", "remove one")
        default = schema.get("default")
        if default is not None and default not in symbols:
            self._fault(f"{path}.default", f"{default!r} is not one of the symbols of {name}", "choose one of them")
        enum = Enum(path, name, self._aliases(schema, path, inner), tuple(map(str, symbols)), default)
        return self._define(enum)

    def _fixed(self, schema: Mapping[str, Any], path: str, namespace: str) -> AvroType | None:
        name, inner = self._name(schema, path, namespace)
        size = schema.get("size")
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            return self._broken(path, f"the fixed {name} has size {size!r}", "give its number of bytes")
        logical = self._logical(schema, path, "fixed", size)
        return self._define(Fixed(path, name, self._aliases(schema, path, inner), size, logical))

    def _record(self, schema: Mapping[str, Any], path: str, namespace: str) -> AvroType | None:
        name, inner = self._name(schema, path, namespace)
        doc = schema.get("doc")
        record = Record(path, name, self._aliases(schema, path, inner), doc if isinstance(doc, str) else "")
        self._define(record)
        fields = schema.get("fields")
        if not isinstance(fields, list):
            return self._broken(path, f"the record {name} has no fields", 'list them in "fields"')
        taken: set[str] = set()
        for index, each in enumerate(fields):
            place = f"{path}.fields[{index}]"
            field = self._field(each, place, inner)
            if field is not None:
                if field.name in taken:
                    self._fault(place, f"{name} has two fields {field.name}", "rename one")
                taken.add(field.name)
                record.fields.append(field)
        self._check_field_aliases(record)
        return record

    def _field(self, schema: Any, path: str, namespace: str) -> Field | None:
        if not isinstance(schema, Mapping) or not isinstance(schema.get("name"), str):
            self._fault(path, "a field is an object with a name and a type", 'write {"name": …, "type": …}')
            return None
        name, doc = schema["name"], schema.get("doc")
        if not _NAME.fullmatch(name):
            self._fault(f"{path}.name", f"{name!r} is not a name", "use letters, digits and _")
        if "type" not in schema:
            self._fault(path, f"the field {name} has no type", 'say it in "type"')
            return None
        kind = self.type(schema["type"], f"{path}.type", namespace)
        if kind is None:
            return None
        field = Field(
            path=path,
            name=name,
            type=kind,
            aliases=self._aliases(schema, path, ""),
            doc=doc if isinstance(doc, str) else "",
            has_default="default" in schema,
            default=schema.get("default"),
            pii=schema.get(PII_ATTRIBUTE),
        )
        self._fields.append(field)
        return field

    def _check_field_aliases(self, record: Record) -> None:
        """An alias that could mean two fields is resolved differently by different libraries."""
        owner = {field.name: field.name for field in record.fields}
        for field in record.fields:
            for alias in field.aliases:
                other = owner.setdefault(alias, field.name)
                if other != field.name:
                    what = f"the alias {alias!r} of {field.name} is also a name of {other}"
                    self._fault(f"{field.path}.aliases", what, "remove it from one of them")

    def _name(self, schema: Mapping[str, Any], path: str, namespace: str) -> tuple[str, str]:
        """The full name of a named type, and the namespace that holds within it."""
        name, space = schema.get("name"), schema.get("namespace", namespace)
        if not isinstance(name, str) or not _FULL_NAME.fullmatch(name):
            self._fault(path, f"the {schema['type']} has the name {name!r}", "use letters, digits and _")
            name = f"unnamed{len(self.findings)}"
        if not isinstance(space, str) or not (space == "" or _FULL_NAME.fullmatch(space)):
            self._fault(f"{path}.namespace", f"{space!r} is not a namespace", "use names with dots between them")
            space = ""
        full = _full_name(name, space)
        return full, full.rpartition(".")[0]

    def _aliases(self, schema: Mapping[str, Any], path: str, namespace: str) -> tuple[str, ...]:
        aliases = schema.get("aliases", [])
        if not isinstance(aliases, list) or not all(isinstance(a, str) and _FULL_NAME.fullmatch(a) for a in aliases):
            self._fault(f"{path}.aliases", f"{aliases!r} is not a list of names", 'write ["a_name"]')
            return ()
        return tuple(_full_name(alias, namespace) for alias in aliases)

    def _define(self, named: Enum | Fixed | Record) -> Enum | Fixed | Record:
        if named.name in self._named or named.name in PRIMITIVES:
            self._fault(named.path, f"the name {named.name} is taken", "refer to it by name, or choose another")
        self._named.setdefault(named.name, named)
        return named

    def _logical(self, schema: Mapping[str, Any], path: str, kind: str, size: int = 0) -> Any:
        found, fault = logical_type(schema, kind, size)
        if fault:
            self._fault(f"{path}.logicalType", fault, "Avro would ignore it")
        return found

    def _broken(self, path: str, what: str, remedy: str) -> AvroType | None:
        """Notes a fault behind which the schema cannot be followed."""
        self._fault(path, what, remedy)
        return None

    def _fault(self, path: str, what: str, remedy: str) -> None:
        self.findings.append(Finding("avro", path, what, remedy))


def _full_name(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"
