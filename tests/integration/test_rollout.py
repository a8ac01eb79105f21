"""What `headwater plan` shows `headwater apply` does, on a real broker and registry, wherever it is cut short."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from headwater.pipelines.registry import Registry
from headwater.pipelines.rollout.actions import Action
from headwater.pipelines.rollout.applying import apply_rollout
from headwater.pipelines.rollout.deployed import check_follows
from headwater.pipelines.rollout.planning import plan_rollout
from headwater.pipelines.rollout.rollout import Rollout, ViewRollout
from headwater.pipelines.rollout.world import World
from headwater.pipelines.settings import Settings
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.registry import Registry as RegistryServer
from headwater.pipelines.stack.sources import create_source_topics
from headwater.pipelines.topics import TopicSpec, found_topics
from headwater.schemas import count_events, max_of, mean_of, sum_of
from headwater.schemas.errors import FencedError, SettingsError, StackError
from headwater.schemas.plan import Plan
from tests.unit.test_declaring import plan_of, ride_source

ROOT = Path(__file__).parents[2]
VIEW_FILE = """
from headwater.schemas import EventSource, FeatureView, count_events

rides = FeatureView(
    name="{name}",
    source=EventSource(topic="{topic}", key="driver", event_time="ended", allowed_skew="1s"),
    features=[count_events(over="1h")],
    owner="tests",
    description="Rides.",
)
"""
RIDE = {
    "type": "record",
    "name": "Ride",
    "fields": [
        {"name": "driver", "type": "string"},
        {"name": "ended", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    ],
}
DIE_AFTER = """
import os, signal, sys
from pathlib import Path
from headwater.pipelines.rollout.applying import apply_rollout
from headwater.pipelines.rollout.rollout import Rollout
from headwater.pipelines.rollout.world import World
from headwater.pipelines.settings import load_settings

left = int(sys.argv[2])

def done(action, was_done):
    global left
    left -= not was_done
    if not left:
        os.kill(os.getpid(), signal.SIGKILL)

with World(load_settings()) as world:
    apply_rollout(world, Rollout.from_file(Path(sys.argv[1])), done)
