"""The board's web server: who may read, and what is sent to whom. What the page does is tested in a browser."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import httpx
import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from headwater.pipelines.board.model import Board
from headwater.pipelines.board.view import State
from headwater.pipelines.board.web import serve
from headwater.pipelines.cli import app
from headwater.pipelines.commands.board import parse_address
from headwater.schemas.errors import PrerequisiteError, SettingsError
from headwater.schemas.plan import Plan
from tests.board_scene import Scene, played
from tests.dockerfile import ROOT

TOKEN = "a token of some length"
PAGE = ROOT / "pipelines/board/page"


@pytest.fixture
def scene() -> Scene:
    return Scene("clicks")


@pytest.fixture
def board(scene: Scene) -> Board:
    return played(scene)


@pytest.fixture
def url(board: Board) -> Iterator[str]:
    with serve(board, "127.0.0.1", 0, None) as url:
        yield url


@pytest.fixture
def guarded(board: Board) -> Iterator[str]:
    with serve(board, "127.0.0.1", 0, TOKEN) as url:
        yield url


def test_programs_get_the_board_and_the_past_of_a_view_as_json(url: str, scene: Scene, board: Board) -> None:
    scene.views["clicks"].conditions = ("stuck",)
    board.take(scene.look())
    (view,) = httpx.get(f"{url}api/board").json()["views"]
    assert (view["view"], view["state"], len(view["features"])) == ("clicks", "fresh", 3)
    assert [each["severity"] for each in view["conditions"]] == ["page"]
    past = httpx.get(f"{url}api/view/clicks").json()
    assert list(past["stages"]) == ["event_to_broker", "broker_to_computed", "computed_to_log", "log_to_visible"]
    assert httpx.get(f"{url}api/view/other").status_code == 404


def test_the_board_is_sent_again_whenever_it_has_changed(url: str, scene: Scene, board: Board) -> None:
    with httpx.stream("GET", f"{url}api/events") as answer:
        lines = (line for line in answer.iter_lines() if line)
        first = json.loads(next(lines).removeprefix("data: "))
        board.take(scene.look())
        second = json.loads(next(lines).removeprefix("data: "))
    assert second["at"] == first["at"] + 5


def test_the_page_and_its_parts_come_from_here_alone_and_run_no_script_that_is_not_a_file(url: str) -> None:
    index = httpx.get(url)
    parts = re.findall(r'(?:src|href)="([^"#]+)"', index.text)
    modules = [name for file in PAGE.glob("*.js") for name in re.findall(r'from "\./(.+)"', file.read_text())]
    for part in {*parts, *modules} - {"data:,"}:
        assert httpx.get(url + part).status_code == 200
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in index.headers["Content-Security-Policy"]
    assert "unsafe" not in index.headers["Content-Security-Policy"]
    for file in PAGE.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//cdn|innerHTML|insertAdjacentHTML|\son\w+=\"|style=\"", text), file.name


def test_the_page_knows_every_state_and_its_order() -> None:
    (states,) = re.findall(r"STATES = (\[.+\])", (PAGE / "text.js").read_text())
    assert json.loads(states) == [state.value for state in State]
    for state in State:
        assert f".{state.value} {{ color: var(--{state.value}); }}" in (PAGE / "page.css").read_text()
        assert re.search(rf'^  {state.value}: "\w.+\."', (PAGE / "view.js").read_text(), re.MULTILINE)


@pytest.mark.parametrize("path", ["../web.py", "%2e%2e/web.py", "page", "nothing"])
def test_nothing_but_the_page_is_served(url: str, path: str) -> None:
    assert httpx.get(httpx.URL(url).copy_with(raw_path=f"/{path}".encode())).status_code == 404


def test_a_page_from_elsewhere_cannot_read_the_board_by_a_name_that_it_gives_to_this_machine(url: str) -> None:
    assert httpx.get(f"{url}api/board", headers={"Host": "evil.example"}).status_code == 403
    assert httpx.get(f"{url}api/board", headers={"Host": "localhost:1"}).status_code == 200


def test_without_the_token_there_is_nothing_but_the_form_for_it(guarded: str) -> None:
    page = httpx.get(guarded)
    assert (page.status_code, 'type="password"' in page.text) == (401, True)
    for path in ("api/board", "api/events", "api/view/clicks", "page.js"):
        assert httpx.get(guarded + path).status_code == 401
    wrong = {"Authorization": "Bearer another", "Cookie": "headwater_board=0123"}
    assert httpx.get(f"{guarded}api/board", headers=wrong).status_code == 401


def test_with_the_token_programs_read_at_once_and_browsers_after_they_gave_it(guarded: str) -> None:
    assert httpx.get(f"{guarded}api/board", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
    with httpx.Client(base_url=guarded) as browser:
        assert browser.post("login", data={"token": "another"}).status_code == 401
        assert browser.get("api/board").status_code == 401
        answer = browser.post("login", data={"token": TOKEN})
        assert (answer.status_code, answer.headers["Location"]) == (303, "./")
        assert "HttpOnly; SameSite=Strict" in answer.headers["Set-Cookie"]
        assert TOKEN not in answer.headers["Set-Cookie"]
        assert browser.get("api/board").status_code == 200


def test_an_address_that_others_can_reach_needs_a_token_unless_told(board: Board) -> None:
    with (
        pytest.raises(SettingsError, match=r"0\.0\.0\.0 can be reached by others: set HEADWATER_BOARD_TOKEN"),
        serve(board, "0.0.0.0", 0, None),
    ):
        pass
    with serve(board, "0.0.0.0", 0, None, anyone=True) as url:
        assert httpx.get(f"{url}api/board", headers={"Host": "board.example"}).status_code == 200
    with pytest.raises(SettingsError, match="at least 16 characters"), serve(board, "127.0.0.1", 0, "short"):
        pass


def test_the_board_can_be_served_on_ipv6(board: Board) -> None:
    with serve(board, "::1", 0, None) as url:
        assert url.startswith("http://[::1]:")
        assert httpx.get(f"{url}api/board").status_code == 200


def test_an_address_in_use_is_an_error_with_what_to_do(url: str, board: Board) -> None:
    port = httpx.URL(url).port or 0
    with pytest.raises(PrerequisiteError, match="choose a free port"), serve(board, "127.0.0.1", port, None):
        pass


def test_an_address_is_a_host_and_a_port() -> None:
    assert parse_address("127.0.0.1:80") == ("127.0.0.1", 80)
    assert parse_address("[::1]:0") == ("::1", 0)
    for text in ("8080", "host:", "host:x", "host:70000"):
        with pytest.raises(SettingsError, match=re.escape(f"--web {text}: write HOST:PORT")):
            parse_address(text)


def test_watch_serves_the_page_only_where_it_is_told_to_and_by_the_same_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = str(ROOT / "tests/unit/golden/customer_purchases.plan.json")
    looks = ["--scrape", "http://127.0.0.1:1/metrics"]
    seen = []

    def run(_: object, plans: list[Plan]) -> None:
        (url,) = (entry["url"] for entry in logged if entry["event"] == "board_listening")
        seen.append(httpx.get(f"{url}api/board").json())
        assert [view["view"] for view in seen[0]["views"]] == [each.view for each in plans]

    monkeypatch.setattr("headwater.pipelines.watch.process.run", run)
    monkeypatch.setattr("headwater.pipelines.logs.configure_logging", lambda _: None)
    with capture_logs() as logged:
        command = ["watch", "--plan", plan]
        assert CliRunner().invoke(app, [*command, *looks, "--web", "127.0.0.1:0"]).exit_code == 0
        refused = CliRunner().invoke(app, [*command, *looks, "--web", "0.0.0.0:0"])
        assert "HEADWATER_BOARD_TOKEN" in str(refused.exception)
        assert "give --web" in str(CliRunner().invoke(app, [*command, *looks]).exception)
    assert len(seen) == 1
