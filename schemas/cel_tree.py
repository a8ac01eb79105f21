"""The tree of a CEL expression, read from the bytes in which `cel_expr_python` gives it away.

They are protobuf messages (`cel.expr.ParsedExpr`, `cel.expr.CheckedExpr` in an `Any`), of which a few fields are
wanted; so they are read here, and nobody needs protobuf's own library. Field numbers are those of CEL's
`syntax.proto` and `checked.proto`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_VARINT, _FIXED64, _BYTES = 0, 1, 2

_EXPRESSION_KINDS = {3: "constant", 4: "name", 5: "select", 6: "call", 7: "list", 8: "struct", 9: "comprehension"}
_CHILDREN = {"select": (1,), "call": (1, 3), "list": (1,), "comprehension": (2, 4, 5, 6, 7)}
_SELECT_TEST_ONLY = 3
_CONSTANT_TEXT = 6


@dataclass(frozen=True, slots=True)
class Node:
    """One expression of the tree: its number, kind, what stands below it, and its text if it is a literal string."""

    number: int
    kind: str
    children: tuple[Node, ...]
    text: str | None = None

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Reference:
    """What the checker found a node to be: a name, or the overloads of the function that it calls."""

    name: str
    overloads: tuple[str, ...]


def parsed_tree(serialized: bytes) -> tuple[Node, dict[int, int]]:
    """The tree of an expression that was parsed but not checked, and where in the text each node stands (code points).

    A macro's test for presence (`has`) has the kind `presence`.
    """
    parsed = dict(_fields(_any_value(serialized)))
    positions = {}
    for number, value in _fields(parsed.get(3, b"")):
        if number == 4:
            entry = dict(_fields(value))
            positions[_int(entry.get(1))] = _int(entry.get(2))
    return _node(_bytes(parsed[2])), positions


def references(serialized: bytes) -> dict[int, Reference]:
    """What each node of a checked expression refers to, by the node's number."""
    found = {}
    for number, value in _fields(_any_value(serialized)):
        if number == 2:
            entry = dict(_fields(value))
            parts = list(_fields(_bytes(entry[2])))
            name = "".join(_bytes(part).decode() for field, part in parts if field == 1)
            overloads = tuple(_bytes(part).decode() for field, part in parts if field == 3)
            found[_int(entry.get(1))] = Reference(name, overloads)
    return found


def _node(message: bytes) -> Node:
    fields = dict(_fields(message))
    number = _int(fields.get(2))
    for field, kind in _EXPRESSION_KINDS.items():
        if field in fields:
            body = list(_fields(_bytes(fields[field])))
            if any(kind == "select" and each == _SELECT_TEST_ONLY for each, _ in body):
                return Node(number, "presence", ())
            text = next((_bytes(part).decode() for each, part in body if each == _CONSTANT_TEXT), None)
            children = tuple(_node(_bytes(part)) for each, part in body if each in _CHILDREN.get(kind, ()))
            return Node(number, kind, children, text if kind == "constant" else None)
    return Node(number, "nothing", ())


def _any_value(serialized: bytes) -> bytes:
    return _bytes(dict(_fields(serialized))[2])


def _fields(message: int | bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a protobuf message in their order: number and value, which is a whole number or bytes."""
    data, at = _bytes(message), 0
    while at < len(data):
        tag, at = _varint(data, at)
        wire = tag & 7
        if wire == _VARINT:
            value, at = _varint(data, at)
            yield tag >> 3, value
        elif wire == _FIXED64:
            yield tag >> 3, struct.unpack_from("<Q", data, at)[0]
            at += 8
        elif wire == _BYTES:
            length, at = _varint(data, at)
            yield tag >> 3, data[at : at + length]
            at += length
        else:
            raise ValueError(f"a protobuf field of wire type {wire}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise TypeError("a protobuf field that should be bytes is a number")
    return value


def _int(value: int | bytes | None) -> int:
    return value if isinstance(value, int) else 0
