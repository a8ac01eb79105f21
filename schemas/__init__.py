"""Declare features: sources, views, aggregates and windows, and the plan that they compile to."""

from headwater.schemas.aggregates import (
    count_events,
    count_of,
    first_of,
    last_of,
    max_of,
    mean_of,
    min_of,
    stddev_of,
    sum_of,
)
from headwater.schemas.compile import compile_view
from headwater.schemas.errors import DeclarationError, HeadwaterError, Mistake
from headwater.schemas.plan import Plan
from headwater.schemas.view import EventSource, FeatureView
from headwater.schemas.windows import lifetime, session, sliding, tumbling

__all__ = [
    "DeclarationError",
    "EventSource",
    "FeatureView",
    "HeadwaterError",
    "Mistake",
    "Plan",
    "compile_view",
    "count_events",
    "count_of",
    "first_of",
    "last_of",
    "lifetime",
    "max_of",
    "mean_of",
    "min_of",
    "session",
    "sliding",
    "stddev_of",
    "sum_of",
    "tumbling",
]
