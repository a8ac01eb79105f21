"""Which letters are meant, what can be read of each, and what becomes of it."""

from __future__ import annotations

import io
import json
import math
import struct
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from rich.console import Console

from headwater.pipelines.commands.dead_letter_options import instant_ms
from headwater.pipelines.commands.dead_letter_tables import (
    counts_table,
    letters_table,
    print_letter,
    repetition_warning,
)
from headwater.pipelines.dead_letters.explanation import as_json, body_of, hex_dump, instant_text
from headwater.pipelines.dead_letters.framed_avro import FramedAvro
from headwater.pipelines.dead_letters.handling import outstanding
from headwater.pipelines.dead_letters.letter import DeadLetter, Position, Selection
from headwater.pipelines.dead_letters.marks import Mark
from headwater.pipelines.registry import Registry
from headwater.schemas.dead_letter import DEAD_LETTER_SCHEMA, not_met
from headwater.schemas.errors import FormatError
from headwater.schemas.keys import encode_key
from headwater.schemas.plan import Deduplication
from tests.dead_letters import AT_MS, letter, letter_fields
from tests.feature_log_rows import make_plan

KERNEL_TESTS = Path(__file__).parents[2] / "operators/kernel/src/test/resources/dev/headwater/kernel"
SCHEMA_OF_KERNEL_TESTS = KERNEL_TESTS / "decode/dead_letter.avsc"

PLAN = make_plan()
PURCHASE = {
    "type": "record",
    "name": "Purchase",
    "fields": [
        {"name": "customer_id", "type": "string"},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
        {"name": "amount", "type": "double"},
        {"name": "photo", "type": "bytes"},
    ],
}


class KnownSchemas(Registry):
    """A registry that has these schemas and no server."""

    def __init__(self, **texts: object) -> None:
        self._texts = {int(name.strip("_")): json.dumps(schema) for name, schema in texts.items()}

    def schema_text(self, schema_id: int) -> str | None:
        return self._texts.get(schema_id)


def purchase(schema_id: int = 7, amount: float = 2.5) -> bytes:
    buffer = io.BytesIO()
    buffer.write(struct.pack(">bI", 0, schema_id))
    fields = {"customer_id": "anna", "at": AT_MS, "amount": amount, "photo": b"\xff\x00"}
    schemaless_writer(buffer, parse_schema(PURCHASE), fields)
    return buffer.getvalue()


def body(value: bytes | None, **fields: Any) -> Any:
    return body_of(letter(value=value, **fields), FramedAvro(KnownSchemas(_7=PURCHASE, _8="not a schema")))


def schema_text() -> str:
    return json.dumps(DEAD_LETTER_SCHEMA, indent=1) + "\n"


def test_the_kernels_tests_write_letters_in_the_schema_that_is_registered() -> None:
    assert SCHEMA_OF_KERNEL_TESTS.read_text() == schema_text(), "run `make golden`"


@pytest.mark.parametrize("text", ["shop.purchases-2@17", "a-b.c_d-0@9223372036854775807"])
def test_a_position_is_read_as_it_is_written(text: str) -> None:
    assert str(Position.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["shop.purchases", "shop.purchases-2", "shop.purchases@17", "-2@17", "t-2@x", "t-2@1 "]
)
def test_what_is_no_position_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(FormatError, match=r"such as shop\.purchases-2@17"):
        Position.parse(text)


@pytest.mark.parametrize(
    ("selection", "meant"),
    [
        (Selection(), True),
        (Selection(reasons=frozenset({"truncated", "malformed"})), True),
        (Selection(reasons=frozenset({"malformed"})), False),
        (Selection(since_ms=AT_MS, until_ms=AT_MS + 1), True),
        (Selection(since_ms=AT_MS + 1), False),
        (Selection(until_ms=AT_MS), False),
        (Selection(schema_id=7), True),
        (Selection(schema_id=8), False),
        (Selection(topic="shop.purchases", partition=2), True),
        (Selection(topic="shop.refunds"), False),
        (Selection(partition=0), False),
        (Selection(generation=1), True),
        (Selection(generation=0), False),
    ],
)
def test_a_selection_means_what_all_of_its_parts_mean(selection: Selection, meant: bool) -> None:
    assert selection.includes(letter()) is meant


