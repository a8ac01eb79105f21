"""The fence against a real store: whatever order, repetition and splitting, the greatest version of each key stands."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from headwater.operators.fence import Fence, OnlineRow, Refused, Written
from headwater.operators.log_batch import by_partition
from headwater.pipelines.online_store import partition_keys
from headwater.pipelines.stack.redis import RedisServer
from tests.online_rows import FRAME, greatest, header, row_message, version

LATER_MS = 4_000_000_000_000

# Numbers that hostile comparisons get wrong: around 0x7f/0x80 in each byte, and beyond what a double holds.
NUMBERS = st.one_of(
    st.integers(0, 3),
    st.sampled_from([value for bits in range(7, 63, 8) for value in (2**bits - 1, 2**bits, 2**bits + 1)]),
    st.sampled_from([2**53, 2**53 + 1, 2**62, 2**62 + 1, 2**63 - 2, 2**63 - 1]),
)
VERSIONS = st.tuples(NUMBERS, NUMBERS, NUMBERS)


@pytest.fixture
def client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(redis_server.url) as client:
        yield client


class Store:
    """One partition of a view of its own."""

    def __init__(self, client: redis.Redis, view: str) -> None:
        self.client = client
        self.keys = partition_keys(view, 1, 0)
        self.fence = Fence(client, self.keys.offset, self.keys.heartbeat)

    def row(self, key: bytes, value: bytes) -> OnlineRow:
        return OnlineRow(self.keys.row_prefix + key, value, LATER_MS)

    def rows(self) -> dict[bytes, bytes | None]:
        found = self.client.keys(self.keys.row_prefix.replace(b"[", b"\\[") + b"*")
        assert isinstance(found, list)
        return {key.removeprefix(self.keys.row_prefix): self.client.get(key) for key in found}  # type: ignore[misc]

    def offset(self) -> bytes | None:
        return self.client.get(self.keys.offset)  # type: ignore[return-value]

    def clear(self) -> None:
        keys = self.client.keys(self.keys.offset.replace(b"offset", b"*"))
        if keys:
            self.client.delete(*keys)  # type: ignore[misc]


@pytest.fixture
def store(client: redis.Redis, unique_name: Callable[[str], str]) -> Store:
    return Store(client, unique_name("fence"))


@given(greater=VERSIONS, lesser=VERSIONS)
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_row_replaces_another_only_if_its_version_is_greater(
    store: Store, greater: tuple[int, int, int], lesser: tuple[int, int, int]
) -> None:
    store.clear()
    first, second = sorted([greater, lesser])
    high, low = store.row(b"k", version(*second) + b"high"), store.row(b"k", version(*first) + b"low")
    store.fence.write([low], expected=None, next_offset=1)
    assert store.fence.write([high], expected=1, next_offset=2) == (
        Written(0, (0,)) if first == second else Written(1, ())
    )
    assert store.fence.write([low], expected=2, next_offset=3) == Written(0, (0,))
    assert store.rows() == {b"k": low.value if first == second else high.value}


@given(
    rows=st.lists(st.tuples(st.sampled_from([b"a", b"b", b"\x80"]), VERSIONS), max_size=12),
    splits=st.sets(st.integers(1, 40)),
    order=st.randoms(use_true_random=False),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_any_repetition_and_any_split_into_batches_converge_to_the_greatest_rows(
    store: Store, rows: list[tuple[bytes, tuple[int, int, int]]], splits: set[int], order: random.Random
) -> None:
    store.clear()
    log = [(key, header(*numbers), repr((key, numbers)).encode()) for key, numbers in rows] * 3
    order.shuffle(log)
    messages = [row_message(offset, key, row, body) for offset, (key, row, body) in enumerate(log)]
    bounds = [0, *sorted(split for split in splits if split < len(messages)), len(messages)]
    position = None
    for start, end in pairwise(bounds):
        for batch in by_partition(messages[start:end]).values():
            outcome = store.fence.write(
                batch.online_rows(store.keys.row_prefix, [LATER_MS] * len(batch)),
                expected=position,
                next_offset=batch.next_offset,
            )
            assert isinstance(outcome, Written)
            position = batch.next_offset
    assert store.rows() == greatest((key, version(*row[:3]) + FRAME + body) for key, row, body in log)
    assert store.offset() == (b"%d" % len(log) if log else None)


@pytest.mark.parametrize("seed", range(5))
def test_two_writers_who_both_rewind_when_refused_converge(store: Store, seed: int) -> None:
    """Each believes that the partition is its own, as a process does that was stopped for too long."""
    chance = random.Random(seed)
    log = [
        (b"k%d" % chance.randrange(20), version(1, chance.randrange(50), chance.randrange(3)) + b"%d" % i)
        for i in range(300)
    ]
    positions: list[tuple[int | None, int]] = [(None, 0), (None, 0)]
    refused = 0
    while min(start for _, start in positions) < len(log):
        writer = chance.randrange(2)
        expected, start = positions[writer]
        end = min(len(log), start + chance.randrange(1, 30))
        newest = greatest(log[start:end])
        rows = [store.row(key, value) for key, value in newest.items()]
        outcome = store.fence.write(rows, expected=expected, next_offset=end)
        if isinstance(outcome, Refused):
            refused += 1
            end = outcome.stored_offset or 0
        positions[writer] = (end, end)
    assert refused > 1
    assert store.rows() == greatest(log)


def test_a_refused_batch_writes_nothing_at_all(store: Store) -> None:
    store.fence.write([], expected=None, next_offset=5, heartbeat=b"old")
    outcome = store.fence.write([store.row(b"k", version(1, 1, 1))], expected=4, next_offset=9, heartbeat=b"new")
    assert outcome == Refused(5)
    assert (store.rows(), store.offset(), store.client.get(store.keys.heartbeat)) == ({}, b"5", b"old")


def test_a_writer_that_knows_an_offset_is_refused_by_an_empty_store(store: Store) -> None:
    assert store.fence.write([], expected=4, next_offset=9) == Refused(None)


def test_a_batch_of_many_chunks_is_written_whole(store: Store) -> None:
    rows = [store.row(b"%d" % i, version(1, i, 1) + b"x" * 300) for i in range(1_201)]
    assert store.fence.write(rows, expected=None, next_offset=7, heartbeat=b"beat") == Written(1_201, ())
    assert len(store.rows()) == 1_201
    assert (store.offset(), store.client.get(store.keys.heartbeat)) == (b"7", b"beat")


def test_a_row_expires_at_its_instant(store: Store) -> None:
    store.fence.write([store.row(b"k", version(1, 1, 1))], expected=None, next_offset=1)
    assert store.client.pexpiretime((store.keys.row_prefix + b"k").decode()) == LATER_MS


def test_a_store_that_forgot_the_script_is_given_it_again(store: Store) -> None:
    store.fence.write([], expected=None, next_offset=1)
    store.client.script_flush()
    assert store.fence.write([], expected=1, next_offset=2) == Written(0, ())


def test_a_heartbeat_or_offset_that_is_not_given_is_left(store: Store) -> None:
    store.fence.write([], expected=None, next_offset=1, heartbeat=b"beat")
    store.fence.write([], expected=1, next_offset=2)
    assert store.client.get(store.keys.heartbeat) == b"beat"
