"""Rows of the feature log against the reference, on all keys."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import Any

from fastavro import parse_schema, schemaless_reader

from headwater.operators.reference import ReferenceEvent, reference_row
from headwater.operators.reference_exactness import row_mismatch
from headwater.schemas.avro import without_logical_types
from headwater.schemas.errors import VerificationError
from headwater.schemas.feature_log import RowHeader
from headwater.schemas.plan import Plan

_FRAME_BYTES = 5
_CHUNK = 2000

Row = tuple[RowHeader, bytes]
"""A row's header and framed value."""

_Case = tuple[bytes, list[ReferenceEvent], RowHeader, bytes]


def check_rows(
    plan: Plan,
    events_by_key: Iterable[tuple[bytes, list[ReferenceEvent]]],
    rows: Mapping[bytes, Row],
    watermark_us: int,
    progress: Callable[[int], None] = lambda _: None,
) -> None:
    """Compares every key's row with the reference's, on all cores.

    Args:
        progress: is told how many keys were compared.

    Raises:
        VerificationError: a row is missing, belongs to no event, or differs by more than its aggregate allows.
    """
    compared = 0
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        chunks = _chunks(plan, events_by_key, rows)
        while some := list(islice(chunks, 8)):
            for problem in pool.map(first_problem, *zip(*((plan, chunk, watermark_us) for chunk in some), strict=True)):
                if problem:
                    raise VerificationError(problem)
            compared += sum(map(len, some))
            progress(compared)
    if compared != len(rows):
        raise VerificationError(f"{plan.view}: rows of {len(rows)} keys, but there are {compared}")


def first_problem(plan: Plan, cases: Sequence[_Case], watermark_us: int) -> str:
    """What is wrong with the first of the rows that is; empty if all are right."""
    schema = parse_schema(without_logical_types(plan.log.schema_), named_schemas={})
    for key, events, header, value in cases:
        expected = reference_row(plan, events, watermark_us)
        if (header.clock_us, header.n) != (expected.clock_us, expected.n):
            return (
                f"{plan.view} {key.hex()}: clock and n are {header.clock_us}, {header.n},"
                f" not {expected.clock_us}, {expected.n}"
            )
        actual: Any = schemaless_reader(io.BytesIO(value[_FRAME_BYTES:]), schema, None)
        if mismatch := row_mismatch(plan, events, expected, actual):
            return f"{plan.view} {key.hex()}: {mismatch}"
    return ""


def _chunks(
    plan: Plan, events_by_key: Iterable[tuple[bytes, list[ReferenceEvent]]], rows: Mapping[bytes, Row]
) -> Iterator[list[_Case]]:
    chunk: list[_Case] = []
    for key, events in events_by_key:
        if key not in rows:
            raise VerificationError(f"{plan.view}: {key.hex()} has {len(events)} events, but no row")
        chunk.append((key, events, *rows[key]))
        if len(chunk) == _CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
