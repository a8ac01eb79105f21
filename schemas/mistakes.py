"""The mistakes that are found while one view is compiled, each with where in the view it stands."""

from __future__ import annotations

from headwater.schemas.errors import DeclarationError, Mistake


class Mistakes:
    """Gathers mistakes, each once, in the order in which they were found."""

    def __init__(self, where: str) -> None:
        """`where`: the file, line and name of the view that is compiled."""
        self._where = where
        self._found: dict[Mistake, None] = {}

    def add(self, place: str, what: str, remedy: str = "") -> None:
        """Notes one mistake: what is wrong at this place of the view, and how to mend it."""
        self._found[Mistake(f"{self._where} {place}".strip(), what, remedy)] = None

    def raise_if_any(self) -> None:
        """Raises:
        DeclarationError: with every mistake, if there is one.
        """
        if self._found:
            raise DeclarationError(tuple(self._found))
