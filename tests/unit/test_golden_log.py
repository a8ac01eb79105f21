"""The feature log's schema of a view that has it all: each aggregate of each type of field, each type of key.

`make golden` writes it anew.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from headwater.schemas import EventSource, FeatureView, Plan, compile_view, difference_of, ratio_of
from headwater.schemas.aggregates import Aggregation
from headwater.schemas.aggregation import AGGREGATES
from headwater.schemas.keys import KeyType
from tests.properties.views import EVENT_SCHEMA, FIELDS, OPTIONS, WITHOUT_FIELD

FILE = Path(__file__).parent / "golden" / "everything.log.jsonl"
KEYS: dict[str, Any] = {
    "name": "string",
    "number": "int",
    "count": "long",
    "flag": "boolean",
    "digest": "bytes",
    "tag": {"type": "fixed", "name": "Tag", "size": 4},
    "place": {"type": "enum", "name": "Place", "symbols": ["HERE", "THERE"]},
    "account": {"type": "string", "logicalType": "uuid"},
}


def everything() -> Plan:
    """The plan of a view over an hour, keyed by a field of each type that can be in a key."""
    features = list[Any]()
    for aggregate, traits in AGGREGATES.items():
        fields: list[str | None] = [field for field, kind in FIELDS.items() if kind in traits.takes]
        for field in [*([None] if aggregate in WITHOUT_FIELD else []), *fields]:
            option = OPTIONS.get(aggregate, ({},))[0]
            name = f"{aggregate}_{field}" if field else aggregate
            features.append(Aggregation(aggregate=aggregate, field=field, over="1h", name=name, **option))
    features += [
        ratio_of("sum_price_1h", "count_1h", name="share"),
        difference_of("max_units_1h", "min_units_1h", name="width"),
    ]
    view = FeatureView(
        name="everything",
        source=EventSource(topic="events", key=[f"of.{name}" for name in KEYS], event_time="at"),
        entity=list(KEYS),
        features=features,
        owner="tests",
        description="Each aggregate, each key.",
    )
    key = {"type": "record", "name": "Of", "fields": [{"name": name, "type": kind} for name, kind in KEYS.items()]}
    fields_of_event = [*EVENT_SCHEMA["fields"], {"name": "of", "type": key}]
    return compile_view(view, {**EVENT_SCHEMA, "fields": fields_of_event})


def text() -> str:
    """The fields of the schema, one a line."""
    return "".join(f"{json.dumps(field)}\n" for field in everything().log.schema_["fields"])


def test_the_log_of_each_aggregate_and_each_key_is_as_it_was_reviewed() -> None:
    assert text() == FILE.read_text(), "run `make golden` and review the difference"


def test_it_does_have_it_all() -> None:
    plan = everything()
    assert {feature.aggregate for feature in plan.features} == set(AGGREGATES)
    assert {field.type for field in plan.entity} == set(get_args(KeyType))
