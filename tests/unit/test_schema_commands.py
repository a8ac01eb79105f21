"""`headwater schemas`: exit codes and JSON for scripts, words for people."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.pipelines import cli
from headwater.pipelines.commands import schemas
from tests.unit.contract_files import CLICKED_AT, SPENT, SUBJECT, USER, click, field, write_subject, write_views
from tests.unit.fake_registry import FakeRegistry

Run = Callable[..., int]

PROMOTED = click(field("spent", "double"))
DEFAULTED = click(field("spent", "int", default=0))


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `headwater schemas ...` in this process and returns its exit code."""

    def run_main(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["headwater", "schemas", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return int(ended.value.code or 0)

    return run_main


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRegistry]:
    with FakeRegistry() as server:
        monkeypatch.setenv("HEADWATER_REGISTRY_URL", server.url)
        yield server


@pytest.fixture
def printed(capsys: pytest.CaptureFixture[str]) -> Callable[[], Any]:
    """What was printed last, as JSON."""
    return lambda: json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("command", ["check", "register", "diff"])
def test_every_command_teaches_by_an_example(run: Run, capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert run(command, "--help") == 0
    assert f"headwater schemas {command}" in capsys.readouterr().out


def test_check_of_what_is_well_ends_with_0(run: Run, printed: Callable[[], Any], tmp_path: Path) -> None:
    write_subject(tmp_path, [click(SPENT), PROMOTED], level="BACKWARD")
    assert run("check", "--subjects", tmp_path, "--json") == 0
    assert printed() == {"subjects": {SUBJECT: 2}, "views": [], "sealed": {}, "findings": []}


def test_check_of_what_is_wrong_ends_with_1_and_says_where(
    run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    write_subject(tmp_path, [click(SPENT), PROMOTED], level="FORWARD")
    assert run("check", "--subjects", tmp_path) == 1
    shown = capsys.readouterr().err
    assert "compatibility" in shown
    assert f"{SUBJECT}/v2.avsc" in shown


def test_check_finds_the_views_that_break_as_compile_finds_views(
    run: Run, printed: Callable[[], Any], tmp_path: Path
) -> None:
    write_subject(tmp_path / "subjects", [click(SPENT), click()])
    assert run("check", "--subjects", tmp_path, "--views", write_views(tmp_path / "views"), "--json") == 1
    (finding,) = printed()["findings"]
    assert finding["rule"] == "views"
    assert "view user_clicks features.spent_mean" in finding["where"]


def test_a_new_version_is_sealed_and_an_edited_one_is_not(run: Run, tmp_path: Path) -> None:
    write_subject(tmp_path, [click(SPENT)], sealed=False)
    assert run("check", "--subjects", tmp_path) == 1
    assert run("check", "--subjects", tmp_path, "--seal") == 0
    (tmp_path / SUBJECT / "v1.avsc").write_text(json.dumps(PROMOTED))
    assert run("check", "--subjects", tmp_path, "--seal") == 1


def test_register_prints_ids_and_repeats_nothing(
    run: Run, capsys: pytest.CaptureFixture[str], fake: FakeRegistry, tmp_path: Path
) -> None:
    write_subject(tmp_path, [click(SPENT), PROMOTED], level="BACKWARD")
    expected = [{"subject": SUBJECT, "version": f"v{number}", "schema_id": number} for number in (1, 2)]
    for done in (
        [f"{SUBJECT}: set the level BACKWARD", f"{SUBJECT}: register v1, id 1", f"{SUBJECT}: register v2, id 2"],
        [],
    ):
        assert run("register", "--subjects", tmp_path, "--json") == 0
        shown = capsys.readouterr()
        assert json.loads(shown.out) == expected
        assert shown.err.splitlines() == done
    assert len(fake.writes) == 3


def test_a_dry_run_says_what_would_be_done_and_does_nothing(
    run: Run, printed: Callable[[], Any], fake: FakeRegistry, tmp_path: Path
) -> None:
    write_subject(tmp_path, [click(SPENT)], level="FULL")
    assert run("register", "--subjects", tmp_path, "--dry-run", "--json") == 0
    assert printed() == [
        {"subject": SUBJECT, "step": "set the level FULL"},
        {"subject": SUBJECT, "step": "register v1"},
    ]
    assert fake.writes == []


def test_register_refuses_an_edit_before_it_calls_the_registry(
    run: Run, capsys: pytest.CaptureFixture[str], fake: FakeRegistry, tmp_path: Path
) -> None:
    write_subject(tmp_path, [click(SPENT)])
    (tmp_path / SUBJECT / "v1.avsc").write_text(json.dumps(PROMOTED))
    assert run("register", "--subjects", tmp_path) == 1
    assert "was edited after it was" in capsys.readouterr().err
    assert fake.calls == []


def test_what_a_views_job_writes_is_registered_with_it_fully_compatible(
    run: Run, printed: Callable[[], Any], fake: FakeRegistry, tmp_path: Path
) -> None:
    write_subject(tmp_path / "subjects", [click(SPENT)])
    views = write_views(tmp_path / "views")
    for _ in range(2):
        assert run("register", "--subjects", tmp_path, "--views", views, "--json") == 0
        assert {each["subject"] for each in printed()} == {
            SUBJECT,
            "user_clicks_features_g1-value",
            "user_clicks_dead_letters-value",
            "user_clicks_late-value",
        }
    assert {level for subject, level in fake.levels.items() if subject != SUBJECT} == {"FULL_TRANSITIVE"}
    assert len(fake.writes) == 8
    assert run("check", "--subjects", tmp_path, "--views", views, "--registry") == 0


def test_rows_that_cannot_join_the_registered_log_are_found_before_the_job_is_deployed(
    run: Run, capsys: pytest.CaptureFixture[str], fake: FakeRegistry, tmp_path: Path
) -> None:
    write_subject(tmp_path / "subjects", [click(SPENT)])
    views = write_views(tmp_path / "views")
    assert run("register", "--subjects", tmp_path, "--views", views) == 0
    log = fake.versions["user_clicks_features_g1-value"]
    log[0] = log[0].replace('["null", "double"]', '["null", "string"]')
    capsys.readouterr()
    assert run("check", "--subjects", tmp_path, "--views", views, "--registry", "--json") == 1
    found = json.loads(capsys.readouterr().out)["findings"]
    assert any(
        "spent_mean_5m is union of null, double, none of which can take the string" in each["what"] for each in found
    ), found
    assert all("raise the view's generation" in each["remedy"] for each in found)


def test_a_difference_from_the_registry_ends_with_1(
    run: Run, printed: Callable[[], Any], fake: FakeRegistry, tmp_path: Path
) -> None:
    write_subject(tmp_path, [click(SPENT)])
    assert run("check", "--subjects", tmp_path, "--registry", "--json") == 1
    (finding,) = printed()["findings"]
    assert (finding["rule"], finding["what"]) == ("registry", "v1 is not registered")


def test_a_registry_in_trouble_is_one_message(
    run: Run, capsys: pytest.CaptureFixture[str], fake: FakeRegistry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schemas, "RETRIES", 0)
    fake.fault = lambda method, path: (503, "starting")
    assert run("register", "--subjects", write_subject(tmp_path, [click(SPENT)])) == 1
    shown = capsys.readouterr().err
    assert "the registry answers 503" in shown
    assert "Traceback" not in shown


def difference(run: Run, printed: Callable[[], Any], tmp_path: Path, *versions: Any) -> Any:
    write_subject(tmp_path / "subjects", versions, level="BACKWARD")
    views = write_views(tmp_path / "views")
    assert run("diff", SUBJECT, "--subjects", tmp_path, "--views", views, "--json") == 0
    return printed()


def test_a_diff_says_what_changed_and_what_it_means_for_readers_and_writers(
    run: Run, printed: Callable[[], Any], tmp_path: Path
) -> None:
    newer = click(
        field("outlay", "long", aliases=["spent"], **{"headwater.pii": "personal"}), field("shop", "string", default="")
    )
    found = difference(run, printed, tmp_path, click(SPENT, field("gone", "int")), newer)
    assert [(each["kind"], each["field"], each["what"]) for each in found["changes"]] == [
        ("renamed", "outlay", "spent → outlay, with the old name as an alias"),
        ("type", "outlay", "int → long"),
        ("personal data", "outlay", "none → personal"),
        ("text", "outlay", "'The spent.' → 'The outlay.'"),
        ("added", "shop", 'string, default ""'),
        ("removed", "gone", "was int, no default"),
    ]
    assert found["level_allows"] is True
    assert found["meaning"] == "readers must change over first: those of v1 cannot read v2"
    assert [each["field"] for each in found["old_reads_new"]] == [["spent"], ["gone"]]


@pytest.mark.parametrize(
    ("versions", "breaks", "effect"),
    [
        ([click(SPENT), click(SPENT, field("shop", "string", default=""))], False, None),
        ([click(SPENT), PROMOTED], False, "the job must be deployed with v2 before events of it come"),
        ([DEFAULTED, click()], True, "features.spent_mean: the schema has no field 'spent'"),
        ([click(), click(SPENT)], False, "it compiles with v2, but not with v1"),
        (
            [DEFAULTED, {**DEFAULTED, "fields": [USER, CLICKED_AT, field("outlay", "int", aliases=["spent"])]}],
            True,
            "has no field 'spent'",
        ),
    ],
)
def test_a_diff_says_what_becomes_of_each_view(
    run: Run, printed: Callable[[], Any], tmp_path: Path, versions: list[Any], breaks: bool, effect: str | None
) -> None:
    (view,) = difference(run, printed, tmp_path, *versions)["views"]
    assert (view["view"], view["breaks"]) == ("user_clicks", breaks)
    assert effect is None or effect in "\n".join(view["effects"])
    assert bool(view["effects"]) == (effect is not None)


def test_a_diff_is_told_in_words(run: Run, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    write_subject(tmp_path / "subjects", [click(SPENT), PROMOTED], level="FORWARD")
    assert run("diff", SUBJECT, "--subjects", tmp_path, "--views", write_views(tmp_path / "views")) == 0
    shown = capsys.readouterr().out
    for told in (
        "int → double",
        "FORWARD does not allow this",
        "readers of v1 cannot read what v2 writes",
        "user_clicks",
    ):
        assert told in shown


def test_a_file_is_compared_with_the_registry(
    run: Run, printed: Callable[[], Any], fake: FakeRegistry, tmp_path: Path
) -> None:
    write_subject(tmp_path / "subjects", [click(SPENT)])
    fake.versions[SUBJECT] = [json.dumps(click(SPENT)), json.dumps(DEFAULTED)]
    (tmp_path / "draft.avsc").write_text(json.dumps(PROMOTED))
    assert run("diff", SUBJECT, "registry", tmp_path / "draft.avsc", "--subjects", tmp_path, "--json") == 0
    found = printed()
    assert found["old"] == "registry:2"
    assert [each["kind"] for each in found["changes"]] == ["type", "default"]
    assert run("diff", SUBJECT, "registry:1", "--subjects", tmp_path, "--json") == 0
    assert printed()["changes"] == []


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((SUBJECT,), "has only"),
        ((SUBJECT, "v7"), "has no v7; its newest version is v1"),
        ((SUBJECT, "none.avsc"), "give a version such as v1"),
        ((SUBJECT, "registry:3"), "has no version 3"),
        (("visits-value",), f"has no subject 'visits-value'; it has {SUBJECT}"),
    ],
)
def test_a_schema_that_is_not_there_is_told(
    run: Run,
    capsys: pytest.CaptureFixture[str],
    fake: FakeRegistry,
    tmp_path: Path,
    arguments: tuple[str, ...],
    told: str,
) -> None:
    write_subject(tmp_path, [click(SPENT)])
    assert run("diff", *arguments, "--subjects", tmp_path) == 1
    assert told in capsys.readouterr().err
