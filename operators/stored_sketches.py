"""The sketches that features store, as the `datasketches` package reads them (`pip install headwater[testing]`).

::

    row = reader.get(customer_id="c42")
    distinct_values(row.values["sku_distinct_sketch_24h"])             # an estimate
    quantile_sketch(row.values["amount_quantile_sketch_24h"]).get_quantile(0.9, True)

A sketch can be merged with others: of other entities, of other windows, or made by DataSketches in any language. Where
an empty text is to count, update such a one with the whole number `EMPTY_TEXT` for it, as is done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from headwater.operators.reference_aggregates import Valued, counted, number, values
from headwater.schemas.aggregation import KLL_K
from headwater.schemas.errors import FormatError, PrerequisiteError
from headwater.schemas.plan import Feature

SKETCHES = ("distinct_sketch", "quantile_sketch")
"""The aggregates whose values are sketches."""

EMPTY_TEXT = 0
"""What a sketch of distinct values is updated with for an empty text or no bytes, which DataSketches ignores."""


def distinct_sketch(stored: bytes) -> Any:
    """The `datasketches.hll_sketch` in these bytes.

    Raises:
        FormatError: they are not one.
        PrerequisiteError: the package `datasketches` is not installed.
    """
    return _deserialized(_datasketches().hll_sketch, stored)


def quantile_sketch(stored: bytes) -> Any:
    """The `datasketches.kll_doubles_sketch` in these bytes.

    Raises:
        FormatError: they are not one.
        PrerequisiteError: the package `datasketches` is not installed.
    """
    return _deserialized(_datasketches().kll_doubles_sketch, stored)


def distinct_values(stored: bytes) -> float:
    """The sketch's estimate of how many distinct values it has seen.

    Raises:
        FormatError: the bytes are not a sketch of distinct values.
    """
    return float(distinct_sketch(stored).get_estimate())


def stored_sketch(feature: Feature, events: Sequence[Valued]) -> bytes | None:
    """A sketch of a feature's values over these events, as it would be stored; None if there are no values.

    Raises:
        PrerequisiteError: the package `datasketches` is not installed.
    """
    found = values(feature, counted(feature, events))
    if not found:
        return None
    datasketches = _datasketches()
    if feature.aggregate == "quantile_sketch":
        sketch = datasketches.kll_doubles_sketch(KLL_K)
        for each in found:
            sketch.update(float(number(each)))
        return bytes(sketch.serialize())
    sketch = datasketches.hll_sketch(feature.precision)
    for each in found:
        sketch.update(EMPTY_TEXT if each in ("", b"") else int(each) if isinstance(each, bool) else each)
    return bytes(sketch.serialize_compact())


def _datasketches() -> Any:
    try:
        import datasketches
    except ImportError as error:
        raise PrerequisiteError("DataSketches is not installed: pip install 'headwater[testing]'") from error
    return datasketches


def _deserialized(kind: Any, stored: bytes) -> Any:
    try:
        return kind.deserialize(stored)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise FormatError(f"not a stored {kind.__name__}: {error}") from error
