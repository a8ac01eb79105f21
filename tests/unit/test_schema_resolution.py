"""Who can read whom: the checker says of every pair of schemas what a reader meets when it tries."""

from __future__ import annotations

import copy
import io
from collections import Counter
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.read import SchemaResolutionError
from hypothesis import HealthCheck, assume, given, settings

from headwater.schemas.contracts.parse import parse
from headwater.schemas.contracts.resolution import Break, breaks, defaulted
from headwater.schemas.contracts.types import AvroType
from tests.unit.avro_pairs import covering_values, schema_pairs

_verdicts: Counter[bool] = Counter()


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(schema_pairs())
def compare_with_fastavro(pair: tuple[Any, Any]) -> None:
    reader, writer = pair
    readable = not breaks(types_of(reader), types_of(writer))
    _verdicts[readable] += 1
    assert fastavro_reads(reader, writer) == readable


def test_the_checker_agrees_with_what_fastavro_can_read() -> None:
    _verdicts.clear()
    compare_with_fastavro()
    assert min(_verdicts[True], _verdicts[False]) >= 20  # both verdicts are met, each often


def fastavro_reads(reader: Any, writer: Any) -> bool:
    """Whether every value of the writer, each choice of its schema met at least once, can be read."""
    written, read = parse_schema(copy.deepcopy(writer)), parse_schema(copy.deepcopy(reader))
    for value in covering_values(written):
        data = io.BytesIO()
        schemaless_writer(data, written, value)
        data.seek(0)
        try:
            schemaless_reader(data, written, read)
        except SchemaResolutionError:
            return False
        except TypeError:
            assume(False)  # fastavro trips over a type that one side defines where the other refers to it by name
    return True


def types_of(schema: Any) -> AvroType:
    root, faults = parse(schema)
    assert root is not None
    assert faults == []
    return root


def record(*fields: Any, name: str = "Event", **more: Any) -> dict[str, Any]:
    return {"type": "record", "name": name, **more, "fields": list(fields)}


