"""Every row of the offline log against the committed feature log, and the rows' values against the reference."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from headwater.operators.reference import ReferenceEvent
from headwater.operators.reference_copies import PossibleEvents
from headwater.operators.reference_windows import ticks
from headwater.pipelines.dead_letters.letter import Position
from headwater.pipelines.offline_table import open_table
from headwater.pipelines.settings import Settings
from headwater.pipelines.verification.replays import Replays
from headwater.pipelines.verification.rows import definition_of, row_difference
from headwater.pipelines.verification.topics import read_committed
from headwater.schemas.feature_log import ROW_HEADER_NAME, RowHeader
from headwater.schemas.keys import encode_key
from headwater.schemas.plan import Plan

Place = tuple[int, int]
"""Partition and offset of a row in the feature log."""

Committed = Mapping[Place, tuple[bytes, RowHeader]]
"""Key and header of committed rows."""

EARLIER_ROWS_PER_KEY = 5


class OfflineDifferences(NamedTuple):
    """What of the offline log is not as it must be, a sentence each: rows missing, double, and wrong.

    Attributes:
        repeated: how many rows stand there once more because an older savepoint was restored, as they may.
    """

    missing: list[str]
    double: list[str]
    wrong: list[str]
    repeated: int = 0

    @property
    def sentences(self) -> list[str]:
        """All of them."""
        return [*self.missing, *self.double, *self.wrong]


def committed_rows(settings: Settings, plan: Plan, timeout_seconds: float) -> dict[Place, tuple[bytes, RowHeader]]:
    """Key and header of every committed row of the feature log, by its place.

    Raises:
        DependencyError: the log cannot be read, or its end is not committed within the timeout.
    """
    rows = {}
    for message in read_committed(settings, plan.log.topic, timeout_seconds):
        if message.value() is not None:
            header = dict(message.headers() or ()).get(ROW_HEADER_NAME)
            place = (message.partition() or 0, message.offset() or 0)
            rows[place] = (message.key() or b"", RowHeader.unpack(header if isinstance(header, bytes) else b""))
    return rows


def offline_rows(settings: Settings, plan: Plan) -> pa.Table:
    """The whole offline log, timestamps as whole microseconds or milliseconds as the log's schema has them.

    Raises:
        OfflineStoreError: there is none, or its store cannot be used.
    """
    table = open_table(settings, plan.view, plan.generation).to_pyarrow_table()
    for index, field in enumerate(table.schema):
        if pa.types.is_timestamp(field.type):
            table = table.set_column(index, field.name, pc.cast(table.column(index), pa.int64()))
    return table


def missing_places(table: pa.Table, committed: Mapping[Place, Any]) -> set[Place]:
    """The committed rows that the offline log does not have yet."""
    return set(committed) - set(_places(table))


def with_later(table: pa.Table, committed: Committed, read_again: Callable[[], Committed]) -> Committed:
    """The committed rows, and those that the offline log has besides, as they stand in the feature log by now.

    While a job runs rows come that tell how values decay, between one reading and the other too.
    """
    more = set(_places(table)) - committed.keys()
    now = read_again() if more else {}
    return {**committed, **{place: now[place] for place in more & now.keys()}}


def offline_mismatches(
    plan: Plan,
    table: pa.Table,
    committed: Committed,
    by_key: Mapping[bytes, list[ReferenceEvent]],
    *,
    seed: int = 0,
    replays: Replays | None = None,
    definitions: Sequence[Plan] = (),
) -> OfflineDifferences:
    """What of the offline log differs from the committed feature log or from the reference.

    Each committed row must stand there once, no version of a key twice, with the key and version that the log
    has. Of each key the newest row, and up to EARLIER_ROWS_PER_KEY others of a key whose events are all in one
    partition, must have the values of the reference: an earlier row those of a prefix of its key's events.

    Args:
        replays: what an older savepoint that was restored has caused to be written once more.
        definitions: others than `plan` that rows may have been written under.
    """
    places = _places(table)
    missing = [f"row {place} of the feature log is missing" for place in set(committed) - set(places)]
    double = [f"row {place} stands there {count} times" for place, count in Counter(places).items() if count > 1]
    by_entity = _by_entity(plan, table)
    versions = list(zip(by_entity, table["clock"].to_pylist(), table["n"].to_pylist(), strict=True))
    # A key that was forgotten, long after its last event left, may be told empty again by an event that is older still.
    counted = [(place, version) for place, version in zip(places, versions, strict=True) if version[2]]
    once = (replays or Replays()).without_repeated(
        counted, place=lambda row: Position(plan.log.topic, *row[0]), identity=lambda row: row[1]
    )
    told = Counter(version for _, version in once)
    double += [f"version {v[1:]} of key {v[0]!r} stands there {count} times" for v, count in told.items() if count > 1]
    wrong = []
    for place, version in zip(places, versions, strict=True):
        logged = committed.get(place)
        if logged is None:
            wrong.append(f"row {place} is not in the committed feature log")
        elif (logged[0], logged[1].clock_us, logged[1].n) != version:
            wrong.append(f"row {place} is {version}, but in the feature log {logged}")
    sample = random.Random(seed)  # noqa: S311 - no secret
    wrong += _wrong_values(plan, table, versions, by_key, sample, definitions)
    return OfflineDifferences(missing, double, wrong, repeated=len(counted) - len(once))


def _wrong_values(
    plan: Plan,
    table: pa.Table,
    versions: list[tuple[bytes, int, int]],
    by_key: Mapping[bytes, list[ReferenceEvent]],
    sample: random.Random,
    definitions: Sequence[Plan],
) -> list[str]:
    rows_of: dict[bytes, list[int]] = defaultdict(list)
    for index, (key, _, _) in enumerate(versions):
        rows_of[key].append(index)
    chosen: list[int] = []
    for key, indices in rows_of.items():
        indices.sort(key=lambda index: versions[index][1:])
        chosen.append(indices[-1])
        if len({(event.source, event.partition) for event in by_key.get(key, ())}) == 1:
            earlier = indices[:-1]
            chosen += sample.sample(earlier, min(EARLIER_ROWS_PER_KEY, len(earlier)))
    wrong = [f"key {key!r} has no row" for key in set(by_key) - set(rows_of)]
    for index, row in zip(chosen, table.take(chosen).to_pylist(), strict=True):
        key = versions[index][0]
        newest = index == rows_of[key][-1]
        if difference := _difference(definition_of(row, plan, definitions), by_key.get(key, []), row, newest):
            wrong.append(f"key {key!r} at {versions[index][1:]}: {difference}")
    return wrong


def _difference(plan: Plan, events: list[ReferenceEvent], row: Mapping[str, Any], newest: bool) -> str:
    if not newest:
        return _prefix_difference(plan, events, row)
    if not events or max(event.time_us for event in events) > row["clock"]:
        return "its clock is before its key's events"
    if not _is_clock(plan, events, row["clock"]):
        return "its clock is neither the greatest event time nor a tick"
    return row_difference(PossibleEvents(plan, row["clock"], events), row)


def _prefix_difference(plan: Plan, events: list[ReferenceEvent], row: Mapping[str, Any]) -> str:
    """What differs from the shortest run of the events, in the order of their partition, that allows the row's version.

    Where copies may count again, several runs may allow it; then it is enough that the row is right for one.
    """
    possible, has_clock, difference = PossibleEvents(plan, row["clock"]), False, ""
    for event in sorted(events, key=lambda event: (event.offset, event.index)):
        if event.time_us > row["clock"] or possible.fewest > row["n"]:
            break
        possible.add(event)
        has_clock = has_clock or _is_clock(plan, [event], row["clock"])
        if has_clock and possible.fewest <= row["n"] <= possible.most:
            found = row_difference(possible, row)
            if not found:
                return ""
            difference = difference or found
    return difference or "no prefix of its key's events has this version"


def _is_clock(plan: Plan, events: Sequence[ReferenceEvent], clock_us: int) -> bool:
    return any(
        clock_us == event.time_us or any(clock_us in ticks(plan, window, event) for window in plan.windows)
        for event in events
    )


def _places(table: pa.Table) -> list[Place]:
    return list(zip(table["log_partition"].to_pylist(), table["log_offset"].to_pylist(), strict=True))


def _by_entity(plan: Plan, table: pa.Table) -> list[bytes]:
    names = [field.name for field in plan.entity]
    columns = [table[name].to_pylist() for name in names]
    cache: dict[tuple[Any, ...], bytes] = {}
    keys = []
    for values in zip(*columns, strict=True):
        if values not in cache:
            cache[values] = encode_key(plan.entity, dict(zip(names, values, strict=True)))
        keys.append(cache[values])
    return keys
