"""Avro's logical types: where each may stand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from headwater.schemas.contracts.types import LogicalType

_ANNOTATES: dict[str, tuple[str, ...]] = {
    "decimal": ("bytes", "fixed"),
    "big-decimal": ("bytes",),
    "uuid": ("string", "fixed"),
    "date": ("int",),
    "time-millis": ("int",),
    "time-micros": ("long",),
    "timestamp-millis": ("long",),
    "timestamp-micros": ("long",),
    "timestamp-nanos": ("long",),
    "local-timestamp-millis": ("long",),
    "local-timestamp-micros": ("long",),
    "local-timestamp-nanos": ("long",),
    "duration": ("fixed",),
}
_FIXED_SIZE = {"uuid": 16, "duration": 12}


def logical_type(schema: Mapping[str, Any], kind: str, size: int) -> tuple[LogicalType | None, str]:
    """The logical type of a schema of this kind (and size, if it is fixed), and what is wrong with it, if anything.

    One that Avro does not define is anybody's own and is passed over, as Avro says.
    """
    name = schema.get("logicalType")
    if not isinstance(name, str) or name not in _ANNOTATES:
        return None, ""
    if kind not in _ANNOTATES[name]:
        return None, f"{name} annotates {' or '.join(_ANNOTATES[name])}, not {kind}"
    if kind == "fixed" and size != _FIXED_SIZE.get(name, size):
        return None, f"{name} has {_FIXED_SIZE[name]} bytes, not {size}"
    if name != "decimal":
        return LogicalType(name), ""
    precision, scale = schema.get("precision"), schema.get("scale", 0)
    if not isinstance(precision, int) or not isinstance(scale, int) or not 0 <= scale <= precision or precision < 1:
        return None, f"a decimal of precision {precision!r} and scale {scale!r} cannot be"
    return LogicalType(name, precision, scale), ""
