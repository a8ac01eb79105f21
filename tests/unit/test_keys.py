"""The canonical key and its partition."""

from __future__ import annotations

import ctypes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.schemas.errors import FormatError
from headwater.schemas.keys import MAX_KEY_BYTES, EntityField, KeyValue, decode_key, encode_key, murmur2, partition_of

SHOP_AND_TILL = (EntityField(name="shop", type="string"), EntityField(name="till", type="long"))


def test_a_key_is_the_avro_encoding_of_its_fields_in_order() -> None:
    assert encode_key(SHOP_AND_TILL, {"till": -3, "shop": "x"}) == b"\x02x\x05"


@given(shop=st.text(min_size=1, max_size=50), till=st.integers(-(2**63), 2**63 - 1))
def test_a_key_decodes_to_the_values_it_was_made_of(shop: str, till: int) -> None:
    values: dict[str, KeyValue] = {"shop": shop, "till": till}
    assert decode_key(SHOP_AND_TILL, encode_key(SHOP_AND_TILL, values)) == values


@pytest.mark.parametrize(
    "values",
    [
        {"shop": "x"},
        {"shop": "x", "till": 1, "more": 2},
        {"shop": "", "till": 1},
        {"shop": "x", "till": "1"},
        {"shop": "x", "till": True},
        {"shop": "x", "till": 2**63},
        {"shop": "x" * MAX_KEY_BYTES, "till": 1},
    ],
)
def test_a_key_that_is_incomplete_empty_of_another_type_or_too_long_is_refused(values: dict[str, KeyValue]) -> None:
    with pytest.raises(FormatError):
        encode_key(SHOP_AND_TILL, values)


@pytest.mark.parametrize("data", [b"", b"\x02x", b"\x02x\x05\x05", b"\xff" * 20])
def test_bytes_that_are_no_key_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode_key(SHOP_AND_TILL, data)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("21", -973932308),
        ("foobar", -790332482),
        ("a-little-bit-long-string", -985981536),
        ("a-little-bit-longer-string", -1486304829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        ("abc", 479470107),
    ],
)
def test_murmur2_is_kafkas(text: str, expected: int) -> None:
    assert ctypes.c_int32(murmur2(text.encode())).value == expected


def test_a_partition_is_that_of_kafkas_java_producer() -> None:
    assert partition_of(b"foobar", 1000) == (-790332482 & 0x7FFFFFFF) % 1000
