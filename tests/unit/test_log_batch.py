"""Log batches keep of each key the greatest version, and everything else that the online store must be told."""

from __future__ import annotations

import pytest

from headwater.operators.log_batch import PartitionBatch, by_partition, expiry_ms
from headwater.schemas.feature_log import NEVER_US, ROW_HEADER_NAME, Heartbeat
from tests.online_rows import FRAME, FakeMessage, header, heartbeat_message, row_message, version


def batch_of(*messages: FakeMessage) -> PartitionBatch:
    (batch,) = by_partition(messages).values()
    return batch


def stored(batch: PartitionBatch) -> dict[bytes, bytes]:
    return {row.key: row.value for row in batch.online_rows(b"p:", [1] * len(batch))}


# generation, clock, n: the first of each pair is the greater one, whichever comes first
GREATER = {
    "the generation counts first": ((2, 1, 1), (1, 9, 9)),
    "then the clock": ((1, 2, 1), (1, 1, 9)),
    "then the number of events": ((1, 1, 2), (1, 1, 1)),
    "bytes from 0x80 on are greater than those below": ((1, 0x80, 1), (1, 0x7F, 1)),
    "so they are in a higher place": ((1, 0x80_00, 1), (1, 0x7F_FF, 1)),
    "so are numbers that a double cannot tell apart": ((1, 2**62 + 1, 1), (1, 2**62, 1)),
}


@pytest.mark.parametrize("order", [1, -1], ids=["newest first", "newest last"])
@pytest.mark.parametrize(("greater", "lesser"), GREATER.values(), ids=GREATER.keys())
def test_only_the_greatest_version_of_a_key_is_kept(
    greater: tuple[int, int, int], lesser: tuple[int, int, int], order: int
) -> None:
    rows = [(greater, b"greater"), (lesser, b"lesser")][::order]
    batch = batch_of(*(row_message(i, b"k", header(*v), body) for i, (v, body) in enumerate(rows)))
    assert stored(batch) == {b"p:k": version(*greater) + FRAME + b"greater"}
    assert (batch.coalesced, batch.next_offset) == (1, 2)


def test_of_equal_versions_the_first_is_kept() -> None:
    batch = batch_of(row_message(0, b"k", header(), b"first"), row_message(1, b"k", header(), b"second"))
    assert stored(batch) == {b"p:k": version(1, 1_000_000, 1) + FRAME + b"first"}


def test_heartbeats_keep_their_order_and_are_no_rows() -> None:
    first, second = Heartbeat(5, 0, 1, 100, 90), Heartbeat(5, 0, 1, 101, 91)
    batch = batch_of(heartbeat_message(3, first), heartbeat_message(9, second))
    assert (batch.heartbeats, len(batch), batch.next_offset, batch.ignored) == ([first, second], 0, 10, 0)
    assert batch.heartbeat_written_ms == heartbeat_message(9, second).timestamp()[1]


@pytest.mark.parametrize(
    "message",
    [
        FakeMessage(0, b"k", None, None),
        FakeMessage(0, b"k", FRAME + b"x", None),
        FakeMessage(0, b"k", FRAME + b"x", [("other", b"x")]),
        FakeMessage(0, b"k", FRAME + b"x", [(ROW_HEADER_NAME, b"short")]),
        FakeMessage(0, b"k", None, [(ROW_HEADER_NAME, header().pack())]),
        FakeMessage(0, b"k", b"\x01\x00\x00\x00\x07x", [(ROW_HEADER_NAME, header().pack())]),
        FakeMessage(0, None, FRAME + b"x", [(ROW_HEADER_NAME, header().pack())]),
        FakeMessage(0, b"k", None, [("headwater-heartbeat", b"short")]),
    ],
    ids=[
        "tombstone",
        "no header",
        "foreign header",
        "short header",
        "no value",
        "no frame",
        "no key",
        "short heartbeat",
    ],
)
def test_what_is_neither_row_nor_heartbeat_is_passed_over_and_counted(message: FakeMessage) -> None:
    batch = batch_of(message)
    assert (len(batch), batch.ignored, batch.next_offset, batch.heartbeats) == (0, 1, 1, [])


def test_partitions_are_kept_apart() -> None:
    here = row_message(4, b"k", header(n=1))
    there = FakeMessage(7, b"k", here.value_, here.headers_, partition_=1)
    batches = by_partition([here, there])
    assert {partition: batch.next_offset for partition, batch in batches.items()} == {0: 5, 1: 8}


@pytest.mark.parametrize(
    ("clock_us", "empty_at_us", "expires_ms"),
    [
        (1_000_000, 50_000_000, 50_000 + 700),  # a reach after it is empty
        (1_000_000, 1_000_000, 1_000 + 5_000),  # its time-to-live, if that is later
        (1_000_000, NEVER_US, NEVER_US // 1000 + 700),
    ],
)
def test_a_row_outlives_its_windows_by_a_reach_and_its_computation_by_the_time_to_live(
    clock_us: int, empty_at_us: int, expires_ms: int
) -> None:
    batch = batch_of(row_message(0, b"k", header(1, clock_us, 1, empty_at_us=empty_at_us)))
    assert expiry_ms(batch.headers(), reach_ms=700, time_to_live_ms=5_000).tolist() == [expires_ms]