def test_letters_are_chosen_by_any_expectation_that_their_events_did_not_meet() -> None:
    detail = not_met([("dear", "amount < 10.0"), ("late", "fresh within 5 ms")])
    unmet = letter(reason="expectation_failed", detail=detail)
    assert detail == "not met: dear, late (dear expects amount < 10.0; late expects fresh within 5 ms)"
    assert as_json(unmet, PLAN, None)["expectations"] == ["dear", "late"]
    for name, meant in (("dear", True), ("late", True), ("lat", False), ("expects", False)):
        assert Selection(expectation=name).includes(unmet) is meant
    assert not Selection(expectation="dear").includes(letter(reason="malformed", detail=detail))


def test_an_event_has_one_letter_to_be_handled_though_each_generation_wrote_one() -> None:
    letters = [letter(0, generation=1), letter(1, generation=2), letter(2, offset=18), letter(3, offset=19)]
    assert [found.position.offset for found in outstanding(letters, (), Selection())] == [0, 2, 3]
    assert [found.position.offset for found in outstanding(letters, {letters[0].event_id}, Selection())] == [2, 3]
    assert [found.position.offset for found in outstanding(letters, (), Selection(), limit=2)] == [0, 2]


def test_an_event_of_a_topic_that_was_made_anew_is_another_one() -> None:
    assert letter().event_id != letter(record_timestamp=AT_MS + 1).event_id


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"reason": "late", "value": None, "value_bytes": 0}, "keeps its position only"),
        ({"reason": "null_value", "value": None, "value_bytes": 0}, "no value"),
        ({"value": None, "value_bytes": 300_000, "value_sha256": "ab"}, "too long to be kept"),
    ],
)
def test_what_was_not_kept_cannot_be_replayed(fields: dict[str, Any], why: str) -> None:
    assert why in str(letter(**fields).why_not_replayable)


def test_an_empty_value_can_be_replayed() -> None:
    assert letter(reason="bad_magic", value=b"", value_bytes=0).why_not_replayable is None


def test_a_replayed_event_keeps_its_headers_and_says_what_it_is_a_copy_of() -> None:
    again = letter(headers={"trace": b"\x01", "headwater-replay-of": b"shop.purchases-2@3"})
    assert dict(again.replay_headers("customer_purchases")) == {
        "trace": b"\x01",
        "headwater-replay-of": b"shop.purchases-2@17",
        "headwater-replay-for": b"customer_purchases",
        "headwater-original-timestamp": str(AT_MS).encode(),
    }


def test_a_letter_that_is_older_than_its_newest_fields_is_read_all_the_same() -> None:
    older = {**DEAD_LETTER_SCHEMA, "fields": DEAD_LETTER_SCHEMA["fields"][:-2]}
    buffer = io.BytesIO()
    buffer.write(struct.pack(">bI", 0, 1))
    schemaless_writer(buffer, parse_schema(older), letter_fields())
    fields = FramedAvro(KnownSchemas(_1=older), DEAD_LETTER_SCHEMA).decode(buffer.getvalue())
    read = DeadLetter.of(Position("t", 0, 0), fields)
    assert (read.generation, read.record_key, read.record_timestamp_ms) == (0, None, AT_MS)
    newer = io.BytesIO()
    schemaless_writer(newer, parse_schema(DEAD_LETTER_SCHEMA), letter_fields())
    newer.seek(0)
    assert schemaless_reader(newer, parse_schema(DEAD_LETTER_SCHEMA), parse_schema(older))


def test_a_body_is_decoded_with_the_schema_that_it_was_written_with() -> None:
    assert body(purchase(amount=math.nan)) == (
        {"customer_id": "anna", "at": AT_MS, "amount": "nan", "photo": "ff00"},
        None,
    )


@pytest.mark.parametrize(
    ("value", "fields", "problem"),
    [
        (purchase()[:-1], {}, "schema 7 does not read it"),
        (purchase() + b"\x00\x00", {}, "but for 2 bytes behind its end"),
        (purchase(schema_id=9), {}, "no schema 9"),
        (purchase(schema_id=8), {}, "no Avro schema"),
        (b'{"a": 1}', {}, "starts with 7b 22 61 22 3a"),
        (b"", {}, "starts with nothing"),
        (None, {"reason": "null_value", "value_bytes": 0}, "no value"),
        (None, {"reason": "late", "value_bytes": 0}, "position only"),
        (None, {"value_bytes": 300_000, "value_sha256": "abcd"}, "300000 bytes with SHA-256 abcd"),
    ],
)
def test_a_body_that_cannot_be_decoded_says_why(value: bytes | None, fields: dict[str, Any], problem: str) -> None:
    found = body(value, **fields)
    assert found.fields is None
    assert problem in found.problem


