"""The part of CEL's standard library that expressions may use: what the JVM's and C++'s CEL do alike.

An overload is one function for one choice of argument types; the names are CEL's own. What is left out is refused
when a view is compiled, with what to write instead.
"""

from __future__ import annotations

_ORDERED = ("bool", "bytes", "double", "duration", "int64", "string", "timestamp")
_COMPARISONS = ("less", "less_equals", "greater", "greater_equals")

OVERLOADS = frozenset(
    {
        *(f"{comparison}_{kind}" for comparison in _COMPARISONS for kind in _ORDERED),
        *("equals", "not_equals", "in_list", "index_list", "conditional"),
        *("logical_and", "logical_or", "logical_not", "not_strictly_false"),
        *("add_int64", "add_double", "add_string", "add_bytes", "add_list"),
        *("add_timestamp_duration", "add_duration_timestamp", "add_duration_duration"),
        *("subtract_int64", "subtract_double", "subtract_timestamp_timestamp"),
        *("subtract_timestamp_duration", "subtract_duration_duration"),
        *("multiply_int64", "multiply_double", "divide_int64", "divide_double", "modulo_int64"),
        *("negate_int64", "negate_double"),
        *("size_string", "size_bytes", "size_list", "string_size", "bytes_size", "list_size"),
        *("contains_string", "starts_with_string", "ends_with_string", "matches", "matches_string"),
        *("bool_to_bool", "int64_to_int64", "double_to_double", "string_to_string", "bytes_to_bytes"),
        *("double_to_int64", "int64_to_double", "timestamp_to_int64", "int64_to_timestamp"),
        *("int64_to_string", "bool_to_string", "bytes_to_string", "string_to_bytes"),
        *("string_to_timestamp", "string_to_duration"),
        *("timestamp_to_year", "timestamp_to_month", "timestamp_to_day_of_year", "timestamp_to_day_of_month"),
        *("timestamp_to_day_of_month_1_based", "timestamp_to_day_of_week", "timestamp_to_hours"),
        *("timestamp_to_minutes", "timestamp_to_seconds", "timestamp_to_milliseconds"),
        *("duration_to_hours", "duration_to_minutes", "duration_to_seconds", "duration_to_milliseconds"),
    }
)

LITERAL_ONLY = frozenset({"string_to_timestamp", "string_to_duration"})
"""Overloads that read a text, in which engines are more or less lenient: the text must stand in the expression."""


def refusal(overload: str) -> tuple[str, str]:
    """What is wrong with an overload that is not among `OVERLOADS`, and what to do instead."""
    if overload.endswith("_with_tz"):
        return "time zones are not known here", "shift the time: (at + duration('2h')).getHours()"
    if overload.startswith("string_to_"):
        return "a text is not read as a value", "let the producer send it in its own type"
    if overload in ("double_to_string", "timestamp_to_string", "duration_to_string"):
        return "engines write such a text differently", "use the value itself, or int() of it"
    if "uint64" in overload:
        return "unsigned numbers are not known here", "use int"
    return f"the function {overload} is not known here", "see the list in schemas/cel_library.py"