"""


@pytest.fixture
def settings(broker: Broker, registry: RegistryServer) -> Settings:
    return Settings(
        kafka_bootstrap_servers=broker.bootstrap_servers,
        registry_url=registry.url,
        topic_replication=1,
        topic_min_insync_replicas=1,
    )


@pytest.fixture
def rides(broker: Broker, unique_name: Callable[[str], str]) -> Callable[..., Plan]:
    """Makes plans of one view of its own, whose event topic exists."""
    name = unique_name("rolled_out")
    create_source_topics(broker.bootstrap_servers, [f"{name}.events"], 2)

    def plan(*features: Any, **more: Any) -> Plan:
        source = ride_source(topic=f"{name}.events", **more.pop("source", {}))
        return plan_of(*features, source=source, name=name, **more)

    return plan


COUNT, FARE = count_events(over="1h"), sum_of("tips", over="1h")


@contextmanager
def world_of(settings: Settings) -> Iterator[World]:
    with World(settings) as world:
        yield world


def planned(settings: Settings, *plans: Plan, delete: str | None = None) -> Rollout:
    """The rollout of these views alone: those of other tests stand in the topic of plans too."""
    with World(settings) as world:
        rollout = plan_rollout(world, plans, [delete] if delete else [])
    names = {plan.view for plan in plans} | ({delete} if delete else set())
    return rollout.model_copy(update={"views": tuple(view for view in rollout.views if view.view in names)})


def applied(settings: Settings, rollout: Rollout) -> list[tuple[str, bool]]:
    """What was done, and whether it was done before."""
    taken: list[tuple[str, bool]] = []

    def done(action: Action, was_done: bool) -> None:
        taken.append((action.kind, was_done))

    with World(settings) as world:
        apply_rollout(world, rollout, done)
    return taken


def only(rollout: Rollout) -> ViewRollout:
    (view,) = rollout.views
    return view


def environment(settings: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "HEADWATER_KAFKA_BOOTSTRAP_SERVERS": settings.kafka_bootstrap_servers,
        "HEADWATER_REGISTRY_URL": settings.registry_url,
        "HEADWATER_TOPIC_REPLICATION": "1",
        "HEADWATER_TOPIC_MIN_INSYNC_REPLICAS": "1",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }


def headwater(settings: Settings, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "headwater.pipelines.cli", *map(str, arguments))
    return subprocess.run(
        command, cwd=ROOT, env=environment(settings), capture_output=True, text=True, timeout=180, check=False
    )


def test_a_new_view_is_shown_then_made_then_nothing_is_left_to_do(
    settings: Settings, rides: Callable[..., Plan]
) -> None:
    plan = rides(COUNT, FARE)
    rollout = planned(settings, plan)
    view = only(rollout)
    assert (view.verdict, view.refusals, view.deployed, view.declared) == ("new", (), None, 1)
    assert [action.kind for action in view.actions] == [
        *["create topic"] * 3,
        *["set level", "register schema"] * 3,
        "deploy plan",
    ]
    assert view.costs == (f"reads 0 records of {plan.sources[0].topic} from the beginning",)

    assert applied(settings, rollout) == [(action.kind, False) for action in view.actions]

    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    wanted = {"cleanup.policy": "", "retention.ms": "", "min.insync.replicas": "", "max.message.bytes": ""}
    log = found_topics(admin, [TopicSpec(plan.log.topic, -1, wanted)])[plan.log.topic]
    assert log.partitions == plan.log.partitions
    assert set(log.config["cleanup.policy"].split(",")) == {"compact", "delete"}
    assert (log.config["min.insync.replicas"], log.config["max.message.bytes"]) == ("1", str(8 * 1024 * 1024))
    after = only(planned(settings, plan))
    assert (after.verdict, after.actions) == ("nothing", ())
    assert all(was_done for _, was_done in applied(settings, rollout))


@pytest.mark.parametrize("actions", range(1, 10))
def test_a_process_that_is_killed_after_any_action_is_completed_by_the_next(
    settings: Settings, rides: Callable[..., Plan], tmp_path: Path, actions: int
) -> None:
    plan = rides(COUNT, FARE)
    file = tmp_path / "rollout.json"
    file.write_text(planned(settings, plan).to_json())
    command = (sys.executable, "-c", DIE_AFTER, str(file), str(actions))
    died = subprocess.run(command, cwd=ROOT, env=environment(settings), capture_output=True, timeout=180, check=False)
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()

    rest = applied(settings, Rollout.from_file(file))

    assert [was_done for _, was_done in rest].count(True) == actions
    assert only(planned(settings, plan)).verdict == "nothing"
    with Registry(settings) as registry:
        assert len(registry.subject(plan.log.subject).versions) == 1


def test_a_plan_is_refused_once_another_one_was_deployed_and_nothing_is_done(
    settings: Settings, rides: Callable[..., Plan]
) -> None:
    applied(settings, planned(settings, rides(COUNT, FARE)))
    mine = planned(settings, rides(COUNT, FARE, mean_of("tips", over="1h"), time_to_live="30d"))
    applied(settings, planned(settings, rides(COUNT)))
    with pytest.raises(FencedError, match=r"(?s)nothing was done: plan again\n.*deploy plan"):
        applied(settings, mine)
    assert only(planned(settings, rides(COUNT))).verdict == "nothing"


def test_a_plan_is_refused_once_a_topic_was_made_otherwise(
    settings: Settings, rides: Callable[..., Plan], broker: Broker
) -> None:
    rollout = planned(settings, rides(COUNT))
    create_source_topics(broker.bootstrap_servers, [rides(COUNT).log.topic], 1)
    with pytest.raises(FencedError, match="create topic"):
        applied(settings, rollout)
    view = only(planned(settings, rides(COUNT)))
    assert "has 1 partitions" in view.refusals[0]


def test_of_two_that_deploy_a_view_at_once_the_one_that_saw_less_is_refused(
    settings: Settings, rides: Callable[..., Plan]
) -> None:
    first, second = rides(COUNT), rides(COUNT, FARE)
    with world_of(settings) as mine, world_of(settings) as theirs:
        assert first.view not in mine.deployed()
        theirs.plans.note(second, None)
        with pytest.raises(FencedError, match=r"the deployed plan of .* not none as was seen"):
            mine.plans.note(first, None)
        mine.plans.note(first, second.digest())


def test_a_change_whose_state_is_kept_alters_what_it_must_and_one_that_needs_another_generation_is_refused(
    settings: Settings, rides: Callable[..., Plan]
) -> None:
    applied(settings, planned(settings, rides(COUNT, FARE)))

    kept = planned(settings, rides(FARE, COUNT, mean_of("tips", over="1h"), time_to_live="30d"))
    assert only(kept).verdict == "compatible"
    assert [action.kind for action in kept.actions] == ["alter topic", "register schema", "deploy plan"]
    applied(settings, kept)

    more = (COUNT, FARE, mean_of("tips", over="1h"), max_of("tips", over="1h"))
    refused = planned(settings, rides(*more))
    assert (only(refused).verdict, only(refused).actions) == ("needs history", ())
    assert "set generation=2" in refused.refusals[0]
    with pytest.raises(FencedError, match="set generation=2"):
        applied(settings, refused)

    raised = planned(settings, rides(*more, generation=2))
    view = only(raised)
    assert (view.verdict, view.deployed, view.declared, view.refusals) == ("needs history", 1, 2, ())
    assert [str(action).split()[2] for action in view.actions if action.kind == "create topic"] == [
        f"{view.view}_features_g2"
    ]
    applied(settings, raised)


def test_an_older_generation_than_the_deployed_one_is_refused_with_the_way_back(
    settings: Settings, rides: Callable[..., Plan]
) -> None:
    applied(settings, planned(settings, rides(COUNT, generation=2)))
    check_follows(settings, [rides(COUNT, generation=2), rides(COUNT, FARE, generation=3)])
    with pytest.raises(StackError, match="to go back, declare the old definition with generation=3"):
        check_follows(settings, [rides(COUNT)])


def test_a_view_that_is_gone_is_shown_and_deleted_only_where_that_is_allowed(
    settings: Settings, rides: Callable[..., Plan]
) -> None:
    plan = rides(COUNT)
    applied(settings, planned(settings, plan))
    with World(settings) as world:
        (shown,) = (view for view in plan_rollout(world, []).views if view.view == plan.view)
    assert (shown.verdict, shown.actions) == ("removed", ())
    assert f"--allow-delete {plan.view}" in shown.notes[0]
    with pytest.raises(SettingsError, match="it is declared"):
        planned(settings, plan, delete=plan.view)

    applied(settings, planned(settings, delete=plan.view))

    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    assert not {plan.log.topic, plan.late.topic} & admin.list_topics(timeout=10).topics.keys()
    assert only(planned(settings, plan)).verdict == "new"


def test_the_commands_say_by_their_exit_codes_what_a_script_must_know(
    settings: Settings, tmp_path: Path, unique_name: Callable[[str], str], broker: Broker
) -> None:
    name = unique_name("commanded")
    views, file = tmp_path / "views.py", tmp_path / "rollout.json"
    views.write_text(VIEW_FILE.format(name=name, topic=f"{name}.events"))
    subject = tmp_path / "subjects" / f"{name}.events-value"
    subject.mkdir(parents=True)
    (subject / "v1.avsc").write_text(json.dumps(RIDE))

    missing = headwater(settings, "plan", views, "--out", file)
    assert missing.returncode == 1, missing.stderr
    assert f"the event topic {name}.events does not exist" in missing.stdout
    assert not file.exists()

    create_source_topics(broker.bootstrap_servers, [f"{name}.events"], 1)
    shown = headwater(settings, "plan", views, "--out", file, "--json")
    assert shown.returncode == 2, shown.stderr
    (view,) = (each for each in json.loads(shown.stdout)["views"] if each["view"] == name)
    assert (view["verdict"], len(view["actions"])) == ("new", 10)

    done = headwater(settings, "apply", file, "--json")
    assert done.returncode == 0, done.stderr
    assert [action["done_before"] for action in json.loads(done.stdout)] == [False] * 10
    again = headwater(settings, "plan", views)
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"{name} generation 1: nothing, is as declared" in again.stdout

    views.write_text(views.read_text().replace('over="1h"', 'over="2h"'))
    refused = headwater(settings, "plan", views)
    assert refused.returncode == 1
    assert "set generation=2 in the view" in refused.stdout
