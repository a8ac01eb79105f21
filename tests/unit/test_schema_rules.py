"""What makes one schema wrong: Avro itself, names, docs and personal-data tags."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headwater.pipelines.schema_checks import check_directory
from headwater.pipelines.subject_files import load_subjects
from headwater.schemas.contracts.parse import parse
from tests.unit.contract_files import SPENT, SUBJECT, click, field, findings, write_subject

INVALID: dict[str, tuple[Any, str]] = {
    "no type": ({}, "$: has no 'type'"),
    "not a type": (7, "$: 7 is not a type"),
    "unknown type": (click(field("x", "integer")), "$.fields[2].type: there is no type 'integer'"),
    "unknown name": (click(field("x", "Shop")), "$.fields[2].type: there is no type 'Shop'"),
    "a bare complex type": (click(field("x", "array")), "$.fields[2].type: 'array' alone is not a type"),
    "a type within a type": (click(field("x", {"type": {"type": "int"}})), "$.fields[2].type.type: is a type within"),
    "no items": (click(field("x", {"type": "array"})), "$.fields[2].type: the array has no 'items'"),
    "an empty union": (click(field("x", [])), "$.fields[2].type: is a union of nothing"),
    "a nested union": (click(field("x", [["null"], "int"])), "$.fields[2].type[0]: is a union within a union"),
    "a type twice": (click(field("x", ["int", "int"])), "$.fields[2].type[1]: the union has int twice"),
    "no symbols": (click(field("x", {"type": "enum", "name": "E"})), "$.fields[2].type: the enum web.E has no symbols"),
    "a symbol twice": (
        click(field("x", {"type": "enum", "name": "E", "symbols": ["A", "A"]})),
        "$.fields[2].type.symbols[1]: A is there twice",
    ),
    "an unknown default symbol": (
        click(field("x", {"type": "enum", "name": "E", "symbols": ["A"], "default": "B"})),
        "$.fields[2].type.default: 'B' is not one of the symbols",
    ),
    "no size": (click(field("x", {"type": "fixed", "name": "F"})), "$.fields[2].type: the fixed web.F has size None"),
    "a name taken": (
        click(*(field(name, {"type": "fixed", "name": "F", "size": 1}) for name in "xy")),
        "$.fields[3].type: the name web.F is taken",
    ),
    "two fields of a name": (click(SPENT, SPENT), "$.fields[3]: web.Click has two fields spent"),
    "an alias taken": (click(field("x", "int", aliases=["user"])), "the alias 'user' of x is also a name of user"),
    "a default of another type": (
        click(field("x", "int", default="1")),
        "$.fields[2].default: the default of x is '1', not a int",
    ),
    "a default of the second type": (
        click(field("x", ["int", "null"], default=None)),
        "the default of x is null, not a int, which is the first type",
    ),
    "a default out of range": (click(field("x", "int", default=2**31)), "$.fields[2].default"),
    "a record's default": (
        click(field("x", {"type": "record", "name": "R", "fields": [field("y", "int")]}, default={})),
        "the default of x has no y, which web.R needs",
    ),
    "a misplaced logical type": (
        click(field("x", {"type": "int", "logicalType": "timestamp-millis"})),
        "$.fields[2].type.logicalType: timestamp-millis annotates long, not int",
    ),
    "an impossible decimal": (
        click(field("x", {"type": "bytes", "logicalType": "decimal", "precision": 2, "scale": 3})),
        "a decimal of precision 2 and scale 3 cannot be",
    ),
    "no record": ("long", "$: is long, but events are records"),
}


@pytest.mark.parametrize("case", INVALID)
def test_what_avro_does_not_allow_is_told_with_its_json_path(tmp_path: Path, case: str) -> None:
    schema, told = INVALID[case]
    found = findings(write_subject(tmp_path, [schema]))
    assert [each for each in found if told in each and each.startswith(f"{SUBJECT}/v1.avsc $")], found


def test_types_that_refer_to_each_other_and_to_themselves_are_valid() -> None:
    tree = {
        "type": "record",
        "name": "Tree",
        "namespace": "a.b",
        "fields": [
            field("kind", {"type": "enum", "name": "Kind", "symbols": ["A"]}),
            field("next", ["null", "Tree"]),
            field("other", "a.b.Kind", default="A"),
            field("all", {"type": "map", "values": "Tree"}),
        ],
    }
    assert parse(tree)[1] == []


STYLE: dict[str, tuple[Any, str, str]] = {
    "no doc": (click(field("x", "int", doc=" ")), "docs", "$.fields[2]: x has no doc"),
    "no tag": (
        click({"name": "x", "type": "int", "doc": "X."}),
        "personal-data",
        "$.fields[2]: x does not say whether it is personal data",
    ),
    "an unknown tag": (
        click(field("x", "int", **{"headwater.pii": "maybe"})),
        "personal-data",
        "$.fields[2][\"headwater.pii\"]: 'maybe' is no class of personal data",
    ),
    "a field's name": (
        click(field("spentToday", "int")),
        "naming",
        "$.fields[2].name: 'spentToday' is not written like",
    ),
    "a symbol": (
        click(field("x", {"type": "enum", "name": "E", "symbols": ["red"]})),
        "naming",
        "$.fields[2].type.symbols[0]",
    ),
    "a record's name": (click(name="click"), "naming", "$.name: 'click' is not written like OneType"),
    "no namespace": (click(namespace=""), "naming", "$: the record Click has no lower-case namespace"),
}


@pytest.mark.parametrize("case", STYLE)
def test_names_docs_and_tags_are_required_of_every_field(tmp_path: Path, case: str) -> None:
    schema, rule, told = STYLE[case]
    root = write_subject(tmp_path, [schema])
    (found,) = findings(root)
    assert told in found
    assert {each.rule for each in check_directory(load_subjects(root))} == {rule}


@pytest.mark.parametrize("case", STYLE)
def test_a_subject_that_is_older_than_a_rule_may_waive_it(tmp_path: Path, case: str) -> None:
    schema, rule, _ = STYLE[case]
    assert findings(write_subject(tmp_path, [schema], more=f'waive = ["{rule}"]')) == []


def test_a_record_is_tagged_in_its_fields(tmp_path: Path) -> None:
    item = {"type": "record", "name": "Item", "fields": [field("sku", "string")]}
    untagged = {"name": "items", "type": {"type": "array", "items": item}, "doc": "What was bought."}
    assert findings(write_subject(tmp_path, [click(untagged)])) == []


def test_a_subject_is_the_values_or_keys_of_a_topic(tmp_path: Path) -> None:
    assert (
        "'clicks' names no topic's values or keys" in findings(write_subject(tmp_path, [click()], subject="clicks"))[0]
    )


def test_the_key_of_a_topic_need_not_be_a_record(tmp_path: Path) -> None:
    assert findings(write_subject(tmp_path, ["long"], subject="clicks-key")) == []
