"""What all declarations share: frozen models whose mistakes are gathered, each with the file and line it stands in."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from types import FrameType
from typing import Any

from pydantic import BaseModel, ConfigDict, PrivateAttr, ValidationError

from headwater.schemas.argument_mistakes import ArgumentMistake, argument_mistakes
from headwater.schemas.errors import DeclarationError, Mistake

PLACEHOLDER = "unknown"
"""Stands for a required argument that is wrong, so that the rest of the declaration can still be checked."""

_collected: ContextVar[list[Declaration] | None] = ContextVar("_collected", default=None)


@contextmanager
def collecting_mistakes() -> Iterator[list[Declaration]]:
    """Within this context a wrong declaration does not raise: it is added, broken, to the list that is yielded."""
    broken: list[Declaration] = []
    token = _collected.set(broken)
    try:
        yield broken
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
    _wrong: tuple[ArgumentMistake, ...] = PrivateAttr(default=())

    def __init__(self, **data: Any) -> None:
        file, line = _caller()
        wrong: tuple[ArgumentMistake, ...] = ()
        try:
            super().__init__(**data)
        except ValidationError as error:
            wrong = argument_mistakes(type(self), error)
            self._adopt(type(self).model_construct(**self._mended(data, {each.argument for each in wrong})))
        self._file, self._line, self._wrong = file, line, wrong
        if wrong:
            collected = _collected.get()
            if collected is None:
                raise DeclarationError(self.mistakes()) from None
            collected.append(self)

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
        """Whether there are mistakes in its arguments."""
        return bool(self._wrong)

    @property
    def wrong_arguments(self) -> frozenset[str]:
        """The names of the arguments in which there are mistakes; placeholders or defaults stand in for them."""
        return frozenset(each.argument for each in self._wrong)

    def mistakes(self, view: str = "", place: str | None = None) -> list[Mistake]:
        """The mistakes in its arguments.

        Args:
            view: the name of the view that the declaration is part of, if that is known.
            place: where in the view it stands, such as `source`.
        """
        found = []
        for each in self._wrong:
            argument = ".".join(filter(None, (self._called(each.argument), each.index)))
            where = f"{type(self).__name__} {argument}" if place is None else f"{place}.{argument}".lstrip(".")
            found.append(Mistake(self.declared_at, each.what, each.remedy, view=view, place=where.rstrip(" .")))
        return found

    def _called(self, argument: str) -> str:
        """What authors call an argument."""
        return argument

    @classmethod
    def _placeholder(cls, argument: str, given: object) -> object:
        """What stands in for a required argument that is wrong or missing."""
        del argument, given
        return PLACEHOLDER

    @classmethod
    def _mended(cls, data: Mapping[str, Any], wrong: Set[str]) -> dict[str, Any]:
        """The arguments without those that are wrong, with placeholders for required ones."""
        fields = cls.model_fields
        mended = {name: value for name, value in data.items() if name in fields and name not in wrong}
        required = [name for name in fields if name in wrong and fields[name].is_required()]
        return mended | {name: cls._placeholder(name, data.get(name)) for name in required}

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
