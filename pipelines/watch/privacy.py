"""What a log line may say of a key or a value: itself, where its fields are tagged as no personal data, else a hash.

A hash tells which lines are about one key, and lets who knows a key find its lines. It hides no key from those who can
try all that there are.
"""

from __future__ import annotations

import hashlib
from typing import Any

from headwater.schemas.avro import AvroRecord
from headwater.schemas.contracts.parse import PII_ATTRIBUTE
from headwater.schemas.keys import decode_key
from headwater.schemas.plan import Feature, Input, Plan

NO_PERSONAL_DATA = "none"
_HASH_DIGITS = 16


class Privacy:
    """What may be said of a view's keys and values."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._keys_may_be_named = all(
            _is_open(plan, source, part) for source, each in enumerate(plan.sources) for part in each.key
        )
        open_columns = [
            all(_is_open(plan, source, each.columns[column]) for source, each in enumerate(plan.sources))
            for column in range(len(plan.columns))
        ]
        self._open = {feature.name for feature in plan.features if _follows_from(plan, feature, open_columns)}

    def key(self, key: bytes) -> str:
        """The key's fields if all may be named, else the hash of its canonical bytes."""
        if self._keys_may_be_named:
            return str(decode_key(self._plan.entity, key))
        return f"sha256:{hashlib.sha256(key).hexdigest()[:_HASH_DIGITS]}"

    def value(self, feature: str, value: Any) -> Any:
        """The value if all that it is made of may be told, else the hash of its text."""
        if feature in self._open or value is None:
            return value.hex() if isinstance(value, bytes) else value
        return f"sha256:{hashlib.sha256(repr(value).encode()).hexdigest()[:_HASH_DIGITS]}"


def _follows_from(plan: Plan, feature: Feature, open_columns: list[bool]) -> bool:
    if feature.inputs is not None:
        return all(_follows_from(plan, plan.features[number], open_columns) for number in feature.inputs)
    return all(open_columns[column] for column in (feature.column, feature.weight) if column is not None)


def _is_open(plan: Plan, source: int, given: Input | None) -> bool:
    """Whether what a source gives may be told: nothing, or a field that is tagged so; of an expression nobody knows."""
    if given is None:
        return True
    declared = plan.sources[source]
    schema = AvroRecord(declared.reader_schema, declared.explode)
    return given.path is not None and schema.attribute(given.path, PII_ATTRIBUTE) == NO_PERSONAL_DATA
