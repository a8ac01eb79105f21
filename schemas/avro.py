"""Fields of an Avro schema by dotted path, and the part of a schema that a set of paths needs."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fastavro import parse_schema
from fastavro.schema import SchemaParseException, UnknownType

from headwater.schemas.errors import ContractError
from headwater.schemas.plan import ColumnType, Path

_SCALARS: dict[str, ColumnType] = {
    "int": "long",
    "long": "long",
    "float": "double",
    "double": "double",
    "string": "string",
    "bytes": "bytes",
    "boolean": "boolean",
    "enum": "string",
    "fixed": "bytes",
}


_NUMBERS = frozenset({"int", "long", "float", "double"})
_DEEPEST = 8
"""Of the records below which expressions may read fields: schemas may be recursive."""


@dataclass(frozen=True, slots=True)
class AvroField:
    """What stands at a path: the column type it is read as, the Avro type as written, and whether it can be null.

    A decimal is read as a double, and has a `scale`; an array of numbers as a vector.
    """

    type: ColumnType
    avro_type: str
    logical_type: str | None
    nullable: bool
    scale: int | None = None


class AvroRecord:
    """A record schema whose fields are found by path.

    Where an array is exploded, its elements stand in its place.

    Raises:
        ContractError: the schema is not valid Avro, or not a record; or what is to be exploded is not an array.
    """

    def __init__(self, schema: Mapping[str, Any], explode: Path | None = None) -> None:
        """
        Args:
            schema: the schema as parsed JSON.
            explode: the path of an array whose elements are the events.
        """
        try:
            parse_schema(dict(schema))
        except (SchemaParseException, UnknownType, KeyError, TypeError, ValueError) as error:
            raise ContractError(f"not a valid Avro schema: {error!r}") from error
        if schema.get("type") != "record":
            raise ContractError(f"events must be Avro records, not {schema.get('type')!r}")
        self._schema = schema
        self._named: dict[str, Mapping[str, Any]] = {}
        self._register(schema, "")
        self._explode: Path | None = None
        if explode is not None:
            branches, _ = self._at(explode)
            if [_kind(branch) for branch in branches] != ["array"]:
                raise ContractError(f"{'.'.join(explode)} is not an array; name an array, or leave explode out")
            self._explode = explode

    def field(self, path: Path) -> AvroField:
        """What stands at the path.

        Raises:
            ContractError: no such field, or its type cannot be read; the message suggests what could be meant.
        """
        branches, nullable = self._at(path)
        leaves = {self._leaf(branch, path) for branch in branches}
        types = {leaf.type for leaf in leaves}
        if len(types) != 1 or (len(leaves) > 1 and any(leaf.scale is not None for leaf in leaves)):
            kinds = ", ".join(sorted(leaf.logical_type or leaf.avro_type for leaf in leaves))
            raise ContractError(
                f"{'.'.join(path)} is a union of {kinds}, which are not of one type; "
                "name another field, or split it in the producer"
            )
        one = min(leaves, key=lambda leaf: leaf.avro_type != "long")
        return replace(one, nullable=nullable)

    def default(self, path: Path) -> Any:
        """What stands at the path in an event of a writer that lacks the field, or a record it is in; None: nothing."""
        record: Any = self._schema
        for depth, name in enumerate(path):
            declared = next(field for field in record["fields"] if field["name"] == name)
            if value := _below(declared.get("default"), path[depth + 1 :]):
                return value
            branches, _ = self._step(record, path[: depth + 1])
            record = branches[0]
        return None

    def attribute(self, path: Path, name: str) -> Any:
        """What an attribute of this name says of the field at the path; None if the field has none."""
        record: Any = self._schema
        said = None
        for depth, part in enumerate(path):
            said = next(field for field in record["fields"] if field["name"] == part).get(name)
            branches, _ = self._step(record, path[: depth + 1])
            record = branches[0]
        return said

    def scalars(self) -> dict[Path, AvroField]:
        """All fields that have one value in each event, by path."""
        found: dict[Path, AvroField] = {}
        self._gather(self._schema, (), found)
        return found

    def pruned(self, paths: Iterable[Path]) -> dict[str, Any]:
        """The schema reduced to the fields on these paths; names, aliases and defaults stay, so it resolves alike."""
        needed: dict[str, set[str]] = {}
        for path in paths:
            record: Any = self._schema
            for depth, name in enumerate(path):
                needed.setdefault(_full_name(record, ""), set()).add(name)
                branches, _ = self._step(record, path[: depth + 1])
                record = branches[0]
        pruned = self._prune(self._schema, needed, set(), "")
        return dict(pruned)

    def _register(self, schema: Any, namespace: str) -> None:
        if isinstance(schema, list):
            for branch in schema:
                self._register(branch, namespace)
        elif isinstance(schema, Mapping):
            kind = schema.get("type")
            if kind in ("record", "enum", "fixed"):
                full_name = _full_name(schema, namespace)
                inner = full_name.rpartition(".")[0]
                self._named[full_name] = {**schema, "name": full_name.rpartition(".")[2], "namespace": inner}
                for field in schema.get("fields", ()):
                    self._register(field["type"], inner)
                if schema is self._schema:
                    self._schema = self._named[full_name]
            else:
                for part in (kind, schema.get("items"), schema.get("values")):
                    self._register(part, namespace)

    def _at(self, path: Path) -> tuple[list[Any], bool]:
        """The non-null types at a path, with names resolved, and whether there can be a null on the way."""
        branches: list[Any] = [self._schema]
        nullable = False
        for depth in range(len(path)):
            record = branches[0]
            if len(branches) != 1 or _kind(record) != "record":
                above = ".".join(path[:depth])
                raise ContractError(f"{above} is not a record and has no field {path[depth]!r}; name {above} itself")
            branches, optional = self._step(record, path[: depth + 1])
            nullable = nullable or optional
        if not path:
            raise ContractError("an empty path names no field")
        return branches, nullable

    def _step(self, record: Mapping[str, Any], path: Path) -> tuple[list[Any], bool]:
        """The non-null types of the field of a record that the path ends with; of an exploded array, its elements'."""
        found = next((field for field in record["fields"] if field["name"] == path[-1]), None)
        if found is None:
            raise ContractError(_unknown_field(path[:-1], path[-1], [field["name"] for field in record["fields"]]))
        branches, optional = self._branches(found["type"], _namespace(record))
        if path == self._explode:
            return self._branches(branches[0]["items"], _namespace(record))
        return branches, optional

    def _branches(self, schema: Any, namespace: str) -> tuple[list[Any], bool]:
        """The non-null types of a schema, with names resolved, and whether it can be null."""
        branches = schema if isinstance(schema, list) else [schema]
        resolved = [self._resolved(branch, namespace) for branch in branches if branch != "null"]
        return resolved, len(resolved) < len(branches)

    def _resolved(self, branch: Any, namespace: str) -> Any:
        if isinstance(branch, Mapping) and isinstance(branch.get("type"), Mapping | list):
            branch = branch["type"]
        if isinstance(branch, Mapping) and branch.get("type") in ("record", "enum", "fixed"):
            return self._named[_full_name(branch, namespace)]
        if isinstance(branch, str) and branch not in _SCALARS:
            return self._named.get(branch) or self._named.get(f"{namespace}.{branch}") or branch
        return branch

    def _leaf(self, branch: Any, path: Path) -> AvroField:
        avro_type = _kind(branch)
        logical_type = branch.get("logicalType") if isinstance(branch, Mapping) else None
        if avro_type == "array" and _kind(branch["items"]) in _NUMBERS:
            return AvroField("vector", "array", None, nullable=False)
        if avro_type not in _SCALARS:
            raise ContractError(
                f"{'.'.join(path)} is of type {logical_type or avro_type}, which has no single value; "
                f"name a field {'in it' if avro_type == 'record' else 'of another type'}"
            )
        if logical_type == "decimal" and avro_type in ("bytes", "fixed"):
            return AvroField("double", avro_type, logical_type, nullable=False, scale=branch.get("scale", 0))
        return AvroField(_SCALARS[avro_type], avro_type, logical_type, nullable=False)

    def _gather(self, record: Mapping[str, Any], above: Path, found: dict[Path, AvroField]) -> None:
        for field in record["fields"]:
            path = (*above, field["name"])
            branches, _ = self._step(record, path)
            if len(branches) == 1 and _kind(branches[0]) == "record":
                if len(path) < _DEEPEST:
                    self._gather(branches[0], path, found)
                continue
            try:
                leaf = self.field(path)
            except ContractError:
                continue
            if leaf.type != "vector":
                found[path] = leaf

    def _prune(self, record: Mapping[str, Any], needed: dict[str, set[str]], done: set[str], namespace: str) -> Any:
        full_name = _full_name(record, namespace)
        done.add(full_name)
        fields = [
            {**field, "type": self._prune_type(field["type"], needed, done, _namespace(record))}
            for field in record["fields"]
            if field["name"] in needed.get(full_name, ())
        ]
        return {**record, "fields": fields}

    def _prune_type(self, schema: Any, needed: dict[str, set[str]], done: set[str], namespace: str) -> Any:
        if isinstance(schema, list):
            return [self._prune_type(branch, needed, done, namespace) for branch in schema]
        branch = self._resolved(schema, namespace)
        kind = _kind(branch)
        if kind == "array":
            return {**branch, "items": self._prune_type(branch["items"], needed, done, namespace)}
        if not isinstance(branch, Mapping) or kind not in ("record", "enum", "fixed"):
            return schema
        full_name = _full_name(branch, "")
        if full_name in done:
            return full_name
        if kind == "record":
            return self._prune(branch, needed, done, "")
        done.add(full_name)
        return dict(branch)