def field(type_: Any, name: str = "x", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": type_, **more}


def of(type_: Any, **more: Any) -> dict[str, Any]:
    return record(field(type_, **more))


def enum(*symbols: str, **more: Any) -> dict[str, Any]:
    return {"type": "enum", "name": "Colour", "symbols": list(symbols), **more}


def fixed(size: int, name: str = "Hash", **more: Any) -> dict[str, Any]:
    return {"type": "fixed", "name": name, "size": size, **more}


def logical(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "logicalType": name, **more}


NUMBERS = ("int", "long", "float", "double")
TREE = record(field("int"), field(["null", "Event"], name="next", default=None))
LONG_TREE = record(field("long"), field(["null", "Event"], name="next", default=None))
TEXT_TREE = record(field("string"), field(["null", "Event"], name="next", default=None))
MANY = {"type": "array", "items": "int"}

READABLE = {
    **{f"{writer}_as_{reader}": (of(reader), of(writer)) for i, writer in enumerate(NUMBERS) for reader in NUMBERS[i:]},
    "string_as_bytes": (of("bytes"), of("string")),
    "bytes_as_string": (of("string"), of("bytes")),
    "a_new_field_with_default": (record(field("int"), field("int", name="y", default=0)), of("int")),
    "a_removed_field": (of("int"), record(field("int"), field("int", name="y"))),
    "a_renamed_field": (record(field("int", name="y", aliases=["x"])), of("int")),
    "a_renamed_record": (record(field("int"), name="Sale", aliases=["Event"]), of("int")),
    "a_moved_record": (record(field("int"), namespace="a"), record(field("int"), namespace="b")),
    "fewer_symbols_with_default": (of(enum("RED", default="RED")), of(enum("RED", "BLUE"))),
    "symbols_in_another_order": (of(enum("BLUE", "RED")), of(enum("RED", "BLUE"))),
    "a_renamed_fixed": (of(fixed(2, "Sum", aliases=["Hash"])), of(fixed(2))),
    "optional_now": (of(["null", "int"]), of("int")),
    "promoted_into_a_union": (of(["null", "long"]), of("int")),
    "a_union_of_which_each_fits": (of("double"), of(["int", "float"])),
    "deep_promotion": (
        of({"type": "map", "values": {"type": "array", "items": "long"}}),
        of({"type": "map", "values": MANY}),
    ),
    "recursion_with_promotion": (LONG_TREE, TREE),
    "another_logical_type_on_one_side_only": (of("long"), of(logical("long", "timestamp-millis"))),
    "a_more_precise_decimal": (
        of(logical("bytes", "decimal", precision=9, scale=2)),
        of(logical("bytes", "decimal", precision=4, scale=2)),
    ),
}

NOT_READABLE = {
    **{
        f"{writer}_as_{reader}": (
            of(reader),
            of(writer),
            f"x is {reader}, but {writer} was written",
            "$.fields[0].type",
        )
        for i, reader in enumerate(NUMBERS)
        for writer in NUMBERS[i + 1 :]
    },
    "bytes_as_fixed": (
        of(fixed(1)),
        of("bytes"),
        "x is fixed Hash of 1 bytes, but bytes was written",
        "$.fields[0].type",
    ),
    "enum_as_string": (of("string"), of(enum("RED")), "x is string, but enum Colour was written", "$.fields[0].type"),
    "no_default": (
        record(field("int"), field("int", name="y")),
        of("int"),
        "y was not written, and has no default",
        "$.fields[1]",
    ),
    "renamed_without_alias": (record(field("int", name="y")), of("int"), "y was not written", "$.fields[0]"),
    "an_alias_too_many": (
        record(field("int", aliases=["y"])),
        record(field("int"), field("int", name="y")),
        "x could be either of x and y of the writer",
        "$.fields[0]",
    ),
    "another_record": (
        record(field("int"), name="Sale"),
        of("int"),
        " is the record Sale, but the record Event was written",
        "$",
    ),
    "an_unknown_symbol": (of(enum("RED")), of(enum("RED", "BLUE")), "x knows no symbol BLUE", "$.fields[0].type"),
    "another_size": (of(fixed(1)), of(fixed(2)), "x has 1 bytes, but 2 were written", "$.fields[0].type"),
    "no_longer_optional": (of("int"), of(["null", "int"]), "x is int, but null was written", "$.fields[0].type"),
    "no_branch": (of(["null", "int"]), of("boolean"), "none of which can take the boolean", "$.fields[0].type"),
    "deep": (
        of({"type": "array", "items": record(field("int", name="a"), name="Item")}),
        of({"type": "array", "items": record(field("string", name="a"), name="Item")}),
        "x.a is int, but string was written",
        "$.fields[0].type.items.fields[0].type",
    ),
    "within_an_optional_record": (
        of(["null", record(field("int", name="a"), name="Item")]),
        of(["null", record(field("string", name="a"), name="Item")]),
        "x.a is int, but string was written",
        "$.fields[0].type[1].fields[0].type",
    ),
    "within_recursion": (LONG_TREE, TEXT_TREE, "x is long, but string was written", "$.fields[0].type"),
    "the_same_name_in_a_union_is_the_one_that_counts": (
        of(
            [
                record(field("int", name="a"), name="A", namespace="n"),
                record(field("string", name="a"), name="A", namespace="m"),
            ]
        ),
        of(record(field("string", name="a"), name="A", namespace="n")),
        "x.a is int, but string was written",
        "$.fields[0].type[0].fields[0].type",
    ),
}

MISREAD = {
    "another_unit": (of(logical("long", "timestamp-millis")), of(logical("long", "timestamp-micros"))),
    "another_scale": (
        of(logical("bytes", "decimal", precision=9, scale=3)),
        of(logical("bytes", "decimal", precision=9, scale=2)),
    ),
    "a_narrower_decimal": (
        of(fixed(8, logicalType="decimal", precision=4)),
        of(fixed(8, logicalType="decimal", precision=9)),
    ),
    "a_promoted_date": (of(logical("long", "timestamp-millis")), of(logical("int", "date"))),
}


@pytest.mark.parametrize("case", READABLE)
def test_what_avro_resolves_is_readable(case: str) -> None:
    reader, writer = READABLE[case]
    assert breaks(types_of(reader), types_of(writer)) == []


@pytest.mark.parametrize("case", NOT_READABLE)
def test_a_break_is_told_with_field_and_json_path(case: str) -> None:
    reader, writer, what, path = NOT_READABLE[case]
    found = breaks(types_of(reader), types_of(writer))
    assert [told(each) for each in found if what in told(each)], found
    assert {each.kind for each in found} == {"unreadable"}
    assert path in {each.reader_path for each in found}
    assert all(each.remedy for each in found)


@pytest.mark.parametrize("case", MISREAD)
def test_a_value_that_would_mean_something_else_is_a_break_though_it_can_be_read(case: str) -> None:
    reader, writer = MISREAD[case]
    assert [each.kind for each in breaks(types_of(reader), types_of(writer))] == ["misread"]


def test_every_break_is_told_and_not_only_the_first() -> None:
    reader = record(field("int"), field(enum("RED"), name="y"), field("int", name="z"))
    writer = record(field("string"), field(enum("RED", "BLUE"), name="y"))
    assert [each.field for each in breaks(types_of(reader), types_of(writer))] == [("z",), ("x",), ("y",)]


def test_a_field_that_gets_its_default_is_known_with_it() -> None:
    reader = of(["null", record(field("int", name="a"), field("int", name="b", default=7), name="Item")])
    writer = of(record(field("int", name="a"), name="Item"))
    assert defaulted(types_of(reader), types_of(writer)) == [(("x", "b"), 7)]


def told(found: Break) -> str:
    return f"{'.'.join(found.field)} {found.what}"
