"""When two Avro schemas are the same one, and the digest by which a published version is known again.

Blanks, the order of attributes and other ways to write the same are passed over, since registries rewrite them.
All that anyone could read out of the schema counts: docs, defaults, aliases and tags too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from headwater.schemas.avro import without_attributes

_NAMED = ("record", "enum", "fixed")
_IMPLIED = {"order": "ascending", "aliases": []}


def same(one: Any, other: Any) -> bool:
    """Whether two schemas, as JSON, are the same."""
    return canonical_text(one) == canonical_text(other)


def same_but_for_texts(one: Any, other: Any) -> bool:
    """Whether two schemas differ in docs and aliases at most: Apicurio does not tell such schemas apart."""
    return same(*(without_attributes(_canonical(each, ""), ("doc", "aliases")) for each in (one, other)))


def digest(schema: Any) -> str:
    """`sha256:` and the SHA-256 of the schema in its canonical form, in hexadecimal."""
    return f"sha256:{hashlib.sha256(canonical_text(schema).encode()).hexdigest()}"


def canonical_text(schema: Any) -> str:
    """The schema as JSON with full names, sorted attributes and no blanks."""
    return json.dumps(_canonical(schema, ""), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _canonical(schema: Any, namespace: str) -> Any:
    if isinstance(schema, str):
        return _full_name(schema, namespace) if schema not in _BUILT_IN else schema
    if isinstance(schema, list):
        return [_canonical(branch, namespace) for branch in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept = {key: value for key, value in schema.items() if key not in _IMPLIED or value != _IMPLIED[key]}
    if set(kept) == {"type"}:
        return _canonical(kept["type"], namespace)
    if kept.get("type") in _NAMED and isinstance(kept.get("name"), str):
        return _named(kept, namespace)
    for key in ("type", "items", "values"):
        if key in kept:
            kept[key] = _canonical(kept[key], namespace)
    return kept


def _named(schema: dict[str, Any], namespace: str) -> dict[str, Any]:
    name = _full_name(schema["name"], schema.pop("namespace", namespace))
    inner = name.rpartition(".")[0]
    schema["name"] = name
    if isinstance(schema.get("aliases"), list):
        schema["aliases"] = [_full_name(str(alias), inner) for alias in schema["aliases"]]
    if isinstance(schema.get("fields"), list):
        schema["fields"] = [_field(field, inner) for field in schema["fields"]]
    return schema


def _field(field: Any, namespace: str) -> Any:
    if not isinstance(field, Mapping):
        return field
    kept = {key: value for key, value in field.items() if key not in _IMPLIED or value != _IMPLIED[key]}
    return {**kept, "type": _canonical(kept.get("type"), namespace)}


def _full_name(name: str, namespace: Any) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


_BUILT_IN = frozenset(
    ("null", "boolean", "int", "long", "float", "double", "bytes", "string", "array", "map", "record", "enum", "fixed")
)
