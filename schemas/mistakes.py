"""The mistakes that are found while one view is compiled, each with where in the view it stands."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from headwater.schemas.declaration import Declaration
from headwater.schemas.errors import DeclarationError, Mistake
from headwater.schemas.view import FeatureView, parts_of


class Mistakes:
    """Gathers mistakes, each once, in the order in which they were found."""

    def __init__(self, view: FeatureView) -> None:
        """Starts with the mistakes in the arguments of the view and of all its parts."""
        self._view = view
        self._parts = list(parts_of(view))
        self._within: Declaration | None = None
        self._found: dict[Mistake, None] = {}
        self._placeholders: set[str] = set()
        for place, part in self._parts:
            self._found |= dict.fromkeys(part.mistakes(view.name, place))
            self._placeholders |= {f"{place}.{argument}".lstrip(".") for argument in part.wrong_arguments}

    @contextmanager
    def within(self, part: Declaration) -> Iterator[None]:
        """Within this context mistakes are told with the line of this part of the view."""
        self._within = part
        try:
            yield
        finally:
            self._within = None

    def add(self, place: str, what: str, remedy: str = "") -> None:
        """Notes one mistake.

        Args:
            place: where in the view it stands, such as `source.key` or `features.amount_sum`. If a placeholder stands
                there for a wrong argument, nothing is noted.
            what: what is wrong; or that, a semicolon and the remedy.
            remedy: how to mend it.
        """
        if place in self._placeholders:
            return
        if not remedy:
            what, _, remedy = what.partition("; ")
        self._found[Mistake(self._line_of(place), what, remedy, view=self._view.name, place=place)] = None

    def error(self) -> DeclarationError:
        """An error with every mistake."""
        return DeclarationError(tuple(self._found))

    def raise_if_any(self) -> None:
        """Raises:
        DeclarationError: with every mistake, if there is one.
        """
        if self._found:
            raise self.error()

    def _line_of(self, place: str) -> str:
        """File and line of the part that is looked at, or else of the one that the place is in."""
        if self._within is not None and not place.startswith("source"):
            return self._within.declared_at
        named = {at: part for at, part in reversed(self._parts) if place.startswith(at)}
        return named[max(named, key=len)].declared_at
