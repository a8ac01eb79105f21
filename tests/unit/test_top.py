"""`headwater top`, driven by its keys; and the table that is printed where there is no terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest
from textual.pilot import Pilot
from textual.widgets import DataTable, Static

from headwater.pipelines.board.budgets import Budget
from headwater.pipelines.board.model import Board
from headwater.pipelines.board.rows import budget_text, feature_rows, seconds_text, sparkline, summary
from headwater.pipelines.board.top import LOOK_SECONDS, Top
from tests.board_scene import Scene, played

Act = Callable[[Pilot[None]], Coroutine[None, None, None]]


def run(board: Board, act: Act) -> None:
    async def driven() -> None:
        async with Top(board).run_test(size=(160, 40)) as pilot:
            await pilot.pause()
            await act(pilot)

    asyncio.run(driven())


def shown(pilot: Pilot[None]) -> list[list[str]]:
    table = pilot.app.query_one("#features", DataTable)
    return [[str(cell) for cell in table.get_row_at(number)] for number in range(table.row_count)]


def text_of(pilot: Pilot[None], name: str) -> str:
    return str(pilot.app.query_one(f"#{name}", Static).render())


@pytest.fixture
def scene() -> Scene:
    return Scene("clicks", "purchases")


def test_every_feature_is_a_row_and_the_worst_come_first(scene: Scene) -> None:
    scene.views["purchases"].state = "stuck"

    async def act(pilot: Pilot[None]) -> None:
        rows = shown(pilot)
        assert [row[0] for row in rows] == ["stuck"] * 3 + ["fresh"] * 3
        assert rows[3][1:4] == ["clicks_feature_0", "clicks", "199 ms"]
        assert text_of(pilot, "summary").startswith("2 views, 6 features: 3 stuck, 3 fresh   sorted by state")

    run(played(scene), act)


def test_s_sorts_by_the_next_column_and_a_slash_filters(scene: Scene) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("s", "s", "s", "S")
        assert "sorted by view" in text_of(pilot, "summary")
        await pilot.press("slash", *"ture_2")
        assert [row[1] for row in shown(pilot)] == ["clicks_feature_2", "purchases_feature_2"]
        await pilot.press("enter", "escape")
        assert len(shown(pilot)) == 6
        await pilot.press("slash", *"none")
        assert shown(pilot) == []
        assert text_of(pilot, "view") == ""

    run(played(scene), act)


def test_the_rows_follow_the_board_and_the_cursor_stays_on_its_feature(scene: Scene) -> None:
    board = played(scene)

    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("down", "down", "down", "down")
        assert text_of(pilot, "view").startswith("purchases ")
        scene.views["purchases"].state = "stuck"
        scene.views["purchases"].conditions = ("stuck", "online_store_unavailable")
        scene.views["purchases"].rejected["null_value"] = 3
        board.take(scene.look())
        await pilot.pause(3 * LOOK_SECONDS)
        rows = shown(pilot)
        assert rows[0][0] == "stuck"
        assert rows[pilot.app.query_one("#features", DataTable).cursor_row][1] == "purchases_feature_1"
        assert "Redis cannot be used" in text_of(pilot, "view")
        assert "dead letters: null_value 3" in text_of(pilot, "view")

    run(board, act)


def test_q_ends_it(scene: Scene) -> None:
    async def act(pilot: Pilot[None]) -> None:
        await pilot.press("q")
        assert not pilot.app.is_running

    run(played(scene), act)


def test_all_words_of_a_filter_must_be_in_a_row(scene: Scene) -> None:
    scene.views["clicks"].state = "no_events"
    board = played(scene).now()
    assert [row.feature for row in feature_rows(board, wanted="no events _1")] == ["clicks_feature_1"]
    assert feature_rows(board, wanted="no purchases") == []


def test_the_summary_says_who_does_not_answer(scene: Scene) -> None:
    scene.silent = {"archive": "refused"}
    assert summary(played(scene).now()) == "2 views, 6 features: 6 fresh; no answer from archive"


def test_times_budgets_and_the_past_are_texts_that_people_read() -> None:
    assert [seconds_text(each) for each in (None, 0.0421, 7.25, 600)] == ["-", "42 ms", "7.2 s", "10 min"]
    burning = Budget("fresh_reads", 0.99, 30, burn_rate=2.51, left=None)
    assert budget_text([burning, Budget("accepted_events", 0.99, 30, None, None)]) == "burns 2.5x"
    assert budget_text([burning, Budget("accepted_events", 0.99, 30, 0.0, left=0.25)]) == "25.0% left"
    assert budget_text([]) == "-"
    assert sparkline([9.0, *[None] * 16, 0.0, 0.5, None, 1.0]) == " " * 16 + "▁▅ █"
