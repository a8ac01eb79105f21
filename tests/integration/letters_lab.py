"""Dead letters in real topics, without the job that would have written them, and a replay that dies when it is told."""

from __future__ import annotations

import io
import os
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Message, Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic
from fastavro import parse_schema, schemaless_writer
from typer.testing import CliRunner, Result

from headwater.pipelines.cli import app
from headwater.pipelines.dead_letters.committed_topic import await_committed
from headwater.pipelines.dead_letters.handling import Tally, Task, drop, replay
from headwater.pipelines.dead_letters.letter import Selection
from headwater.pipelines.dead_letters.letters_topic import LettersTopic
from headwater.pipelines.registry import Registry
from headwater.pipelines.settings import Settings, load_settings
from headwater.pipelines.topics import create_output_topics
from headwater.schemas.avro import without_logical_types
from headwater.schemas.dead_letter import DEAD_LETTER_SCHEMA
from headwater.schemas.plan import Plan, SideTopic
from tests.dead_letters import letter_fields
from tests.feature_log_rows import make_plan
from tests.integration.compute_lab import read

PARTITIONS = 3
BATCH_LETTERS = 10

# A replay whose producer kills its process at the moment that is given: "begun", "sent" or "committed", and a number.
DYING_REPLAY = """
import os, signal, sys
from pathlib import Path
from headwater.pipelines.dead_letters import transactions
from headwater.pipelines.cli import app
from headwater.pipelines.dead_letters.handling import Task, replay
from headwater.pipelines.dead_letters.letter import Selection
from headwater.pipelines.dead_letters.letters_topic import LettersTopic
from headwater.pipelines.settings import load_settings
from headwater.schemas.plan import Plan

plan, batch_letters, moment, number = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])

class Dying(transactions.Producer):
    count = 0

    def begin_transaction(self):
        super().begin_transaction()
        Dying.count += 1
        self.die_at("begun")

    def commit_transaction(self, timeout):
        assert self.flush(20) == 0
        self.die_at("sent")
        super().commit_transaction(timeout)
        self.die_at("committed")

    def die_at(self, here):
        if (here, Dying.count) == (moment, number):
            os.kill(os.getpid(), signal.SIGKILL)

transactions.Producer = Dying
settings, chosen = load_settings(), Plan.from_json(plan.read_bytes())
letters = LettersTopic(settings, chosen.dead_letters.topic)
replay(Task(settings, chosen, letters, Selection(), batch_letters=batch_letters), print)
"""


@dataclass(frozen=True)
class LettersLab:
    """A view with an event topic and a topic of dead letters of its own."""

    settings: Settings
    plan: Plan
    plan_file: Path
    schema_id: int

    @property
    def topic(self) -> str:
        return self.plan.sources[0].topic

    def write_letters(self, *letters: dict[str, Any], late: bool = False) -> None:
        """Writes letters with these fields, of this view's event topic unless they say otherwise, in a transaction."""
        topic = (self.plan.late if late else self.plan.dead_letters).topic
        producer = Producer({**self.client, "transactional.id": f"job-{topic}"})
        producer.init_transactions(20)
        producer.begin_transaction()
        for fields in letters:
            producer.produce(topic, self.letter_value(fields), partition=0)
        producer.commit_transaction(20)
        await_committed(self.settings, topic)

    def letter_value(self, fields: dict[str, Any]) -> bytes:
        """A letter with these fields in the Confluent wire format."""
        buffer = io.BytesIO()
        buffer.write(struct.pack(">bI", 0, self.schema_id))
        schema = parse_schema(without_logical_types(DEAD_LETTER_SCHEMA))
        schemaless_writer(buffer, schema, letter_fields(**{"topic": self.topic, **fields}))
        return buffer.getvalue()

    def task(self, selection: Selection | None = None, **options: Any) -> Task:
        """Of all letters that are there now, in small batches."""
        letters = LettersTopic(self.settings, self.plan.dead_letters.topic)
        return Task(self.settings, self.plan, letters, selection or Selection(), batch_letters=BATCH_LETTERS, **options)

    def replay(self, selection: Selection | None = None, **options: Any) -> Tally:
        return replay(self.task(selection, **options), lambda _: None)

    def drop(self, selection: Selection | None = None, *, undo: bool = False) -> Tally:
        return drop(self.task(selection), lambda _: None, undo=undo)

    def dying_replay(self, moment: str, number: int) -> int:
        """A replay in a process of its own that kills itself then; its exit code."""
        command = (sys.executable, "-c", DYING_REPLAY, str(self.plan_file), str(BATCH_LETTERS), moment, str(number))
        return subprocess.run(command, env=self.environment, timeout=60, check=False).returncode

    def events(self, *, committed: bool = True) -> list[Message]:
        """The records of the event topic."""
        await_committed(self.settings, self.topic)
        return list(read(self.settings.kafka_bootstrap_servers, self.topic, committed=committed))

    def values(self) -> Counter[bytes]:
        """How often each value stands in the event topic for a reader of committed records."""
        return Counter(bytes(message.value() or b"") for message in self.events())

    def headwater(self, *arguments: str) -> Result:
        """Runs `headwater dead-letters` with these arguments for the view, with nobody there to answer."""
        name, *rest = arguments
        command = ["dead-letters", name, self.plan.view, *rest, "--plan", str(self.plan_file)]
        return CliRunner().invoke(app, command, env=self.environment, catch_exceptions=False)

    @property
    def client(self) -> dict[str, Any]:
        return {"bootstrap.servers": self.settings.kafka_bootstrap_servers}

    @property
    def environment(self) -> dict[str, str]:
        return {
            **os.environ,
            "HEADWATER_KAFKA_BOOTSTRAP_SERVERS": self.settings.kafka_bootstrap_servers,
            "HEADWATER_REGISTRY_URL": self.settings.registry_url,
            "PYTHONPATH": os.pathsep.join(sys.path),
        }


def make_letters_lab(
    bootstrap_servers: str, registry_url: str, directory: Path, view: str, topic_config: Mapping[str, str] | None = None
) -> LettersLab:
    """A view, its topics, and the schema of its letters; `topic_config` is of the event topic."""
    made = make_plan(view=view)
    dead, late = (
        SideTopic(topic=f"{view}_{name}", subject=f"{view}_{name}-value") for name in ("dead_letters", "late")
    )
    source = made.sources[0].model_copy(update={"topic": f"{view}.purchases"})
    plan = made.model_copy(update={"sources": (source,), "dead_letters": dead, "late": late})
    admin = AdminClient({"bootstrap.servers": bootstrap_servers})
    config = {"message.timestamp.type": "LogAppendTime", **(topic_config or {})}
    for created in admin.create_topics([NewTopic(source.topic, PARTITIONS, config=config)]).values():
        created.result(20)
    create_output_topics(admin, plan)
    plan_file = directory / f"{view}.plan.json"
    plan_file.write_text(plan.canonical_json())
    schema_id = Registry(Settings(registry_url=registry_url)).register(dead.subject, DEAD_LETTER_SCHEMA)
    settings = load_settings(kafka_bootstrap_servers=bootstrap_servers, registry_url=registry_url)
    return LettersLab(settings, plan, plan_file, schema_id)


def numbered_letters(count: int) -> Sequence[dict[str, Any]]:
    """Letters of events at the offsets from 0, each of which has its number for a value."""
    return [
        {
            "offset": number,
            "partition": number % PARTITIONS,
            "value": b"%d" % number,
            "value_bytes": len(b"%d" % number),
        }
        for number in range(count)
    ]
