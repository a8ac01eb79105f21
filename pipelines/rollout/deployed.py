"""The plans that are deployed, in a compacted topic that outlives every process.

The record of a view has its name as key. It is written in a transaction of the view's own: of two writers the later one
shuts the earlier one out, and each writes only if the record is still the one that it had seen.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

import structlog
from confluent_kafka.admin import AdminClient
from pydantic import BaseModel, ConfigDict, ValidationError

from headwater.pipelines.dead_letters.committed_topic import CommittedTopic
from headwater.pipelines.dead_letters.transactions import Record, Transactions
from headwater.pipelines.security.grants import PLANS_TOPIC
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.topics import BROKERS_OWN, Durability, TopicSpec, create_topics, durability_of
from headwater.schemas.errors import DependencyError, FencedError, FormatError, StackError, TopicError
from headwater.schemas.evolution.changes import compare, meanings_of
from headwater.schemas.plan import Plan

TOPIC = PLANS_TOPIC
_PARTITION = 0

_log = structlog.get_logger(__name__)


def plans_topic(durability: Durability = BROKERS_OWN) -> TopicSpec:
    """The topic that holds the plans."""
    return TopicSpec(TOPIC, 1, {"cleanup.policy": "compact", **durability.config}, durability.replication)


class DeployedPlan(BaseModel):
    """The record of one view.

    Attributes:
        at: when it was deployed, ISO 8601 in UTC; `by`: by whom.
        digest: of the plan.
        meanings: what names of features have meant in this generation, by digest of their meaning.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    at: str
    by: str
    digest: str
    meanings: dict[str, str]
    plan: Plan


class DeployedPlans:
    """What is deployed by the brokers of the settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def read(self) -> dict[str, DeployedPlan]:
        """The records by view; none if there never was one.

        Raises:
            BrokerError: the broker cannot be reached or refuses.
            FormatError: a record cannot be read, as when a later version of Headwater wrote it.
        """
        try:
            topic = CommittedTopic(self._settings, TOPIC)
        except TopicError:
            return {}
        try:
            newest = {message.key(): message.value() for message in topic.messages()}
        finally:
            topic.close()
        return {key.decode(): _parsed(key, value) for key, value in newest.items() if key and value}

    def note(self, plan: Plan, expected: str | None) -> None:
        """Records the plan as deployed, if the view's record has the expected digest (None: there is no record).

        Raises:
            FencedError: it has another, or another process is writing it.
            BrokerError, TopicError: the broker cannot be reached or refuses.
        """

        def record(before: DeployedPlan | None) -> bytes:
            same_log = before is not None and before.plan.generation == plan.generation
            noted = DeployedPlan(
                at=datetime.now(UTC).isoformat(timespec="seconds"),
                by=_who(),
                digest=plan.digest(),
                meanings=meanings_of(plan, before.meanings if before is not None and same_log else None),
                plan=plan,
            )
            return noted.model_dump_json(by_alias=True).encode()

        self._replace(plan.view, expected, record)

    def forget(self, view: str, expected: str | None) -> None:
        """Deletes the record of a view; raises as `note` does."""
        self._replace(view, expected, lambda _: None)

    def _replace(self, view: str, expected: str | None, record: Callable[[DeployedPlan | None], bytes | None]) -> None:
        admin = AdminClient(dict(client_properties(self._settings)))
        create_topics(admin, [plans_topic(durability_of(self._settings))])
        transactions = Transactions(self._settings, f"plans-{view}")
        transactions.take_over()
        before = self.read().get(view)
        found = None if before is None else before.digest
        if found != expected:
            raise FencedError(
                f"the deployed plan of {view} is {_short(found)}, not {_short(expected)} as was seen: plan again"
            )
        value = record(before)
        try:
            transactions.send([Record(TOPIC, _PARTITION, view.encode(), value, [])])
        except FencedError as error:
            raise FencedError(f"another process is deploying {view} at this moment: plan again") from error


def note_deployed(settings: Settings, plan: Plan) -> None:
    """Records the plan, unless a newer generation is deployed. A job can run without: trouble is only logged."""
    plans = DeployedPlans(settings)
    try:
        before = plans.read().get(plan.view)
        if before is not None and (before.digest == plan.digest() or before.plan.generation > plan.generation):
            return
        plans.note(plan, None if before is None else before.digest)
    except (DependencyError, FencedError, FormatError) as error:
        _log.warning("deployed_plan_not_noted", topic=TOPIC, error=str(error), consequence="`headwater plan` misses it")


def check_follows(settings: Settings, plans: Iterable[Plan]) -> None:
    """Whether each view can be deployed in place of what is.

    Raises:
        StackError: some cannot; says which, what changed and what to do.
        BrokerError, FormatError: what is deployed cannot be seen.
    """
    deployed = DeployedPlans(settings).read()
    problems = []
    for plan in plans:
        record = deployed.get(plan.view)
        change = None if record is None else compare(record.plan, plan, record.meanings)
        if change is not None and change.refusal:
            problems += [f"{plan.view}: {change.refusal}", *(f"  {each}" for each in change.changes)]
    if problems:
        raise StackError("\n".join(["views have changed so that they cannot go on from what is deployed", *problems]))


def _parsed(key: bytes | str, value: bytes | str) -> DeployedPlan:
    try:
        return DeployedPlan.model_validate_json(value)
    except ValidationError as error:
        raise FormatError(f"{TOPIC}: the record of {key!r} cannot be read: {error}") from error


def _short(digest: str | None) -> str:
    return "none" if digest is None else digest[:12]


def _who() -> str:
    try:
        return f"{getpass.getuser()}@{socket.gethostname()}"
    except (KeyError, OSError):  # a container's user may have no name
        return socket.gethostname()
