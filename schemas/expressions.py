"""Row expressions in CEL (Common Expression Language) over the fields of an event: checked, then evaluated naively.

The kernel evaluates the same texts with another implementation; `schemas/cel_library.py` lists what both do alike,
and `tests/expression_cases.json` is a table of cases in which they must agree.

Null: fields that can be null may be compared with null, and used as if they could not. An expression that fails where
a nullable field that it reads is null, is null. Any other failure (a division by zero, an overflow) is a failure.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from headwater.schemas.cel_library import LITERAL_ONLY, OVERLOADS, refusal
from headwater.schemas.cel_tree import Node, parsed_tree, references
from headwater.schemas.errors import EvaluationError, ExpressionError, Problem
from headwater.schemas.plan import ColumnType, Variable

LONGEST_TEXT = 4096

TIMES_US = (-62_135_596_800_000_000, 253_402_300_799_999_999)
"""Between these, the bounds excluded, a time can be read: years 1 to 9999. Reading another fails."""

_TYPES: dict[ColumnType, tuple[str, str]] = {
    "long": ("INT", "google.protobuf.Int64Value"),
    "double": ("DOUBLE", "google.protobuf.DoubleValue"),
    "string": ("STRING", "google.protobuf.StringValue"),
    "bytes": ("BYTES", "google.protobuf.BytesValue"),
    "boolean": ("BOOL", "google.protobuf.BoolValue"),
}
_RESULTS: dict[str, ColumnType] = {
    "INT": "long",
    "DOUBLE": "double",
    "STRING": "string",
    "BYTES": "bytes",
    "BOOL": "boolean",
}
_RESULT_REMEDIES = {
    "TIMESTAMP": "int(...) gives its seconds since 1970",
    "DURATION": ".getSeconds() gives its seconds",
    "UINT": "use int",
}
_PROBLEM = re.compile(r"^(?:[A-Z_]+: )?ERROR: <input>:(-?\d+):(-?\d+): (.*)$")
_NO_OVERLOAD = re.compile(r"found no matching overload for '([^']+)' applied to '(\(.*\))'")
_SINGLE_BYTE = re.compile(r"(?<!\\)(?:\\\\)*\\C")
_UNDECLARED = re.compile(r"undeclared reference to '([^']+)'")
_WRAPPER = re.compile(r"wrapper\((\w+)\)")
_NULL_TYPE = "null_type"


class Scope:
    """The variables that expressions of one source may read."""

    def __init__(self, variables: Sequence[Variable]) -> None:
        self._variables = {variable.name: variable for variable in variables}
        self._activations: dict[tuple[frozenset[str], frozenset[str]], Any] = {}

    def check(self, text: str) -> Expression:
        """The expression, checked.

        Raises:
            ExpressionError: with every problem in it, and where it stands.
        """
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        if not text.strip():
            raise ExpressionError([Problem("an empty expression", 1, 1, "", "write one, or leave it out")])
        if len(text) > LONGEST_TEXT:
            raise ExpressionError([_at(text, 0, f"{len(text)} characters; at most {LONGEST_TEXT} are read")])
        try:
            compiled = self._environment.compile(text)
        except RuntimeError as error:
            raise ExpressionError(self._problems(text, str(error))) from None
        tree, positions = parsed_tree(self._environment.compile(text, disable_check=True).serialize())
        meaning = references(compiled.serialize())
        problems = [
            _at(text, positions.get(node.number, 0), what, remedy)
            for node in tree.walk()
            for what, remedy in self._unsupported(
                node, meaning[node.number].overloads if node.number in meaning else ()
            )
        ]
        result = compiled.return_type().name()
        if result not in _RESULTS and not problems:
            kind = result.lower()
            problems.append(_at(text, 0, f"gives a {kind}, which is no value", _RESULT_REMEDIES.get(result, "")))
        if problems:
            raise ExpressionError(problems)
        reads = {reference.name for reference in meaning.values()} & self._variables.keys()
        variables = tuple(variable for name, variable in self._variables.items() if name in reads)
        return Expression(text, _RESULTS[result], variables, self, compiled)

    def activation(self, values: Mapping[str, Any]) -> Any:
        """The values as CEL takes them."""
        # A null has no place in a variable of a type; and cel_expr_python cuts texts and bytes off at a zero byte,
        # unless they come as messages of protobuf (which is only needed here).
        untyped = frozenset(name for name, value in values.items() if value is None)
        wrapped = frozenset(name for name, value in values.items() if _holds_zero(value))
        if (untyped, wrapped) not in self._activations:
            kinds = {name: self._kind(variable, name in wrapped) for name, variable in self._variables.items()}
            environment = _cel().NewEnv(variables=kinds | dict.fromkeys(untyped, _cel().Type.DYN))
            environment.compile("true")  # types of variables are unknown to a new environment until it compiles
            self._activations[untyped, wrapped] = environment
        given = {name: _message(value) if name in wrapped else value for name, value in values.items()}
        return self._activations[untyped, wrapped].Activation(given)

    @cached_property
    def _environment(self) -> Any:
        kinds = {name: self._kind(variable, variable.nullable) for name, variable in self._variables.items()}
        return _cel().NewEnv(variables=kinds)

    @staticmethod
    def _kind(variable: Variable, nullable: bool) -> Any:
        types = _cel().Type
        if variable.timestamp is not None:
            return types.TIMESTAMP
        plain, wrapper = _TYPES[variable.type]
        return types(wrapper) if nullable else getattr(types, plain)

    def _unsupported(self, node: Node, overloads: tuple[str, ...]) -> list[tuple[str, str]]:
        if node.kind == "presence":
            return [("has() is not known here", "compare with null: x != null")]
        if node.kind == "struct":
            return [("maps and messages are not known here", "use a list, or conditions: a ? b : c")]
        found = [refusal(overload) for overload in overloads if overload not in OVERLOADS][:1]
        if LITERAL_ONLY.intersection(overloads) and node.children[-1].text is None:
            found.append(
                ("reads a text that is not written out", "write it as a literal: timestamp('2024-01-01T00:00:00Z')")
            )
        return found or self._bad_literal(node, overloads)

    def _bad_literal(self, node: Node, overloads: tuple[str, ...]) -> list[tuple[str, str]]:
        text = node.children[-1].text if node.children else None
        if text is None:
            return []
        pattern = ("''.matches(text)", "write it in the syntax of RE2, without look-around and back-references")
        for overload, program, remedy in (
            ("string_to_timestamp", "timestamp(text)", "write it like 2026-01-31T00:00:00Z"),
            ("string_to_duration", "duration(text)", "write it like 1h30m or 2.5s"),
            ("matches", *pattern),
            ("matches_string", *pattern),
        ):
            if overload in overloads:
                if "matches" in program and _SINGLE_BYTE.search(text):
                    return [(rf"{text!r} has \C, a single byte, which only C++'s RE2 knows", "use . for a character")]
                cel = _cel()
                value = cel.NewEnv(variables={"text": cel.Type.STRING}).compile(program).eval(data={"text": text})
                if value.type() == cel.Type.ERROR:
                    return [(f"{text!r} cannot be read: {_failure(value)}", remedy)]
        return []

    def _problems(self, text: str, message: str) -> list[Problem]:
        lines = text.split("\n")
        found = []
        for line in message.split("\n"):
            matched = _PROBLEM.match(line.removesuffix(" [INVALID_ARGUMENT]"))
            if matched:
                row, column = max(int(matched[1]), 1), max(int(matched[2]), 1)
                what, remedy = self._explained(matched[3])
                found.append(Problem(what, row, column, lines[row - 1] if row <= len(lines) else "", remedy))
        return found or [_at(text, 0, message.removeprefix("INVALID_ARGUMENT: ").split("\n")[0])]

    def _explained(self, what: str) -> tuple[str, str]:
        if matched := _NO_OVERLOAD.match(what):
            sign, given = matched[1].replace("@in", "in").replace("_", " ").strip(), _WRAPPER.sub(r"\1", matched[2])
            if _NULL_TYPE in given:
                return f"'{sign}' of {given.replace(_NULL_TYPE, 'null')}", "this field is never null"
            if "int" in given and "double" in given:
                return f"'{sign}' of {given}", "numbers are not converted: write double(x), int(x) or 1.0"
            return f"'{sign}' of {given}", "give it other types, converted by string(x), int(x) or double(x) if need be"
        if matched := _UNDECLARED.match(what):
            close = difflib.get_close_matches(matched[1], self._variables, n=1)
            remedy = f"did you mean {close[0]}?" if close else f"fields are {', '.join(self._variables)}"
            return f"there is no {matched[1]}", remedy
        return what.partition(" expecting {")[0], "write it in CEL, such as amount > 0.0 && currency == 'EUR'"


class Expression:
    """A checked expression: its text, the type of its value and the variables that it reads."""

    def __init__(
        self, text: str, column_type: ColumnType, variables: tuple[Variable, ...], scope: Scope, compiled: Any
    ) -> None:
        self.text = text
        self.type = column_type
        self.variables = variables
        self._scope = scope
        self._compiled = compiled

    @property
    def nullable(self) -> bool:
        """Whether its value can be null: it reads a field that can."""
        return any(variable.nullable for variable in self.variables)

    def value(self, fields: Mapping[str, Any]) -> Any:
        """The value for these values of the variables, times as whole numbers in their unit; None for null.

        Raises:
            EvaluationError: it fails, and not because of a null.
        """
        read = {variable.name: fields[variable.name] for variable in self.variables}
        try:
            given = {variable.name: _time(read[variable.name], variable) for variable in self.variables}
            value = self._compiled.eval(self._scope.activation(given))
            failed = value.type() == _cel().Type.ERROR
            failure = _failure(value) if failed else ""
        except OverflowError as error:
            failed, failure = True, str(error)
        if not failed:
            plain = value.plain_value()
            return bytes(plain) if isinstance(plain, bytearray) else plain
        if any(read[variable.name] is None for variable in self.variables if variable.nullable):
            return None
        raise EvaluationError(f"{self.text}: {failure}")


def _time(value: Any, variable: Variable) -> Any:
    if variable.timestamp is None or value is None:
        return value
    microseconds = value * 1000 if variable.timestamp == "ms" else value
    if not TIMES_US[0] < microseconds < TIMES_US[1]:
        raise OverflowError(f"{variable.name} is {value}, not within the years 1 to 9999")
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)


def _holds_zero(value: Any) -> bool:
    return (isinstance(value, str) and "\0" in value) or (isinstance(value, bytes) and 0 in value)


def _message(value: Any) -> Any:
    from google.protobuf import wrappers_pb2

    if isinstance(value, str):
        return wrappers_pb2.StringValue(value=value)
    return wrappers_pb2.BytesValue(value=value)


def _at(text: str, offset: int, what: str, remedy: str = "") -> Problem:
    before = text[:offset]
    row = before.count("\n")
    return Problem(what, row + 1, offset - (before.rfind("\n") + 1) + 1, text.split("\n")[row], remedy)


def _failure(value: Any) -> str:
    return str(value.plain_value()).partition(": ")[2]


def _cel() -> Any:
    from cel_expr_python import cel

    return cel
