"""The command line says what is wrong in words, and what to do; scripts get JSON and exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import pytest

from headwater.pipelines import cli
from headwater.pipelines.commands.views import parse_entity, parse_instant
from headwater.schemas.errors import FormatError, HeadwaterError
from headwater.schemas.keys import EntityField
from headwater.schemas.plan import Plan

SHOP = Path(__file__).parents[2] / "pipelines" / "shop" / "views.py"
SCHEMAS = Path(__file__).parents[2] / "schemas"

TWO_MISTAKES = """
from headwater.schemas import EventSource, FeatureView, count_events, sum_of

broken = FeatureView(
    name="broken",
    source=EventSource(topic="shop.purchases", key="no_such_field", event_time="purchased_at", allowed_skew="10s"),
    features=[count_events(over="1m"), sum_of("no_such_amount", over="1m")],
    owner="me@example.org",
    description="Wrong twice.",
    freshness="1s",
)
"""

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs a command line in this process and returns its exit code."""

    def run_main(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["headwater", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return run_main


@pytest.mark.parametrize(
    "command",
    [
        *("demo", "up", "down", "status", "compile", "test", "doctor", "compute", "materialize", "archive", "get"),
        *("savepoint list", "savepoint take", "savepoint restore"),
        *("dead-letters list", "dead-letters show", "dead-letters replay", "dead-letters drop"),
    ],
)
def test_every_command_teaches_by_an_example(run: Run, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert run(*command.split(), "--help") == 0
    assert f"headwater {command}" in capsys.readouterr().out


def test_compile_writes_the_plan_and_says_so_as_json(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("compile", SHOP, "--schemas", SCHEMAS, "--out", tmp_path, "--json") == 0
    (row,) = json.loads(capsys.readouterr().out)
    plan = Plan.from_json(Path(row["plan"]).read_bytes())
    assert (row["view"], row["sha256"]) == (plan.view, plan.digest())


def test_compile_shows_every_mistake_with_its_place(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "views.py").write_text(TWO_MISTAKES)
    assert run("compile", tmp_path, "--schemas", SCHEMAS, "--out", tmp_path) == 1
    shown = capsys.readouterr().err
    assert "no_such_field" in shown
    assert "no_such_amount" in shown
    assert "views.py" in shown
    assert not list(tmp_path.glob("*.json"))


def test_an_error_is_one_message_without_a_traceback(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEADWATER_REDIS_URL", raising=False)
    assert run("get", "a_view", "id=1", "--state", tmp_path / "absent") == 1
    shown = capsys.readouterr().err
    assert shown.startswith("error: no stack was started")
    assert "Traceback" not in shown


def test_with_debug_the_error_itself_comes_through(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "argv", ["headwater", "--debug", "materialize", "--plan", str(tmp_path / "absent.json")])
    with pytest.raises(HeadwaterError, match=r"absent\.json"):
        cli.main()


@pytest.mark.parametrize("arguments", [(), ("--plan", "a.json", "--views", "views")])
def test_a_process_wants_a_plan_or_views_and_not_both(
    run: Run, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert run("archive", *arguments) == 1
    assert "either --plan FILE, or --views PATH" in capsys.readouterr().err


def test_status_of_nothing_is_an_exit_code_and_a_hint(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run("status", "--state", tmp_path) == 1
    assert "headwater up" in capsys.readouterr().err
    assert run("status", "--state", tmp_path, "--json") == 1
    assert json.loads(capsys.readouterr().out) == {"phase": "stopped"}


def test_down_where_nothing_runs_is_no_error(run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("down", "--state", tmp_path) == 0
    assert "nothing was running" in capsys.readouterr().err


def field(name: str, kind: Literal["string", "long", "bytes", "boolean"]) -> EntityField:
    return EntityField(name=name, type=kind)


@pytest.mark.parametrize("command", ["list", "replay", "drop"])
def test_dead_letters_of_no_stack_or_of_another_view_are_an_error_that_says_what_to_give(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str
) -> None:
    assert run("dead-letters", command, "a_view", "--state", tmp_path / "absent") == 1
    assert "or give --plan or --views" in capsys.readouterr().err
    assert run("compile", SHOP, "--schemas", SCHEMAS, "--out", tmp_path) == 0
    plan = tmp_path / "customer_purchases.plan.json"
    assert run("dead-letters", command, "a_view", "--plan", plan) == 1
    assert "is of the view customer_purchases, not of a_view" in " ".join(capsys.readouterr().err.split())


def test_an_entity_is_read_by_the_types_of_its_view() -> None:
    fields = [field("name", "string"), field("shop", "long"), field("digest", "bytes"), field("test", "boolean")]
    assert parse_entity(fields, ["shop=-3", "name=a=b", "test=true", "digest=0aff"]) == {
        "name": "a=b",
        "shop": -3,
        "digest": b"\x0a\xff",
        "test": True,
    }


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ([], "shop=..."),
        (["shop=1", "shop=2"], "shop=..."),
        (["store=1"], "shop=..."),
        (["shop=one"], "a whole number"),
    ],
)
def test_an_entity_that_is_not_the_views_is_refused_with_what_is(texts: list[str], message: str) -> None:
    with pytest.raises(FormatError) as refused:
        parse_entity([field("shop", "long")], texts)
    assert message in str(refused.value)


def test_an_instant_is_iso_8601_with_zone_or_epoch_seconds() -> None:
    assert parse_instant("2026-01-31T12:00:00Z") == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert parse_instant("1769860800.5") == 1769860800.5


@pytest.mark.parametrize("text", ["2026-01-31T12:00:00", "yesterday"])
def test_an_instant_that_could_mean_several_is_refused(text: str) -> None:
    with pytest.raises(FormatError, match="--as-of"):
        parse_instant(text)
