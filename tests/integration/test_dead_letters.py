"""Dead letters in a real topic: found, sent back once each whatever happens meanwhile, or marked as done with."""

from __future__ import annotations

import json
import random
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer

from headwater.pipelines.dead_letters import committed_topic, handling
from headwater.pipelines.dead_letters.letter import Selection
from headwater.pipelines.dead_letters.letters_topic import LettersTopic
from headwater.pipelines.stack.broker import Broker
from headwater.pipelines.stack.registry import Registry
from headwater.schemas.errors import BrokerError, FencedError, RegistryError
from tests.dead_letters import AT_MS
from tests.integration.letters_lab import LettersLab, make_letters_lab, numbered_letters

EVENTS = 35  # three batches and a half
ONCE_EACH = Counter(b"%d" % number for number in range(EVENTS))


@pytest.fixture
def lab(broker: Broker, registry: Registry, tmp_path: Path, unique_name: Callable[[str], str]) -> LettersLab:
    return make_letters_lab(broker.bootstrap_servers, registry.url, tmp_path, unique_name("letters"))


def test_a_replayed_event_is_what_it_was_in_the_partition_where_it_was(lab: LettersLab) -> None:
    lab.write_letters(
        {"partition": 2, "value": b"\x00abc", "record_key": b"\x01key", "headers": {"trace": b"\x02"}},
        {"partition": 1, "offset": 3, "reason": "bad_magic", "value": b"", "value_bytes": 0},
    )
    assert lab.replay().handled == {"truncated": 1, "bad_magic": 1}
    events = {message.partition(): message for message in lab.events()}
    assert (events[2].key(), events[2].value()) == (b"\x01key", b"\x00abc")
    assert (events[1].key(), events[1].value()) == (None, b"")
    assert dict(events[2].headers() or ()) == {
        "trace": b"\x02",
        "headwater-replay-of": f"{lab.topic}-2@17".encode(),
        "headwater-replay-for": lab.plan.view.encode(),
        "headwater-original-timestamp": str(AT_MS).encode(),
    }
    assert events[2].timestamp()[1] > AT_MS


def test_an_event_is_replayed_once_though_two_generations_rejected_it_and_however_often_one_asks(
    lab: LettersLab,
) -> None:
    lab.write_letters({"generation": 1}, {"generation": 2})
    lab.replay()
    lab.write_letters({"generation": 3})
    assert lab.replay().handled == {}
    assert len(lab.events()) == 1


@pytest.mark.parametrize(
    ("moment", "number", "sent_before"),
    [
        ("begun", 1, 0),
        ("sent", 1, 0),
        ("committed", 1, 10),
        ("sent", 3, 20),
        ("sent", 4, 30),
        ("committed", 4, 35),
    ],
)
def test_a_replay_that_is_killed_and_run_again_sends_each_event_once(
    lab: LettersLab, moment: str, number: int, sent_before: int
) -> None:
    lab.write_letters(*numbered_letters(EVENTS))
    assert lab.dying_replay(moment, number) == -signal.SIGKILL
    assert lab.replay().handled.total() == EVENTS - sent_before
    assert lab.values() == ONCE_EACH
    uncommitted = Counter(bytes(message.value() or b"") for message in lab.events(committed=False))
    assert uncommitted.total() == EVENTS + (10 if moment == "sent" and number < 4 else 5 if moment == "sent" else 0)
    assert lab.replay().handled == {}


def test_a_replay_that_dies_again_and_again_still_sends_each_event_once(lab: LettersLab) -> None:
    lab.write_letters(*numbered_letters(EVENTS))
    for moment in ("sent", "committed", "sent", "begun", "committed", "sent"):
        assert lab.dying_replay(moment, 1) == -signal.SIGKILL
    lab.replay()
    assert lab.values() == ONCE_EACH


def test_of_two_replays_at_once_the_later_goes_on_and_each_event_is_sent_once(lab: LettersLab) -> None:
    lab.write_letters(*numbered_letters(EVENTS))
    task = lab.task()

    def another_begins(count: int) -> None:
        assert count == 10
        assert lab.replay().handled.total() == EVENTS - 10

    with pytest.raises(FencedError, match="another replay or drop has begun"):
        handling.replay(task, another_begins)
    assert lab.values() == ONCE_EACH


def test_a_replay_sends_what_is_selected_and_says_what_it_cannot_send(lab: LettersLab) -> None:
    lab.write_letters(
        {"offset": 1, "value": b"a"},
        {"offset": 2, "value": None, "value_bytes": 300_000, "value_sha256": "ab" * 32},
        {"offset": 3, "reason": "null_value", "value": None, "value_bytes": 0},
        {"offset": 4, "reason": "bad_magic", "value": b"b"},
        {"offset": 5, "partition": 9, "value": b"c"},
        {"offset": 6, "topic": "another.topic", "value": b"d"},
    )
    tally = lab.replay(Selection(reasons=frozenset({"truncated", "null_value"})))
    assert tally.handled == {"truncated": 1}
    assert sorted(why.split()[1] for why in tally.stuck) == ["1", "event", "event", "topic"]
    assert lab.values() == {b"a": 1}
    assert lab.replay(limit=2).handled == {}
    assert lab.replay().handled == {"bad_magic": 1}


