"""Pairs of Avro schemas that differ here and there, and values that between them meet every choice of a schema."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest
from typing import Any

from hypothesis import strategies as st

PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
DEFAULTS: dict[str, Any] = {
    "null": None,
    "boolean": True,
    "int": 1,
    "long": 2,
    "float": 0.5,
    "double": 1.5,
    "bytes": "b",
    "string": "s",
}
VALUES = {**DEFAULTS, "bytes": b"b"}
DEPTH = 3

Pair = tuple[Any, Any]


@st.composite
def schema_pairs(draw: st.DrawFn) -> Pair:
    """Two record schemas of one name, grown together, so that they often nearly agree."""
    reader, writer = draw(_records(DEPTH, "Root"))
    return _tidied(reader), _tidied(writer)


def covering_values(schema: Any) -> list[Any]:
    """Values of a schema that have each type of its unions and each symbol of its enums, in fastavro's notation."""
    named: dict[str, Any] = {}
    _gather(schema, named)
    return list(_cover(schema, named, 6))


def _types(depth: int) -> st.SearchStrategy[Pair]:
    leaves = [_same_primitive(), _two_primitives(), _enums(), _fixed()]
    if depth == 0:
        return st.one_of(leaves)
    return st.one_of(
        *leaves, _arrays(depth - 1), _maps(depth - 1), _unions(depth - 1), _unions(depth - 1), _records(depth - 1)
    )


def _same_primitive() -> st.SearchStrategy[Pair]:
    return st.sampled_from(PRIMITIVES).map(lambda kind: (kind, kind))


def _two_primitives() -> st.SearchStrategy[Pair]:
    return st.tuples(st.sampled_from(PRIMITIVES), st.sampled_from(PRIMITIVES))