def test_bytes_are_shown_sixteen_to_a_line_and_no_more_than_fit_a_screen() -> None:
    assert hex_dump(b"purchase\x00\xff 0123456").splitlines() == [
        "000000  70 75 72 63 68 61 73 65 00 ff 20 30 31 32 33 34  purchase.. 01234",
        "000010  35 36                                            56",
    ]
    assert hex_dump(b"a" * 1000).splitlines()[-1] == "and 488 bytes more"


@pytest.mark.parametrize(
    ("instant_us", "text"),
    [
        (1_795_000_000_000_000, "2026-11-18T11:06:40.000Z"),
        (1_795_000_000_000_001, "2026-11-18T11:06:40.000001Z"),
        (-1_000, "1969-12-31T23:59:59.999Z"),
        (2**63 - 1, "9223372036854775807 µs since 1970"),
    ],
)
def test_an_instant_is_written_in_utc_or_as_the_number_that_it_is(instant_us: int, text: str) -> None:
    assert instant_text(instant_us) == text


def test_a_letter_in_json_has_its_key_and_times_as_people_write_them() -> None:
    key = encode_key(PLAN.entity, {"customer_id": "anna"})
    row = as_json(letter(entity_key=key, record_key=b"\x01"), PLAN, Mark("dropped", AT_MS))
    assert json.loads(json.dumps(row))["entity"] == {"customer_id": "anna"}
    assert row["record_timestamp"] == "2026-11-18T11:06:40.000Z"
    assert row["handled"] == {"action": "dropped", "at": "2026-11-18T11:06:40.000Z"}
    assert row["record_key"] == "01"


def test_a_table_of_letters_says_how_many_there_are_beyond_those_it_shows() -> None:
    shown = rendered(letters_table([letter(5, detail="[red]")], 3, "dead", PLAN, {}, with_handled=True))
    assert "dead: the newest 1 of 3 letters" in shown
    assert "0@5" in shown
    assert "shop.purchases-2@17" in shown
    assert "[red]" in shown


def test_counts_come_with_the_most_frequent_first() -> None:
    lines = rendered(counts_table("by reason", "reason", Counter(a=1, b=3))).splitlines()
    assert [line.replace("│", " ").split() for line in lines[-2:]] == [["b", "3"], ["a", "1"]]


def test_who_replays_into_a_view_without_event_ids_is_warned_of_the_other_views() -> None:
    warning = repetition_warning(PLAN)
    assert warning is not None
    assert f"{PLAN.view} has no event_id" in warning
    assert PLAN.sources[0].topic in warning
    with_ids = PLAN.model_copy(update={"deduplication": Deduplication(horizon_ms=60_000)})
    assert repetition_warning(with_ids) is None


def test_a_letter_that_cannot_be_decoded_is_shown_as_bytes_with_the_reason() -> None:
    console = Console(record=True, width=160, file=io.StringIO())
    broken = letter(value=b"[bold]\x00")
    print_letter(console, broken, PLAN, None, body_of(broken, FramedAvro(KnownSchemas())))
    shown = console.export_text()
    assert "cannot be shown decoded: it starts with 5b" in shown
    assert "000000  5b 62 6f 6c 64 5d 00" in shown


def test_an_instant_of_a_filter_may_be_so_long_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: AT_MS * 1_000_000)
    assert instant_ms("2h", "--since") == AT_MS - 7_200_000
    assert instant_ms("2026-11-18T11:06:40Z", "--since") == AT_MS
    assert instant_ms("1795000000", "--since") == AT_MS
    assert instant_ms(None, "--since") is None
    with pytest.raises(FormatError, match="--since yesterday"):
        instant_ms("yesterday", "--since")


def rendered(table: object) -> str:
    console = Console(record=True, width=200, file=io.StringIO())
    console.print(table)
    return console.export_text()