def test_a_refused_record_leaves_none_of_its_batch_and_says_why(
    broker: Broker, registry: Registry, tmp_path: Path, unique_name: Callable[[str], str]
) -> None:
    limit = {"max.message.bytes": "2000"}
    lab = make_letters_lab(broker.bootstrap_servers, registry.url, tmp_path, unique_name("letters"), limit)
    noise = random.Random(1).randbytes(9_000)
    lab.write_letters({"offset": 1, "partition": 0, "value": b"small"}, {"offset": 2, "partition": 1, "value": noise})
    with pytest.raises(BrokerError, match=rf"a record for {lab.topic}-1 was refused: .*none of the batch was sent"):
        lab.replay()
    assert lab.values() == {}
    assert lab.replay(limit=1).handled.total() == 1


def test_a_dropped_letter_is_never_replayed_unless_that_is_undone(lab: LettersLab) -> None:
    lab.write_letters({"offset": 1, "value": b"a"}, {"offset": 2, "value": b"b"})
    assert lab.drop(Selection(partition=2)).handled == {"truncated": 2}
    assert lab.replay().handled == {}
    assert lab.drop(undo=True).handled == {"truncated": 2}
    assert lab.replay().handled == {"truncated": 2}
    assert lab.drop(undo=True).handled == {}
    assert lab.values() == {b"a": 1, b"b": 1}


def test_letters_of_a_transaction_that_is_open_are_not_there_yet(lab: LettersLab) -> None:
    lab.write_letters({"offset": 1})
    producer = Producer({**lab.client, "transactional.id": "open"})
    producer.init_transactions(20)
    producer.begin_transaction()
    producer.produce(lab.plan.dead_letters.topic, lab.letter_value({"offset": 2}), partition=0)
    producer.flush(20)
    assert [letter.event.offset for letter in LettersTopic(lab.settings, lab.plan.dead_letters.topic)] == [1]
    producer.abort_transaction(20)


def test_a_record_that_is_no_letter_is_passed_over_and_named(lab: LettersLab) -> None:
    producer = Producer(lab.client)
    producer.produce(lab.plan.dead_letters.topic, b"hello", partition=0)
    assert producer.flush(20) == 0
    lab.write_letters({"offset": 1})
    done = lab.headwater("list", "--json")
    assert [json.loads(line)["offset"] for line in done.stdout.splitlines()] == [1]
    assert "1 records were passed over" in done.stderr
    assert f"{lab.plan.dead_letters.topic}-0@0 is no dead letter" in done.stderr


def test_the_commands_from_the_list_to_the_replay(lab: LettersLab) -> None:
    assert "does not exist" not in lab.headwater("list").stderr
    lab.write_letters(
        {"offset": 1, "value": b"{}", "reason": "bad_magic"},
        {"offset": 2, "value": b"[]", "reason": "bad_magic"},
        {"offset": 3, "value": None, "value_bytes": 300_000, "value_sha256": "ab" * 32},
    )
    listed = lab.headwater("list", "--json", "--reason", "bad_magic", "--limit", "1")
    (letter,) = [json.loads(line) for line in listed.stdout.splitlines()]
    assert (letter["offset"], letter["reason"], letter["handled"]) == (2, "bad_magic", None)
    by_letter = json.loads(lab.headwater("show", letter["letter"], "--json").stdout)
    by_event = json.loads(lab.headwater("show", letter["event"], "--json").stdout)
    assert by_letter == by_event
    assert by_letter[0]["value"] == b"[]".hex()
    assert "starts with 5b 5d" in by_letter[0]["body_problem"]
    assert "5b 5d" in lab.headwater("show", letter["letter"]).stdout

    would = lab.headwater("replay", "--dry-run", "--json")
    assert json.loads(would.stdout)["replayed"] == {"bad_magic": 2}
    assert would.exit_code == 1  # one of them cannot be
    assert lab.headwater("replay").exit_code == 1  # nobody answers
    assert lab.values() == {}
    done = lab.headwater("replay", "--yes")
    assert done.exit_code == 1
    assert "cannot be replayed: 1 events" in done.stdout
    assert lab.values() == {b"{}": 1, b"[]": 1}
    assert lab.headwater("replay", "--yes", "--reason", "bad_magic").exit_code == 0

    assert lab.headwater("drop", "--yes", "--reason", "truncated").exit_code == 0
    assert lab.headwater("list", "--json").stdout == ""
    shown = [
        json.loads(line)["handled"]["action"]
        for line in lab.headwater("list", "--json", "--handled").stdout.splitlines()
    ]
    assert shown == ["replayed", "replayed", "dropped"]


def test_late_events_are_listed_on_request_and_can_be_dropped(lab: LettersLab) -> None:
    lab.write_letters({"reason": "late", "value": None, "value_bytes": 0}, late=True)
    assert lab.headwater("list", "--json").stdout == ""
    assert json.loads(lab.headwater("list", "--json", "--late").stdout)["reason"] == "late"
    assert lab.headwater("drop", "--late", "--yes").exit_code == 0
    assert lab.headwater("list", "--json", "--late").stdout == ""


def test_services_that_are_away_are_named_and_nothing_is_half_done(
    lab: LettersLab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.write_letters(*numbered_letters(3))
    monkeypatch.setattr(committed_topic, "BROKER_TIMEOUT_SECONDS", 1.0)
    no_broker = lab.settings.model_copy(update={"kafka_bootstrap_servers": "127.0.0.1:1"})
    with pytest.raises(BrokerError, match="cannot be read"):
        LettersTopic(no_broker, lab.plan.dead_letters.topic)
    no_registry = lab.settings.model_copy(update={"registry_url": "http://127.0.0.1:1"})
    letters = LettersTopic(no_registry, lab.plan.dead_letters.topic)
    with pytest.raises(RegistryError, match="cannot be reached"):
        handling.replay(handling.Task(no_registry, lab.plan, letters, Selection()), print)
    assert lab.values() == {}
    assert lab.replay().handled.total() == 3
