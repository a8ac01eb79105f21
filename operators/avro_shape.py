"""Whether bytes have the shape that their writer's Avro schema gives them, whatever stands in them."""

from __future__ import annotations

from collections.abc import Callable

from headwater.schemas.contracts.types import Array, AvroType, Enum, Fixed, Map, Primitive, Record, Union
from headwater.schemas.dead_letter import Reason

MOST_NESTED = 200
MOST_VARINT_BYTES = 10

_SIZES = {"null": 0, "boolean": 1, "float": 4, "double": 8}


def shape_fault(writer: AvroType, data: bytes) -> Reason | None:
    """What keeps the bytes from being just one value of this type, the first thing in their order; None: nothing.

    Truncated if they end within the value, malformed if no value goes on like this, else trailing bytes if any follow.
    """
    walk = _Walk(data)
    try:
        walk.over(writer, 0)
    except _FaultError as error:
        return error.reason
    return Reason.TRAILING_BYTES if walk.at < len(data) else None


class _FaultError(Exception):
    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason = reason


class _Walk:
    """A place in the bytes. No value has more items than there are bytes, so that a forged count takes no time."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._items_left = len(data)
        self.at = 0

    def over(self, type_: AvroType, depth: int) -> None:
        if depth > MOST_NESTED:
            raise _FaultError(Reason.MALFORMED)
        match type_:
            case Primitive(kind="string" | "bytes"):
                self._text()
            case Primitive(kind="int" | "long") | Enum():
                self._whole_number()
            case Primitive():
                self._pass(_SIZES[type_.kind])
            case Fixed():
                self._pass(type_.size)
            case Union():
                branch = self._whole_number()
                if not 0 <= branch < len(type_.branches):
                    raise _FaultError(Reason.MALFORMED)
                self.over(type_.branches[branch], depth)
            case Record():
                for field in type_.fields:
                    self.over(field.type, depth + 1)
            case Array():
                self._each(lambda: self.over(type_.items, depth + 1))
            case Map():
                self._each(lambda: self._entry(type_.values, depth + 1))

    def _each(self, item: Callable[[], object]) -> None:
        while count := self._whole_number():
            if count < 0:
                self._whole_number()  # the block's size in bytes
                count = -count
            if count > self._items_left:
                raise _FaultError(Reason.MALFORMED)
            self._items_left -= count
            for _ in range(count):
                item()

    def _entry(self, value: AvroType, depth: int) -> None:
        self._text()
        self.over(value, depth)

    def _text(self) -> None:
        length = self._whole_number()
        if length < 0:
            raise _FaultError(Reason.MALFORMED)
        self._pass(length)

    def _whole_number(self) -> int:
        """Zigzag in groups of 7 bits, the lowest first."""
        bits = 0
        for place in range(MOST_VARINT_BYTES):
            self._pass(1)
            byte = self._data[self.at - 1]
            bits |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                return bits >> 1 ^ -(bits & 1)
        raise _FaultError(Reason.MALFORMED)

    def _pass(self, count: int) -> None:
        if count > len(self._data) - self.at:
            raise _FaultError(Reason.TRUNCATED)
        self.at += count