@st.composite
def _names(draw: st.DrawFn, stem: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The names of a reader's and a writer's type: mostly the same one, now and then another, with an alias or not."""
    name = f"{stem}{draw(st.integers(0, 3))}"
    how = draw(st.sampled_from(["same"] * 6 + ["renamed", "aliased"]))
    if how == "same":
        return {"name": name}, {"name": name}
    if how == "renamed":
        return {"name": f"{name}New"}, {"name": name}
    return {"name": f"{name}New", "aliases": [name]}, {"name": name}


@st.composite
def _enums(draw: st.DrawFn) -> Pair:
    reader, writer = draw(_names("E"))
    symbols = st.lists(st.sampled_from("ABC"), min_size=1, unique=True)
    theirs = draw(symbols)
    ours = draw(st.one_of(st.just(theirs), symbols))
    reader = {"type": "enum", **reader, "symbols": ours}
    if draw(st.booleans()):
        reader["default"] = ours[0]
    return reader, {"type": "enum", **writer, "symbols": theirs}


@st.composite
def _fixed(draw: st.DrawFn) -> Pair:
    reader, writer = draw(_names("F"))
    size = draw(st.integers(1, 2))
    other = draw(st.sampled_from([size, size, size, 3]))
    return {"type": "fixed", **reader, "size": size}, {"type": "fixed", **writer, "size": other}


def _arrays(depth: int) -> st.SearchStrategy[Pair]:
    return _types(depth).map(lambda pair: tuple({"type": "array", "items": each} for each in pair))  # type: ignore[return-value]


def _maps(depth: int) -> st.SearchStrategy[Pair]:
    return _types(depth).map(lambda pair: tuple({"type": "map", "values": each} for each in pair))  # type: ignore[return-value]


@st.composite
def _unions(draw: st.DrawFn, depth: int) -> Pair:
    branches = draw(st.lists(_types(depth), min_size=1, max_size=2))
    reader, writer = [each[0] for each in branches], [each[1] for each in branches]
    if draw(st.booleans()):
        reader.insert(0, "null")
    if draw(st.booleans()):
        writer.insert(0, "null")
    if draw(st.integers(0, 5)) == 0:
        reader.append(draw(_types(0))[0])
    return (
        reader if draw(st.integers(0, 4)) else reader[-1],
        writer if draw(st.integers(0, 4)) else writer[-1],
    )


@st.composite
def _records(draw: st.DrawFn, depth: int, name: str | None = None) -> Pair:
    names = draw(_names("R")) if name is None else ({"name": name}, {"name": name})
    readers: list[dict[str, Any]] = []
    writers: list[dict[str, Any]] = []
    for index in range(draw(st.integers(1, 3))):
        ours, theirs = draw(_types(depth))
        field, written = {"name": f"f{index}", "type": ours}, {"name": f"f{index}", "type": theirs}
        match draw(st.sampled_from(["both"] * 8 + ["added", "added_default", "removed", "alias", "renamed"])):
            case "both":
                readers.append(field)
                writers.append(written)
            case "added":
                readers.append(field)
            case "added_default":
                readers.append({"name": f"f{index}", "type": ["null", "int"], "default": None})
            case "removed":
                writers.append(written)
            case "alias":
                readers.append({**field, "name": f"g{index}", "aliases": [f"f{index}"]})
                writers.append(written)
            case _:
                readers.append({**field, "name": f"g{index}"})
                writers.append(written)
    if draw(st.booleans()):
        readers.reverse()
    return {"type": "record", **names[0], "fields": readers}, {"type": "record", **names[1], "fields": writers}


def _tidied(schema: Any) -> Any:
    """A valid schema: a name is defined once, recursion can end, and no union has a type twice."""
    return _tidy(schema, {}, (), safe=False)


def _tidy(schema: Any, defined: dict[str, str], open_records: tuple[str, ...], *, safe: bool) -> Any:
    if isinstance(schema, list):
        return _tidy_union(schema, defined, open_records, safe=safe)
    if isinstance(schema, str):
        return schema
    kind = schema["type"]
    if kind in ("array", "map"):
        part = "items" if kind == "array" else "values"
        return {**schema, part: _tidy(schema[part], defined, open_records, safe=True)}
    name = schema["name"]
    if name in defined:
        return name if name not in open_records or safe else "int"
    defined[name] = kind
    if kind != "record":
        return schema
    inner = (*open_records, name)
    fields = [{**field, "type": _tidy(field["type"], defined, inner, safe=False)} for field in schema["fields"]]
    return {**schema, "fields": fields}


def _tidy_union(branches: list[Any], defined: dict[str, str], open_records: tuple[str, ...], *, safe: bool) -> Any:
    kept: list[Any] = []
    flat = [each for branch in branches for each in (branch if isinstance(branch, list) else [branch])]
    for branch in flat:
        if _tuple_name(branch) not in map(_tuple_name, kept):  # before it is tidied, or a definition would be lost
            tidy = _tidy(branch, defined, open_records, safe=safe or "null" in flat)
            if _tuple_name(tidy) not in map(_tuple_name, kept):
                kept.append(tidy)
    return kept


def _gather(schema: Any, named: dict[str, Any]) -> None:
    if isinstance(schema, list):
        for branch in schema:
            _gather(branch, named)
    elif isinstance(schema, dict):
        if "name" in schema:
            named[schema["name"]] = schema
        for field in schema.get("fields", ()):
            _gather(field["type"], named)
        for part in ("items", "values"):
            _gather(schema.get(part), named)


def _cover(schema: Any, named: dict[str, Any], depth: int) -> Iterator[Any]:
    if isinstance(schema, list):
        branches = ["null"] if depth <= 0 and "null" in schema else schema
        for branch in branches:
            for value in _cover(branch, named, depth - 1):
                yield value if branch == "null" else (_tuple_name(branch), value)
        return
    if isinstance(schema, str) and schema in VALUES:
        yield VALUES[schema]
        return
    definition = named[schema] if isinstance(schema, str) else schema
    match definition["type"]:
        case "enum":
            yield from definition["symbols"]
        case "fixed":
            yield b"x" * definition["size"]
        case "array":
            yield from ([] if depth <= 0 else [[value] for value in _cover(definition["items"], named, depth - 1)])
            yield []
        case "map":
            yield from ([] if depth <= 0 else [{"k": v} for v in _cover(definition["values"], named, depth - 1)])
            yield {}
        case _:
            columns = [list(_cover(field["type"], named, depth - 1)) for field in definition["fields"]]
            names = [field["name"] for field in definition["fields"]]
            for row in zip_longest(*columns, fillvalue=...):
                yield {
                    name: column[0] if value is ... else value
                    for name, column, value in zip(names, columns, row, strict=True)
                }
            if not columns:
                yield {}


def _tuple_name(branch: Any) -> str:
    """How fastavro is told which branch of a union a value is of."""
    return branch if isinstance(branch, str) else str(branch.get("name", branch["type"]))
