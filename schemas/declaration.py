"""What all declarations share: frozen models whose mistakes are gathered, each with the file and line it stands in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
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

    _file: Path = PrivateAttr(default=Path())
    _line: int = PrivateAttr(default=0)
    _broken: bool = PrivateAttr(default=False)

    def __init__(self, **data: Any) -> None:
        file, line = _caller()
        try:
            super().__init__(**data)
        except ValidationError as error:
            mistakes = [_mistake(f"{file.name}:{line}", type(self).__name__, detail) for detail in error.errors()]
            collected = _collected.get()
            if collected is None:
                raise DeclarationError(mistakes) from None
            collected.extend(mistakes)
            self._adopt(type(self).model_construct(**data))
            self._broken = True
        self._file, self._line = file, line

    @property
    def file(self) -> Path:
        """The file that the declaration stands in."""
        return self._file

    @property
    def declared_at(self) -> str:
        """File and line of the declaration, for a person."""
        return f"{self._file.name}:{self._line}"

    @property
    def broken(self) -> bool:
        """Whether mistakes in its own arguments were collected; nothing else of it can be checked then."""
        return self._broken

    def _adopt(self, other: BaseModel) -> None:
        for name in ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__"):
            object.__setattr__(self, name, getattr(other, name))


def _caller() -> tuple[Path, int]:
    """File and line of the code outside this package that declares."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 - the documented way to the caller's frame
    while frame is not None:
        if not str(frame.f_globals.get("__name__", "")).startswith(("headwater.schemas", "pydantic")):
            return Path(frame.f_code.co_filename), frame.f_lineno
        frame = frame.f_back
    return Path(), 0


def _mistake(where: str, kind: str, detail: Any) -> Mistake:
    field = ".".join(str(part) for part in detail["loc"])
    message = str(detail["msg"]).removeprefix("Value error, ")
    return Mistake(f"{where} {kind} {field}".strip(), message)
