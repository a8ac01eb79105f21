"""What the tests of a secure stack share: the stack itself, and what each component does there, in a few calls."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from headwater.operators.fence import Fence
from headwater.pipelines.committed_log import CommittedLog
from headwater.pipelines.dead_letters.committed_topic import CommittedTopic
from headwater.pipelines.dead_letters.marks import MarkWriter, read_marks
from headwater.pipelines.dead_letters.transactions import Record, Transactions
from headwater.pipelines.groundwork import lay_groundwork
from headwater.pipelines.online_store import check_store, connect, partition_keys
from headwater.pipelines.online_view import publish
from headwater.pipelines.reader import OnlineReader
from headwater.pipelines.registry import Registry
from headwater.pipelines.rollout.deployed import DeployedPlans
from headwater.pipelines.rollout.world import World
from headwater.pipelines.security.grants import Component
from headwater.pipelines.security.names import NAMES
from headwater.pipelines.settings import Settings, client_properties
from headwater.pipelines.stack.security import settings_of
from headwater.pipelines.stack.state import StackState, StateDirectory
from headwater.pipelines.topics import create_output_topics, found_topics, output_topics
from headwater.pipelines.watch.value_watch import reference_key
from headwater.schemas.plan import Plan

PACKAGE = Path(__file__).resolve().parents[2]
VIEW = "customer_purchases"
COMMAND_SECONDS = 600


@dataclass(frozen=True)
class SecureStack:
    """The shop's view on a stack that was started with `--secure`."""

    root: Path

    def run(self, *arguments: str) -> str:
        """A command of headwater's own, which must succeed; what it says."""
        command = [sys.executable, "-m", "headwater.pipelines.cli", *arguments]
        told = subprocess.run(command, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
        assert told.returncode == 0, told.stderr
        return told.stdout + told.stderr

    def up(self) -> None:
        views, schemas = PACKAGE / "pipelines" / "shop", PACKAGE / "schemas"
        self.run(
            "up", "--views", str(views), "--schemas", str(schemas), "--state", str(self.root), "--secure", "--detach"
        )

    def down(self) -> None:
        self.run("down", "--state", str(self.root))

    @property
    def state(self) -> StackState:
        found = StateDirectory(self.root).read()
        assert found is not None
        return found

    @property
    def plan(self) -> Plan:
        return Plan.from_json(self.state.views[0].plan.read_bytes())

    def settings(self, component: Component | None = None, **given: object) -> Settings:
        """Those of a component's own user, or of the stack's administrator; some of them as given."""
        name = NAMES.format(component=component, view=VIEW)
        settings = settings_of(self.state, name) if component else settings_of(self.state)
        return settings.model_copy(update={"checkpoint_dir": str(self.root / "no-checkpoints"), **given})

    def kill(self, name: str) -> None:
        """SIGKILL to a process of the stack; its supervisor starts it again."""
        identity = next(process.identity for process in self.state.processes if process.name == name)
        process = identity and identity.find()
        assert process is not None, name
        os.kill(process.pid, 9)

    def log(self, name: str) -> str:
        return (self.root / "logs" / f"{name}.log").read_text(errors="replace")


def compute(settings: Settings, plan: Plan) -> None:
    lay_groundwork(settings, plan)
    Transactions(settings, f"{plan.view}-g{plan.generation}-test").take_over()


def materialize(settings: Settings, plan: Plan) -> None:
    with_consumer(settings, f"headwater-{plan.view}-g{plan.generation}-materialize", plan.log.topic)
    with connect(settings) as redis:
        check_store(redis)
        keys = partition_keys(plan.view, plan.generation, 999)
        fence = Fence(redis, keys.offset, keys.heartbeat)
        stored = redis.get(keys.offset)
        assert fence.write([], expected=None if stored is None else int(stored), next_offset=1)
        publish(redis, plan, time.time() * 1000)
    assert Registry(settings).subject(plan.log.subject).versions


def archive(settings: Settings, plan: Plan) -> None:
    log = CommittedLog(settings, plan)
    try:
        log.start({0: 0})
        log.read(1, 1.0)
    finally:
        log.close()
    assert Registry(settings).subject(plan.log.subject).versions


def watch(settings: Settings, plan: Plan) -> None:
    """Beside the reference that the stack's own has, it writes one of a generation that there is not."""
    with_consumer(settings, f"headwater-watch-{uuid.uuid4()}", plan.sources[0].topic)
    with connect(settings) as redis:
        redis.scan(0, match=f"hw:{{{plan.view}.g*")
        redis.set(reference_key(plan.model_copy(update={"generation": 0})), b"test")
    reader(settings, plan)


def reader(settings: Settings, plan: Plan) -> None:
    with OnlineReader(settings, plan.view) as opened:
        opened.get(customer_id="customer-00001")


def producer(settings: Settings, plan: Plan) -> None:
    """An event that no view counts, since it is none."""
    refusals: list[KafkaError] = []

    def delivered(error: KafkaError | None, _: object) -> None:
        if error is not None:
            refusals.append(error)

    client = Producer({**client_properties(settings), "message.timeout.ms": 10_000, "log_level": 0})
    client.produce(plan.sources[0].topic, b"no event", on_delivery=delivered)
    client.flush(15)
    assert not refusals, refusals[0].str()


def letters(settings: Settings, plan: Plan) -> None:
    CommittedTopic(settings, plan.dead_letters.topic).close()
    CommittedTopic(settings, plan.sources[0].topic).close()
    read_marks(settings, plan.dead_letters.topic)
    writer = MarkWriter(settings, plan.dead_letters.topic)
    transactions = Transactions(settings, f"{plan.dead_letters.topic}-handling")
    transactions.take_over()
    transactions.send([Record(writer.topic, None, b"test", None, [])])


def apply(settings: Settings, plan: Plan) -> None:
    with World(settings) as world:
        assert found_topics(world.admin, output_topics(plan))
        world.records([plan.log.topic])
        world.subject(plan.log.subject)
    create_output_topics(AdminClient({**client_properties(settings), "log_level": 0}), plan)
    plans = DeployedPlans(settings)
    plans.note(plan, plans.read()[plan.view].digest)


def with_consumer(settings: Settings, group: str, *topics: str) -> None:
    """Reads what is there of each topic, as a member of no group."""
    consumer = Consumer(
        {
            **client_properties(settings),
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "log_level": 0,
        }
    )
    try:
        for topic in topics:
            found = consumer.list_topics(topic, 10).topics[topic]
            assert found.error is None, found.error.str()
            consumer.assign([TopicPartition(topic, 0, 0)])
            message = consumer.poll(3)
            error = message and message.error()
            assert not error, error.str()
    finally:
        consumer.close()


DOES: dict[Component, Callable[[Settings, Plan], None]] = {
    "compute": compute,
    "materialize": materialize,
    "archive": archive,
    "watch": watch,
    "reader": reader,
    "producer": producer,
    "letters": letters,
    "apply": apply,
}
"""What each component does, so far as it needs grants."""
