"""Which records of an event topic may be of certain keys, told from their bytes, without decoding them.

A key's text stands in a record of its own as it stands in the key; so does a whole number, as the same varint. A record
without those bytes is of none of the keys, and looking for them takes a microsecond, where decoding takes a hundred.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from headwater.schemas.avro import AvroRecord
from headwater.schemas.keys import EntityField, KeyValue, decode_key, encode_key
from headwater.schemas.plan import Plan, SourcePlan

_AS_WRITTEN = frozenset({"string", "bytes", "fixed", "int", "long"})


class KeyFilter:
    """Of some keys of a plan."""

    def __init__(self, plan: Plan, keys: Iterable[bytes]) -> None:
        entities = [decode_key(plan.entity, key) for key in keys]
        self._patterns = [_pattern(plan, source, entities) for source in plan.sources]

    def may_hold(self, source: int, record: bytes) -> bool:
        """Whether this record of the plan's source of this index may have an event of one of the keys."""
        pattern = self._patterns[source]
        return pattern is None or pattern.search(record) is not None


def _pattern(plan: Plan, source: SourcePlan, entities: list[dict[str, KeyValue]]) -> re.Pattern[bytes] | None:
    """What finds the longest part of each key; None where no part of a key stands in records as it is."""
    parts = [
        field
        for field, given in zip(plan.entity, source.key, strict=True)
        if given.path is not None and _is_as_written(source, given.path)
    ]
    if not parts:
        return None
    longest = {max((_written(field, entity[field.name]) for field in parts), key=len) for entity in entities}
    return re.compile(b"|".join(map(re.escape, sorted(longest))))


def _is_as_written(source: SourcePlan, path: tuple[str, ...]) -> bool:
    """A default may stand for a field that a record lacks, and an enum's text stands in the schema alone."""
    schema = AvroRecord(source.reader_schema, source.explode)
    return schema.field(path).avro_type in _AS_WRITTEN and schema.default(path) is None


def _written(field: EntityField, value: KeyValue) -> bytes:
    if isinstance(value, str):
        return value.encode()
    return value if isinstance(value, bytes) else encode_key([field], {field.name: value})
