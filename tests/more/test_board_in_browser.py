"""The board's page in a real Chromium: what it shows, that it follows, and that a keyboard or a phone is enough.

Screenshots go to HEADWATER_SCREENSHOTS, if it is set; those beside `pipelines/board` were made so.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from headwater.pipelines.board.web import serve
from tests.board_scene import Scene, played

CHROMIUM = os.environ.get("HEADWATER_CHROMIUM") or shutil.which("chromium") or "chromium"
MINUTES = 60
"""An hour of looks, one a minute."""

expect.set_options(timeout=20_000)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        # Chromium's own sandbox needs rights that a container, where root runs the tests, does not have.
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Shown:
    """A scene, the board that looks at it, and a browser that looks at the board."""

    def __init__(self, stack: ExitStack, browser: Browser, scene: Scene, looks: int = 2) -> None:
        self.scene = scene
        scene.at = time.time() - scene.step_seconds * looks
        self.board = played(scene, looks)
        self.server = stack.enter_context(ExitStack())
        self.url = self.server.enter_context(serve(self.board, "127.0.0.1", 0, None))
        self.page = browser.new_page(viewport={"width": 1200, "height": 800})
        stack.callback(self.page.close)
        self.problems: list[str] = []
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("console", lambda message: self._note(message.type, message.text))

    def open(self, address: str = "") -> Page:
        self.page.goto(self.url + address)
        return self.page

    def look(self) -> None:
        """The board looks at the scene again."""
        self.board.take(self.scene.look())

    def _note(self, kind: str, text: str) -> None:
        if kind == "error":
            self.problems.append(text)


@pytest.fixture
def shown(browser: Browser) -> Iterator[Shown]:
    with ExitStack() as stack:
        shown = Shown(stack, browser, Scene("clicks", "purchases"))
        yield shown
        assert shown.problems == []


def first_column(page: Page, number: int) -> list[str]:
    return page.locator(f"#rows tr:visible td:nth-child({number})").all_inner_texts()


def keep(page: Page, name: str) -> None:
    directory = os.environ.get("HEADWATER_SCREENSHOTS")
    if directory:
        page.screenshot(path=Path(directory) / f"{name}.png")


def test_every_feature_has_a_row_with_state_freshness_budget_and_owner(shown: Shown) -> None:
    page = shown.open()
    expect(page.locator("#rows tr")).to_have_count(6)
    cells = page.locator("#rows tr").first.locator("td").all_inner_texts()
    assert cells == [
        "fresh",
        "clicks_feature_0",
        "clicks",
        "199 ms",
        "",
        "700 ms",
        "20",
        "burns 0.0×",
        "growth@shop.example",
    ]
    expect(page.locator("#summary")).to_have_text("2 views: 6 fresh")
    assert page.locator("svg.spark path").first.get_attribute("d")


def test_a_stalled_feature_turns_without_a_reload_and_turns_back(shown: Shown) -> None:
    page = shown.open()
    expect(page.locator("#rows tr")).to_have_count(6)
    page.evaluate("window.loadedOnce = true")
    purchases = shown.scene.views["purchases"]
    purchases.state, purchases.heartbeat_age, purchases.conditions = "stuck", 25.0, ("stuck",)
    shown.look()
    expect(page.locator("#rows tr").first.locator("td").first).to_have_text("stuck")
    expect(page.locator("#summary")).to_have_text("2 views: 3 stuck, 3 fresh")
    assert first_column(page, 3)[0] == "purchases"
    purchases.state, purchases.heartbeat_age, purchases.conditions = "fresh", 0.5, ()
    shown.look()
    expect(page.locator("#summary")).to_have_text("2 views: 6 fresh")
    assert page.evaluate("window.loadedOnce")


def test_a_view_has_a_page_with_stages_rates_conditions_and_dead_letters(shown: Shown) -> None:
    purchases = shown.scene.views["purchases"]
    page = shown.open()
    page.get_by_role("link", name="purchases").first.click()
    expect(page.get_by_role("heading", name="purchases")).to_be_visible()
    expect(page.locator("#view")).to_contain_text("None since the job began.")
    purchases.rejected["null_value"] = 7
    purchases.conditions = ("dead_letters",)
    shown.look()
    expect(page.locator("#view")).to_contain_text("null_value")
    assert page.locator("#view table").last.locator("td").all_inner_texts() == ["null_value", "7", "0"]
    expect(page.locator(".conditions")).to_contain_text("`headwater dead-letters list` names the reasons")
    for title in ("Where the time goes", "From event to visible", "Per second", "Rows that wait"):
        expect(page.locator("figure", has_text=title).locator("svg path").first).to_be_attached()
    expect(page.locator("figure").first).to_contain_text("event to broker 10 ms")
    page.get_by_role("link", name="All features").click()
    expect(page.locator("#rows tr").first).to_be_visible()


def test_a_keyboard_is_enough(shown: Shown) -> None:
    page = shown.open()
    expect(page.locator("#rows tr")).to_have_count(6)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the features"
    page.keyboard.press("/")
    page.keyboard.type("purch ture_1")
    assert first_column(page, 2) == ["purchases_feature_1"]
    expect(page.locator("#found")).to_have_text("1 of 6")
    page.keyboard.press("Escape")
    assert len(first_column(page, 2)) == 6
    page.get_by_role("button", name="Feature").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    assert first_column(page, 2)[0] == "purchases_feature_2"
    assert page.locator("th[aria-sort=descending]").inner_text().startswith("Feature")
    page.locator("#rows a").first.focus()
    shown.look()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="purchases")).to_be_visible()
    assert page.evaluate("document.activeElement.id") == "main"


def test_on_a_phone_nothing_is_cut_off(shown: Shown) -> None:
    page = shown.open()
    page.set_viewport_size({"width": 360, "height": 740})
    for address in ("", "#/view/purchases"):
        page.goto(shown.url + address)
        expect(page.locator("h2" if address else "#rows tr").first).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_it_is_dark_where_the_readers_system_is(shown: Shown) -> None:
    page = shown.open()
    grounds = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        grounds.append(page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds == ["rgb(255, 255, 255)", "rgb(20, 23, 27)"]


def test_what_processes_say_of_themselves_is_text_and_never_markup(browser: Browser) -> None:
    evil = "<img src=x onerror=\"document.title='owned'\">"
    with ExitStack() as stack:
        shown = Shown(stack, browser, Scene("clicks", owner=evil))
        page = shown.open()
        expect(page.locator("#rows tr").first).to_contain_text(evil)
        page.locator("#rows a").first.click()
        expect(page.locator("#view")).to_contain_text(evil)
        assert page.locator("img").count() == 0
        assert page.title() == "clicks – Headwater"
        assert shown.problems == []


def test_who_looks_at_an_old_board_is_told(shown: Shown) -> None:
    page = shown.open()
    expect(page.locator("#rows tr")).to_have_count(6)
    shown.server.close()
    expect(page.locator("#live")).to_contain_text("The connection is lost")
    shown.problems.clear()  # the browser says so too


def test_the_token_is_asked_for_once(browser: Browser) -> None:
    with serve(played(Scene("clicks")), "127.0.0.1", 0, "a token of some length") as url:
        page = browser.new_page()
        page.goto(url)
        page.get_by_label("Token").fill("a token of some length")
        page.keyboard.press("Enter")
        expect(page.locator("#rows tr")).to_have_count(3)
        page.reload()
        expect(page.locator("#rows tr")).to_have_count(3)
        page.close()


def test_a_thousand_features_are_there_and_quick(browser: Browser, capsys: pytest.CaptureFixture[str]) -> None:
    with ExitStack() as stack:
        scene = Scene(*(f"view_{number:02d}" for number in range(20)), features=50, step_seconds=60)
        shown = Shown(stack, browser, scene, MINUTES)
        page = shown.page
        meter = page.context.new_cdp_session(page)
        meter.send("Performance.enable", {"timeDomain": "threadTicks"})
        shown.open()
        expect(page.locator("#rows tr")).to_have_count(1_000)
        metrics = {each["name"]: each["value"] for each in meter.send("Performance.getMetrics")["metrics"]}
        shown_ms = page.evaluate("performance.getEntriesByName('shown')[0].startTime")
        took_ms = page.evaluate(
            """() => {
                const began = performance.now(), filter = document.getElementById("filter");
                filter.value = "view_07";
                filter.dispatchEvent(new Event("input"));
                document.body.offsetHeight;
                return performance.now() - began;
            }"""
        )
        assert len(first_column(page, 2)) == 50
        shown.look()
        assert shown.problems == []
    with capsys.disabled():
        busy_ms = 1000 * metrics["TaskDuration"]
        print(f"\n1,000 features: interactive after {shown_ms:.0f} ms, filtered in {took_ms:.0f} ms;", end=" ")
        print(
            f"the page's thread worked {busy_ms:.0f} ms until all rows stood (CPU time, which others cannot lengthen)"
        )


def test_screenshots_for_the_docs(browser: Browser) -> None:
    with ExitStack() as stack:
        scene = Scene("card_risk", "customer_purchases", "driver_week", features=4, step_seconds=60)
        shown = Shown(stack, browser, scene, 0)
        card, purchases, week = scene.views.values()
        scene.at = time.time() - 60 * MINUTES
        for minute in range(MINUTES):
            purchases.seconds = 0.15 + 0.03 * (minute % 7) + (0.4 if 25 < minute < 30 else 0)
            card.state = "stuck" if minute > MINUTES - 4 else "fresh"
            card.heartbeat_age = 200.0 if minute > MINUTES - 4 else 0.7
            week.state = "no_events" if minute > 40 else "fresh"
            shown.look()
        card.conditions, card.rejected["unknown_schema"] = ("stuck", "online_store_unavailable", "dead_letters"), 412
        shown.look()
        page = shown.open()
        expect(page.locator("#rows tr")).to_have_count(12)
        keep(page, "features")
        page.goto(f"{shown.url}#/view/card_risk")
        expect(page.locator("figure").first).to_be_visible()
        page.emulate_media(color_scheme="dark")
        keep(page, "view-dark")
        page.set_viewport_size({"width": 390, "height": 800})
        page.emulate_media(color_scheme="light")
        page.goto(shown.url)
        expect(page.locator("#rows tr").first).to_be_visible()
        keep(page, "phone")
        assert shown.problems == []
