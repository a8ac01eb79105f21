"""Wrong arguments of a declaration in words: what pydantic found, as what is wrong and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError


@dataclass(frozen=True, slots=True)
class ArgumentMistake:
    """What is wrong with one argument, or with the element of it that has this index, and the remedy."""

    argument: str
    index: str
    what: str
    remedy: str


def argument_mistakes(model: type[BaseModel], error: ValidationError) -> tuple[ArgumentMistake, ...]:
    """The mistakes that an error of the model's names, one for each argument or element of one.

    An error of ours says what is wrong and how to mend it, with a semicolon between. The description of a field is the
    remedy where there is no better one.
    """
    found: dict[tuple[Any, ...], ArgumentMistake] = {}
    for detail in error.errors():
        path = _path(detail["loc"])
        found.setdefault(path, _mistake(model, path, detail))
    return tuple(found.values())


def suggestion(name: str, known: Sequence[str], otherwise: str = "it takes") -> str:
    """What could be meant by a name that is not among the known ones."""
    close = difflib.get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"{otherwise} {', '.join(known)}"


def _path(location: tuple[int | str, ...]) -> tuple[int | str, ...]:
    """Argument and index; what follows tells which branch of a union was tried."""
    return location[:2] if len(location) > 1 and isinstance(location[1], int) else location[:1]


def _mistake(model: type[BaseModel], path: tuple[Any, ...], detail: Any) -> ArgumentMistake:
    argument = str(path[0]) if path else ""
    what, remedy = _words(model, argument, detail)
    return ArgumentMistake(argument, ".".join(map(str, path[1:])), what, remedy)


def _words(model: type[BaseModel], argument: str, detail: Any) -> tuple[str, str]:
    field = model.model_fields.get(argument)
    described = (field.description if field is not None else None) or ""
    given, context = detail["input"], detail.get("ctx", {})
    match detail["type"]:
        case "missing":
            return "is missing", described or f"give {argument}="
        case "extra_forbidden":
            return "there is no such argument", suggestion(argument, list(model.model_fields))
        case "value_error":
            what, _, remedy = str(context["error"]).partition("; ")
            return what, remedy or described
        case "literal_error":
            return f"is {given!r}", f"choose {context['expected']}"
        case "too_short" | "string_too_short":
            return "is empty", described
        case _:
            message = str(detail["msg"]).removeprefix("Input should be ")
            return f"is {given!r}", described or f"must be {message}"
