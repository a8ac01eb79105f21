"""The sketches that features store, as the `datasketches` package reads them (`pip install headwater[testing]`).

::

    row = reader.get(customer_id="c42")
    distinct_values(row.values["sku_distinct_sketch_24h"])             # an estimate
    quantile_sketch(row.values["amount_quantile_sketch_24h"]).get_quantile(0.9, True)

A sketch can be merged with others: of other entities, of other windows, or made by DataSketches in any language.
"""

from __future__ import annotations

from typing import Any

from headwater.schemas.errors import FormatError


def distinct_sketch(stored: bytes) -> Any:
    """The `datasketches.hll_sketch` in these bytes.

    Raises:
        FormatError: they are not one.
    """
    import datasketches

    return _deserialized(datasketches.hll_sketch, stored)


def quantile_sketch(stored: bytes) -> Any:
    """The `datasketches.kll_doubles_sketch` in these bytes.

    Raises:
        FormatError: they are not one.
    """
    import datasketches

    return _deserialized(datasketches.kll_doubles_sketch, stored)


def distinct_values(stored: bytes) -> float:
    """The sketch's estimate of how many distinct values it has seen.

    Raises:
        FormatError: the bytes are not a sketch of distinct values.
    """
    return float(distinct_sketch(stored).get_estimate())


def _deserialized(kind: Any, stored: bytes) -> Any:
    try:
        return kind.deserialize(stored)
    except (RuntimeError, ValueError, IndexError, TypeError) as error:
        raise FormatError(f"not a stored {kind.__name__}: {error}") from error
