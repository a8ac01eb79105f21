"""A view's lineage as an OpenLineage event: which fields of which topics feed which columns of which stores.

It is the event of a job as it is designed, not of a run of it (the specification's JobEvent), and is made and sent by
OpenLineage's own client, which is told where to by its own settings, such as OPENLINEAGE_URL.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from headwater.pipelines.deployment import job_name
from headwater.pipelines.lineage_stores import broker_of, stores_of
from headwater.pipelines.settings import Settings
from headwater.schemas.errors import DependencyError, PrerequisiteError
from headwater.schemas.lineage import EventField, Lineage, lineage_of
from headwater.schemas.plan import Plan

if TYPE_CHECKING:
    from openlineage.client.event_v2 import JobEvent
    from openlineage.client.facet_v2 import DatasetFacet

NAMESPACE = "headwater"
PRODUCER = "urn:headwater"

_INDIRECT = {"filter": "FILTER", "key": "GROUP_BY", "event time": "WINDOW", "event id": "CONDITIONAL"}


def job_event(settings: Settings, plan: Plan) -> JobEvent:
    """The event of a view's job, whose outputs are the feature log, the online store and the offline table.

    Raises:
        PrerequisiteError: OpenLineage's client is not installed.
    """
    try:
        from openlineage.client.event_v2 import InputDataset, Job, JobEvent, OutputDataset
        from openlineage.client.facet_v2 import documentation_job, job_type_job, ownership_job
    except ImportError as error:
        raise PrerequisiteError(
            "OpenLineage's client is not installed: run `pip install 'headwater[lineage]'`"
        ) from error
    facets = {
        "ownership": ownership_job.OwnershipJobFacet(owners=[ownership_job.Owner(name=plan.owner, type="OWNER")]),
        "documentation": documentation_job.DocumentationJobFacet(description=plan.description),
        "jobType": job_type_job.JobTypeJobFacet(processingType="STREAMING", integration="HEADWATER", jobType="VIEW"),
    }
    broker = broker_of(settings)
    lineage = lineage_of(plan)
    return JobEvent(
        eventTime=datetime.now(UTC).isoformat(),
        producer=PRODUCER,
        job=Job(namespace=plan.domain or NAMESPACE, name=job_name(plan), facets=facets),
        inputs=[InputDataset(namespace=broker, name=topic) for topic in sorted({s.topic for s in plan.sources})],
        outputs=[
            OutputDataset(namespace=each.namespace, name=each.name, facets=_columns(plan, lineage, broker))
            for each in stores_of(settings, plan)
        ],
    )


def send_events(events: list[JobEvent]) -> None:
    """Sends the events where OpenLineage's client is told to.

    Raises:
        DependencyError: they could not be sent.
    """
    from openlineage.client import OpenLineageClient

    client = OpenLineageClient()
    for event in events:
        try:
            client.emit(event)
        except Exception as error:
            raise DependencyError(f"the lineage of {event.job.name} could not be sent: {error}") from error


def _columns(plan: Plan, lineage: Lineage, broker: str) -> dict[str, DatasetFacet]:
    from openlineage.client.facet_v2 import column_lineage_dataset as columns
    from openlineage.client.facet_v2 import schema_dataset

    def field(of: EventField, kind: str, subtype: str, told: str) -> columns.InputField:
        how = columns.Transformation(type=kind, subtype=subtype, description=told)
        return columns.InputField(namespace=broker, name=of.topic, field=of.name, transformations=[how])

    features = {
        feature.name: columns.Fields(
            inputFields=[
                field(origin.field, "INDIRECT", "FILTER", "where")
                if origin.way == "filter"
                else field(origin.field, "DIRECT", "AGGREGATION", origin.aggregate)
                for origin in lineage.origins_of(feature.name)
            ]
        )
        for feature in plan.features
    }
    whole = [field(of, "INDIRECT", _INDIRECT[use], use) for of, use in lineage.view if use in _INDIRECT]
    keys = [schema_dataset.SchemaDatasetFacetFields(name=each.name, type=each.type) for each in plan.entity]
    values = [schema_dataset.SchemaDatasetFacetFields(name=each.name, type=each.type) for each in plan.features]
    return {
        "schema": schema_dataset.SchemaDatasetFacet(fields=[*keys, *values]),
        "columnLineage": columns.ColumnLineageDatasetFacet(fields=features, dataset=whole),
    }