def without_logical_types(schema: Any) -> Any:
    """The schema with every value as its underlying type: timestamps are whole numbers, not datetimes."""
    return without_attributes(schema, {"logicalType"})


def without_attributes(schema: Any, names: Collection[str]) -> Any:
    """The schema without the attributes of these names, at whatever depth they stand."""
    if isinstance(schema, list):
        return [without_attributes(branch, names) for branch in schema]
    if isinstance(schema, Mapping):
        return {key: without_attributes(value, names) for key, value in schema.items() if key not in names}
    return schema


def _below(default: Any, path: Path) -> Any:
    for name in path:
        default = default.get(name) if isinstance(default, Mapping) else None
    return default


def _kind(schema: Any) -> str:
    return str(schema["type"] if isinstance(schema, Mapping) else schema)


def _full_name(schema: Mapping[str, Any], namespace: str) -> str:
    name: str = schema["name"]
    space = schema.get("namespace", namespace)
    return name if "." in name or not space else f"{space}.{name}"


def _namespace(record: Mapping[str, Any]) -> str:
    space: str = record.get("namespace", "")
    return space


def _unknown_field(parent: Path, name: str, names: list[str]) -> str:
    place = f"{'.'.join(parent)} has" if parent else "the schema has"
    close = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"it has {', '.join(names)}"
    return f"{place} no field {name!r}; {hint}"
