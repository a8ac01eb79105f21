"""Event ids are equal, and ordered, as their parts are."""

from __future__ import annotations

import random

import pytest

from headwater.schemas.errors import FormatError
from headwater.schemas.event_ids import encode_event_id


def test_ids_are_ordered_as_their_parts() -> None:
    choose = random.Random(3)
    texts = ["", "a", "a\0", "a\0b", "ab", "ü", "\U0001f600", "\ufffd"]
    numbers = [-(2**63), -1, 0, 1, 2**63 - 1]
    ids = [(choose.choice(texts), choose.choice(numbers), choose.choice(texts)) for _ in range(400)]
    by_bytes = sorted(ids, key=encode_event_id)
    assert by_bytes == sorted(ids, key=lambda parts: (parts[0].encode(), parts[1], parts[2].encode()))
    assert len({encode_event_id(parts) for parts in ids}) == len(set(ids))


@pytest.mark.parametrize(
    ("parts", "encoded"),
    [
        (["ü"], "c3bc"),
        ([b"\0\1"], "0001"),
        ([5], "8000000000000005"),
        ([True], "01"),
        ([b"\0\1", "x"], "00ff01000078"),
        ([-1, b"\0"], "7fffffffffffffff00"),
    ],
)
def test_an_id_has_these_bytes(parts: list[str | int | bytes | bool], encoded: str) -> None:
    assert encode_event_id(parts).hex() == encoded


def test_an_id_that_is_too_long_is_refused() -> None:
    with pytest.raises(FormatError, match="5000 bytes"):
        encode_event_id(["x" * 5000])
