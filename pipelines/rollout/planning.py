"""From the declared views and what there is to a rollout."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from headwater.pipelines.deployment import job_name
from headwater.pipelines.rollout.acl_planning import acls_to_grant, acls_to_revoke
from headwater.pipelines.rollout.actions import (
    Action,
    AlterTopic,
    CreateTopic,
    DeleteTopic,
    ForgetPlan,
    HoldToLevel,
    NotePlan,
    RegisterOutput,
)
from headwater.pipelines.rollout.deployed import DeployedPlan
from headwater.pipelines.rollout.rollout import Rollout, ViewRollout
from headwater.pipelines.rollout.world import World
from headwater.pipelines.topics import TopicSpec, output_topics, same_config
from headwater.schemas.contracts.output import LEVEL, Output, output_contradictions, outputs_of, registered_id
from headwater.schemas.errors import SettingsError
from headwater.schemas.evolution.changes import ViewChange, compare
from headwater.schemas.plan import Plan


def plan_rollout(
    world: World, declared: Sequence[Plan], allow_delete: Collection[str] = (), users: str | None = None
) -> Rollout:
    """What becomes of every view that is declared or deployed.

    Args:
        allow_delete: views that are not declared any more, of which topics and plan may be deleted.
        users: how Kafka's users are named whose ACLs are brought to what the views need, as `users_of` takes it;
            None leaves ACLs alone.

    Raises:
        SettingsError: one of those views is declared, or not deployed.
        BrokerError, TopicError, RegistryError, FormatError: what there is cannot be seen.
    """
    plans, deployed = {plan.view: plan for plan in declared}, world.deployed()
    for view in allow_delete:
        if view in plans or view not in deployed:
            raise SettingsError(f"--allow-delete {view}: it is {'declared' if view in plans else 'not deployed'}")
    kept = [*declared, *(record.plan for name, record in deployed.items() if name not in allow_delete)]
    views = []
    for name in sorted({*plans, *deployed}):
        record, plan = deployed.get(name), plans.get(name)
        if plan is not None:
            views.append(_declared_view(world, record, plan, users))
        elif record is not None and name in allow_delete:
            views.append(_removed_view(world, record, kept, users))
        elif record is not None:
            views.append(_kept_view(world, record))
    return Rollout(cluster=world.cluster_id(), registry=world.registry.url, views=tuple(views))


def _declared_view(world: World, record: DeployedPlan | None, plan: Plan, users: str | None) -> ViewRollout:
    change = compare(None if record is None else record.plan, plan, None if record is None else record.meanings)
    refusals = [change.refusal] if change.refusal else []
    sources = [source.topic for source in plan.sources]
    missing = sorted({*sources} - world.topics(TopicSpec(topic, -1) for topic in sources).keys())
    refusals += [f"the event topic {topic} does not exist: {TopicSpec(topic, -1).command}" for topic in missing]
    actions: list[Action] = []
    if not change.refusal:
        wanted = output_topics(plan, world.durability)
        found = world.topics(wanted)
        if plan.log.topic in found and found[plan.log.topic].partitions != plan.log.partitions:
            refusals.append(
                f"the log {plan.log.topic} has {found[plan.log.topic].partitions} partitions, not"
                f" {plan.log.partitions}: raise the view's generation, so that it gets a log of its own"
            )
        actions += _topic_actions(wanted, found)
        for output in outputs_of(plan):
            refusals += [each.what for each in output_contradictions(output, world.subject(output.subject))]
            actions += _subject_actions(world, output)
        if record is None or record.digest != plan.digest():
            actions.append(NotePlan(before=None if record is None else record.digest, plan=plan))
        if users is not None:
            actions += acls_to_grant(world, plan, users)
    return _rollout(
        change,
        refusals=tuple(refusals),
        actions=tuple(actions),
        costs=() if missing else tuple(_costs(world, change, plan)),
        notes=tuple(_notes(change, plan, record)),
    )


def _topic_actions(wanted: Sequence[TopicSpec], found: dict[str, TopicSpec]) -> Iterator[Action]:
    for spec in wanted:
        there = found.get(spec.name)
        if there is None:
            yield CreateTopic(
                topic=spec.name, partitions=spec.partitions, replication=spec.replication, config=dict(spec.config)
            )
            continue
        other = {
            name: value
            for name, value in spec.config.items()
            if not same_config({name: there.config[name]}, {name: value})
        }
        if other:
            yield AlterTopic(topic=spec.name, before={name: there.config[name] for name in other}, config=other)


def _subject_actions(world: World, output: Output) -> Iterator[Action]:
    there = world.subject(output.subject)
    if there.level != LEVEL:
        yield HoldToLevel(subject=output.subject, before=there.level, level=LEVEL)
    if registered_id(output, there) is None:
        ids = tuple(version.schema_id for version in there.versions)
        yield RegisterOutput(view=output.view, subject=output.subject, before=ids, schema=dict(output.schema))


def _removed_view(world: World, record: DeployedPlan, kept: Sequence[Plan], users: str | None) -> ViewRollout:
    plan = record.plan
    actions = (
        *(DeleteTopic(topic=topic) for topic in _output_topics(world, plan)),
        *(() if users is None else acls_to_revoke(world, plan, users, kept)),
        ForgetPlan(view=plan.view, before=record.digest),
    )
    notes = ("stop its processes first", _what_stays(plan))
    return _rollout(compare(plan, None), refusals=(), actions=actions, costs=(), notes=notes)


def _kept_view(world: World, record: DeployedPlan) -> ViewRollout:
    plan = record.plan
    topics = ", ".join(_output_topics(world, plan)) or "none"
    notes = (f"nothing is deleted without --allow-delete {plan.view}: topics {topics}", _what_stays(plan))
    return _rollout(compare(plan, None), refusals=(), actions=(), costs=(), notes=notes)


def _output_topics(world: World, plan: Plan) -> list[str]:
    found = world.topics(output_topics(plan))
    return [spec.name for spec in output_topics(plan) if spec.name in found]


def _what_stays(plan: Plan) -> str:
    subjects = ", ".join(output.subject for output in outputs_of(plan))
    return f"stays: subjects {subjects}; its table, its keys in the online store, consumer group {job_name(plan)}"


def _costs(world: World, change: ViewChange, plan: Plan) -> Iterator[str]:
    if change.verdict != "nothing" and not change.keeps_state:
        topics = dict.fromkeys(source.topic for source in plan.sources)
        yield f"reads {world.records(topics):,} records of {', '.join(topics)} from the beginning"
        if change.deployed is not None:
            yield "until readers have switched, state, log and keys of both generations are kept"


def _notes(change: ViewChange, plan: Plan, record: DeployedPlan | None) -> Iterator[str]:
    if record is not None and record.digest != plan.digest():
        yield f"deployed {record.at} by {record.by}, plan {record.digest[:12]}"
    if change.verdict == "needs history":
        if plan.reach_ms is None:
            yield "right only as far back as the event topics go: a window of the view has no end"
        else:
            hours = plan.reach_ms / 3_600_000
            yield f"right for a key once the topics hold {hours:g} hours of events before its clock"
    if change.verdict != "nothing" and not change.keeps_state:
        yield f"consumer groups {job_name(plan)} and {job_name(plan)}-archive are made when the processes start"


def _rollout(
    change: ViewChange,
    *,
    refusals: tuple[str, ...],
    actions: tuple[Action, ...],
    costs: tuple[str, ...],
    notes: tuple[str, ...],
) -> ViewRollout:
    return ViewRollout(
        view=change.view,
        verdict=change.verdict,
        deployed=change.deployed,
        declared=change.declared,
        changes=change.changes,
        refusals=refusals,
        actions=actions,
        costs=costs,
        notes=notes,
    )
