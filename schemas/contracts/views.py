"""Which features of a view a change of its events' schema reaches."""

from __future__ import annotations

from collections.abc import Iterator

from headwater.schemas.contracts.parse import parse
from headwater.schemas.contracts.resolution import Break, breaks
from headwater.schemas.contracts.types import AvroType
from headwater.schemas.plan import Feature, Plan, SourcePlan
from headwater.schemas.reads import FieldPath, Reads, features_below


def breaks_of_view(plan: Plan, subject: str, writer: AvroType) -> list[tuple[Break, str]]:
    """Why a job with this plan cannot read events of this writer, each with the features that it costs."""
    found = []
    for source in plan.sources:
        if source.subject == subject:
            reader, _ = parse(source.reader_schema)
            if reader is not None:
                found += [(each, uses_of(plan, source, each.field)) for each in breaks(reader, writer)]
    return found


def uses_of(plan: Plan, source: SourcePlan, field: FieldPath) -> str:
    """What in the view needs the field, or what stands below it: features by name, the key, the event time."""
    return ", ".join(_uses(plan, source, field)) or "all features"


def _uses(plan: Plan, source: SourcePlan, field: FieldPath) -> Iterator[str]:
    reads = Reads(source, field)
    for use in reads.uses():
        if use == "expectation":
            names = reads.expectations()
            yield f"expectation{'s' if len(names) > 1 else ''} {', '.join(names)}"
        else:
            yield f"its {use}"
    names = [feature.name for feature in plan.features if _is_fed(plan, feature, reads.columns)]
    if names:
        yield f"feature{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _is_fed(plan: Plan, feature: Feature, columns: frozenset[int]) -> bool:
    return any(columns & {each.column, each.filter, each.weight} for each in features_below(plan.features, feature))
