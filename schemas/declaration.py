"""What all declarations share: frozen models whose mistakes are gathered, each with the file and line it stands in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import PurePath
from typing import Any

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from headwater.schemas.errors import DeclarationError, Mistake

_collected: ContextVar[list[Mistake] | None] = ContextVar("_collected", default=None)


@contextmanager
def collecting_mistakes() -> Iterator[list[Mistake]]:
    """Within this context a wrong declaration does not raise: its mistakes are added to the list that is yielded."""
    mistakes: list[Mistake] = []
    token = _collected.set(mistakes)
    try:
        yield mistakes
    finally:
        _collected.reset(token)


class Declaration(BaseModel):
    """A frozen model that knows where it was written.

    Raises:
        DeclarationError: with every mistake in the arguments, unless they are being collected.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    _where: str = PrivateAttr(default="")
    _broken: bool = PrivateAttr(default=False)

    def __init__(self, **data: Any) -> None:
        where = _caller()
        try:
            super().__init__(**data)
        except ValidationError as error:
            mistakes = [_mistake(where, type(self).__name__, detail) for detail in error.errors()]
            collected = _collected.get()
            if collected is None:
                raise DeclarationError(mistakes) from None
            collected.extend(mistakes)
            self._adopt(type(self).model_construct(**data))
            self._broken = True
        self._where = where

    @property
    def declared_at(self) -> str:
        """File and line of the declaration."""
        return self._where

    @property
    def broken(self) -> bool:
        """Whether mistakes in its own arguments were collected; nothing else of it can be checked then."""
        return self._broken

    def _adopt(self, other: BaseModel) -> None:
        for name in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
            object.__setattr__(self, name, getattr(other, name))


def _caller() -> str:
    depth = 2
    while True:
        try:
            frame = sys._getframe(depth)  # noqa: SLF001 - the documented way to the caller's frame
        except ValueError:
            return ""
        module = frame.f_globals.get("__name__", "")
        if not module.startswith(("headwater.schemas", "pydantic")):
            return f"{PurePath(frame.f_code.co_filename).name}:{frame.f_lineno}"
        depth += 1


def _mistake(where: str, kind: str, detail: Any) -> Mistake:
    field = ".".join(str(part) for part in detail["loc"])
    message = str(detail["msg"]).removeprefix("Value error, ")
    return Mistake(f"{where} {kind} {field}".strip(), message)
