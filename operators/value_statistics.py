"""What a feature's values look like in a sample of rows, and how far that is from what they looked like before.

Drift is told in two ways. The standardised difference of the means is theirs by the standard deviation of the
reference. The population stability index is the sum of (p - q) * ln(p / q) over the tenths of the reference's values
and its nulls, p and q being the shares now and then: below 0.1 nothing, above 0.25 much has changed (Siddiqi, Credit
Risk Scorecards, chapter 6).
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from headwater.schemas.errors import FormatError

MOST_ROWS = 2_000
"""Of a period; each row of it is as likely as any other to be among them."""

LEAST_ROWS = 500
"""Fewer say nothing of drift."""

QUANTILES = (0.05, 0.5, 0.95)
_TENTHS = np.arange(0.1, 1.0, 0.1)


@dataclass(frozen=True, slots=True)
class Summary:
    """A feature's values in so many rows; those that are measured are None where no value is a number."""

    rows: int
    null_share: float
    default_share: float
    mean: float | None = None
    least: float | None = None
    greatest: float | None = None
    quantiles: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """What a feature's values were like in the reference period.

    `shares` are of the nulls, and of the values between the `edges`, of which each belongs to the part above it.
    """

    rows: int
    mean: float | None
    deviation: float | None
    edges: tuple[float, ...]
    shares: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """How far values are from the reference; None where that cannot be said."""

    stability_index: float
    mean_shift: float | None


class Sample:
    """Rows of one period. Texts and bytes are measured by nothing, lists and maps by their length."""

    def __init__(self, defaults: Mapping[str, Any]) -> None:
        """
        Args:
            defaults: the features, each with its value over no events.
        """
        self._defaults = defaults
        self._random = random.Random()  # noqa: S311 - a sample, no secret
        self._values = np.full((MOST_ROWS, len(defaults)), np.nan)
        self._nulls = np.zeros((MOST_ROWS, len(defaults)), bool)
        self._empty = np.zeros((MOST_ROWS, len(defaults)), bool)
        self._seen = 0

    @property
    def rows(self) -> int:
        """How many are kept."""
        return min(self._seen, MOST_ROWS)

    def add(self, row: Mapping[str, Any]) -> None:
        """One more row, by feature name."""
        place = self._seen if self._seen < MOST_ROWS else self._random.randrange(self._seen + 1)
        self._seen += 1
        if place < MOST_ROWS:
            for column, (name, default) in enumerate(self._defaults.items()):
                value = row[name]
                self._values[place, column] = _measure(value)
                self._nulls[place, column] = value is None
                self._empty[place, column] = value == default

    def summaries(self) -> dict[str, Summary]:
        """Of each feature, if there are rows."""
        return {name: self._summary(column) for column, name in enumerate(self._defaults) if self.rows}

    def references(self) -> dict[str, Reference]:
        """What later samples are compared with."""
        return {name: self._reference(column) for column, name in enumerate(self._defaults)}

    def drifts(self, references: Mapping[str, Reference]) -> dict[str, Drift]:
        """Of each feature that has a reference, if both have rows enough."""
        if self.rows < LEAST_ROWS:
            return {}
        return {
            name: self._drift(column, references[name])
            for column, name in enumerate(self._defaults)
            if name in references and references[name].rows >= LEAST_ROWS
        }

    def _summary(self, column: int) -> Summary:
        found = self._numbers(column)
        shares = float(self._nulls[: self.rows, column].mean()), float(self._empty[: self.rows, column].mean())
        if not len(found):
            return Summary(self.rows, *shares)
        quantiles = tuple(map(float, np.quantile(found, QUANTILES)))
        return Summary(self.rows, *shares, float(found.mean()), float(found.min()), float(found.max()), quantiles)

    def _reference(self, column: int) -> Reference:
        found = self._numbers(column)
        edges = np.zeros(0)
        if len(found):
            beyond = np.nextafter(found.max(), np.inf)  # what is greater than all was not there before
            edges = np.unique([*np.quantile(found, _TENTHS), beyond])
        return Reference(
            rows=self.rows,
            mean=float(found.mean()) if len(found) else None,
            deviation=float(found.std()) if len(found) else None,
            edges=tuple(map(float, edges)),
            shares=self._shares(column, edges),
        )

    def _drift(self, column: int, reference: Reference) -> Drift:
        now = np.array(self._shares(column, np.array(reference.edges)))
        then = np.array(reference.shares)
        found = self._numbers(column)
        shift = None
        if len(found) and reference.mean is not None and reference.deviation:
            shift = (float(found.mean()) - reference.mean) / reference.deviation
        return Drift(float(((now - then) * np.log(now / then)).sum()), shift)

    def _shares(self, column: int, edges: npt.NDArray[np.float64]) -> tuple[float, ...]:
        """Of nulls and of each part between the edges; half a row is added to each, so that none is 0."""
        counts = np.bincount(np.searchsorted(edges, self._numbers(column), side="right"), minlength=len(edges) + 1)
        rows = np.concatenate([[self._nulls[: self.rows, column].sum()], counts]) + 0.5
        return tuple(map(float, rows / rows.sum()))

    def _numbers(self, column: int) -> npt.NDArray[np.float64]:
        values = self._values[: self.rows, column]
        found: npt.NDArray[np.float64] = values[np.isfinite(values)]
        return found


def dump_references(references: Mapping[str, Reference]) -> str:
    """The references as JSON."""
    return json.dumps({name: asdict(reference) for name, reference in references.items()})


def load_references(text: str | bytes) -> dict[str, Reference]:
    """The references that `dump_references` wrote.

    Raises:
        FormatError: the text is none of them.
    """
    try:
        return {
            name: Reference(**{**said, "edges": tuple(said["edges"]), "shares": tuple(said["shares"])})
            for name, said in json.loads(text).items()
        }
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise FormatError(f"not a reference of feature values: {error!r}") from error


def _measure(value: Any) -> float:
    if isinstance(value, Sequence | Mapping):
        return np.nan if isinstance(value, str | bytes) else float(len(value))
    return np.nan if value is None else float(value)
