"""Fields of an Avro schema by dotted path, and the part of a schema that a set of paths needs."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
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
}


@dataclass(frozen=True, slots=True)
class AvroField:
    """What stands at a path: the column type it is read as, the Avro type as written, and whether it can be null."""

    type: ColumnType
    avro_type: str
    logical_type: str | None
    nullable: bool


class AvroRecord:
    """A record schema whose fields are found by path.

    Raises:
        ContractError: the schema is not valid Avro, or not a record.
    """

    def __init__(self, schema: Mapping[str, Any]) -> None:
        try:
            parse_schema(dict(schema))
        except (SchemaParseException, UnknownType, KeyError, TypeError, ValueError) as error:
            raise ContractError(f"not a valid Avro schema: {error!r}") from error
        if schema.get("type") != "record":
            raise ContractError(f"events must be Avro records, not {schema.get('type')!r}")
        self._schema = schema
        self._named: dict[str, Mapping[str, Any]] = {}
        self._register(schema, "")

    def field(self, path: Path) -> AvroField:
        """What stands at the path.

        Raises:
            ContractError: no such field, or its type cannot be read; the message suggests what could be meant.
        """
        record, nullable = self._schema, False
        for depth, name in enumerate(path):
            found = next((field for field in record["fields"] if field["name"] == name), None)
            if found is None:
                raise ContractError(_unknown_field(path[:depth], name, [field["name"] for field in record["fields"]]))
            branch, optional = self._branch(found["type"], path[: depth + 1], _namespace(record))
            nullable = nullable or optional
            if depth == len(path) - 1:
                return self._leaf(branch, path, nullable)
            if not isinstance(branch, Mapping) or branch.get("type") != "record":
                raise ContractError(
                    f"{'.'.join(path[: depth + 1])} is not a record and has no field {path[depth + 1]!r}"
                )
            record = branch
        raise ContractError("an empty path names no field")

    def pruned(self, paths: Iterable[Path]) -> dict[str, Any]:
        """The schema reduced to the fields on these paths; names, aliases and defaults stay, so it resolves alike."""
        needed: dict[str, set[str]] = {}
        for path in paths:
            record = self._schema
            for depth, name in enumerate(path):
                needed.setdefault(_full_name(record, ""), set()).add(name)
                found = next(field for field in record["fields"] if field["name"] == name)
                branch, _ = self._branch(found["type"], path[: depth + 1], _namespace(record))
                if isinstance(branch, Mapping) and branch.get("type") == "record":
                    record = branch
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

    def _branch(self, schema: Any, path: Path, namespace: str) -> tuple[Any, bool]:
        """The one non-null type of a field, with names resolved, and whether it is optional."""
        branches = schema if isinstance(schema, list) else [schema]
        others = [branch for branch in branches if branch != "null"]
        if len(others) != 1:
            raise ContractError(f"{'.'.join(path)} is a union of {len(others)} types; only ['null', type] can be read")
        branch = others[0]
        if isinstance(branch, Mapping) and isinstance(branch.get("type"), Mapping | list):
            branch = branch["type"]
        if isinstance(branch, Mapping) and branch.get("type") in ("record", "enum", "fixed"):
            branch = self._named[_full_name(branch, namespace)]
        elif isinstance(branch, str) and branch not in _SCALARS:
            branch = self._named.get(branch) or self._named.get(f"{namespace}.{branch}") or branch
        return branch, len(branches) > 1

    @staticmethod
    def _leaf(branch: Any, path: Path, nullable: bool) -> AvroField:
        avro_type = branch["type"] if isinstance(branch, Mapping) else branch
        if avro_type == "array" and branch["items"] in ("float", "double"):
            return AvroField("vector", f"array of {branch['items']}s", None, nullable)
        logical_type = branch.get("logicalType") if isinstance(branch, Mapping) else None
        if avro_type not in _SCALARS or logical_type == "decimal":
            raise ContractError(
                f"{'.'.join(path)} is of type {logical_type or avro_type}, which cannot be aggregated yet"
            )
        return AvroField(_SCALARS[avro_type], avro_type, logical_type, nullable)

    def _prune(self, record: Mapping[str, Any], needed: dict[str, set[str]], done: set[str], namespace: str) -> Any:
        full_name = _full_name(record, namespace)
        done.add(full_name)
        fields = [
            {**field, "type": self._prune_type(field["type"], needed, done, _namespace(record))}
            for field in record["fields"]
            if field["name"] in needed[full_name]
        ]
        return {**record, "fields": fields}

    def _prune_type(self, schema: Any, needed: dict[str, set[str]], done: set[str], namespace: str) -> Any:
        if isinstance(schema, list):
            return [self._prune_type(branch, needed, done, namespace) for branch in schema]
        branch, _ = self._branch(schema, (), namespace) if schema != "null" else ("null", False)
        if not isinstance(branch, Mapping) or branch.get("type") not in ("record", "enum"):
            return schema
        full_name = _full_name(branch, "")
        if full_name in done:
            return full_name
        if branch["type"] == "record":
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
