"""Whether a default, as JSON, is a value of an Avro type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.schemas.contracts.types import Array, AvroType, Enum, Fixed, Map, Primitive, Record, Union

_INT = range(-(2**31), 2**31)
_LONG = range(-(2**63), 2**63)


def default_fault(type_: AvroType, value: Any) -> str | None:
    """What keeps the JSON value from being a default of the type; None if it is one.

    A union's default is of its first type: that is what every version of Avro reads.
    """
    match type_:
        case Primitive():
            return None if _is_primitive(type_.kind, value) else f"is {_shown(value)}, not a {type_.kind}"
        case Union():
            first = type_.branches[0]
            fault = default_fault(first, value)
            return fault and f"{fault}, which is the first type of the union"
        case Enum():
            return None if value in type_.symbols else f"is {_shown(value)}, not a symbol of {type_.name}"
        case Fixed():
            good = _is_primitive("bytes", value) and len(value) == type_.size
            return None if good else f"is {_shown(value)}, not {type_.size} bytes"
        case Array():
            if not isinstance(value, list):
                return f"is {_shown(value)}, not a list"
            return _first_fault((type_.items, each) for each in value)
        case Map():
            if not isinstance(value, Mapping):
                return f"is {_shown(value)}, not an object"
            return _first_fault((type_.values, each) for each in value.values())
        case Record():
            return _record_fault(type_, value)


def _record_fault(record: Record, value: Any) -> str | None:
    if not isinstance(value, Mapping):
        return f"is {_shown(value)}, not an object"
    for field in record.fields:
        if field.name in value:
            fault = default_fault(field.type, value[field.name])
            if fault is not None:
                return f"has a {field.name} that {fault}"
        elif not field.has_default:
            return f"has no {field.name}, which {record.name} needs"
    return None


def _is_primitive(kind: str, value: Any) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    match kind:
        case "null":
            return value is None
        case "int":
            return isinstance(value, int) and value in _INT
        case "long":
            return isinstance(value, int) and value in _LONG
        case "float" | "double":
            return isinstance(value, int | float)
        case "bytes":
            return isinstance(value, str) and all(ord(character) < 256 for character in value)
        case _:
            return kind == "string" and isinstance(value, str)


def _first_fault(values: Any) -> str | None:
    return next((f"has one that {fault}" for type_, value in values if (fault := default_fault(type_, value))), None)


def _shown(value: Any) -> str:
    return "null" if value is None else repr(value)
