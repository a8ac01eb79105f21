"""`headwater top` and `headwater board`: all features, live, from the metrics of the processes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from headwater.pipelines.commands.console import DEFAULT_STATE, new_table, out
from headwater.pipelines.commands.processes import require
from headwater.schemas.errors import SettingsError

if TYPE_CHECKING:
    from headwater.pipelines.board.collector import Collector
    from headwater.pipelines.board.model import BoardNow
    from headwater.pipelines.settings import Settings
    from headwater.schemas.plan import Plan

WEB = "127.0.0.1:8787"
GREATEST_PORT = 65_535

State = Annotated[
    Path, typer.Option(help="State directory of the local stack, used unless --scrape or --prometheus is given.")
]
Scrape = Annotated[
    list[str] | None,
    typer.Option("--scrape", help="URL of a process's /metrics; one for each process.", show_default=False),
]
PrometheusUrl = Annotated[
    str | None, typer.Option("--prometheus", help="URL of a Prometheus that scrapes all of them.", show_default=False)
]
Plans = Annotated[
    list[Path] | None,
    typer.Option(
        "--plan", help="Plan of a view, for owner and objectives; may be repeated. The stack's are known.", exists=True
    ),
]
Anyone = Annotated[bool, typer.Option("--anyone", help="Without a token, serve an address that others can reach.")]
Interval = Annotated[float, typer.Option(min=1, help="Seconds between two looks.")]


def top(
    state: State = DEFAULT_STATE,
    scrape: Scrape = None,
    prometheus: PrometheusUrl = None,
    plan: Plans = None,
    interval: Interval = 5,
) -> None:
    """All features, live: state, freshness now and over the last hour, error budgets, owners.

    Keys: `s` sorts by the next column, `/` filters, arrows choose a row, whose view is shown below; `q` ends. Where the
    output is no terminal, the table is printed once, and what rates it has are of two looks. Stuck: events may exist
    that are not visible. Silent: no process tells. Stale: a read may find values older than promised.

    Example:  `headwater top --prometheus http://prometheus:9090 --plan purchases.plan.json`
    """
    with collector(state, scrape, prometheus, _plans(plan), interval) as board:
        if out.is_terminal:
            require("textual", "terminal")
            from headwater.pipelines.board.top import Top

            Top(board).run()
        else:
            board.wait(board.wait(0, 0), interval + 10)
            _print(board.now())


def board(
    state: State = DEFAULT_STATE,
    scrape: Scrape = None,
    prometheus: PrometheusUrl = None,
    plan: Plans = None,
    interval: Interval = 5,
    web: Annotated[str, typer.Option("--web", metavar="HOST:PORT", help="Where the page is served.")] = WEB,
    anyone: Anyone = False,
) -> None:
    """Serve the board as a page: all features, and each view with the last hour of its stages, rates and dead letters.

    It is read-only and listens on this machine alone. With HEADWATER_BOARD_TOKEN it may listen elsewhere: a browser
    asks for the token once, programs send it as `Authorization: Bearer`. The page's own data are at `/api/board` and
    `/api/view/NAME`, as JSON. `--anyone` is for an address behind a proxy that asks who readers are.

    Example:  `headwater board`  then  `http://127.0.0.1:8787/`
    """
    import signal
    import threading

    from headwater.pipelines.settings import load_settings

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    looks = collector(state, scrape, prometheus, _plans(plan), interval)
    with served(looks, load_settings(), web, anyone=anyone) as url:
        out.print(f"the board is at {url}", highlight=False, soft_wrap=True)
        stop.wait()


@contextmanager
def served(looks: Collector, settings: Settings, web: str, *, anyone: bool) -> Iterator[str]:
    """Looks, and serves the page on `web` while the context is open; yields its URL.

    Raises:
        SettingsError: `web` is no address, or one that others can reach though nobody asks who they are.
        PrerequisiteError: it cannot be listened on.
    """
    from headwater.pipelines.board.web import serve

    host, port = parse_address(web)
    token = settings.board_token.get_secret_value() if settings.board_token else None
    with looks as board, serve(board, host, port, token, anyone=anyone) as url:
        yield url


def parse_address(text: str) -> tuple[str, int]:
    """Host and port of a text such as `127.0.0.1:8787` or `[::1]:0`.

    Raises:
        SettingsError: it is no such text.
    """
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > GREATEST_PORT:
        raise SettingsError(f"--web {text}: write HOST:PORT, such as {WEB}")
    return host.strip("[]"), int(port)


def collector(
    state: Path, scrape: list[str] | None, prometheus: str | None, plans: Sequence[Plan], interval: float
) -> Collector:
    """What looks where a command's options say.

    Raises:
        SettingsError: they contradict each other.
        StackError: no local stack runs, and they name nothing else.
    """
    from headwater.pipelines.board.collector import Collector
    from headwater.pipelines.board.sources import Prometheus, pages_of_stack, pages_of_urls

    if scrape and prometheus:
        raise SettingsError("give either --scrape or --prometheus, which scrapes them itself")
    if prometheus:
        return Collector(Prometheus(prometheus, plans), interval)
    if scrape:
        return Collector(pages_of_urls(scrape, plans), interval)
    return Collector(pages_of_stack(state), interval)


def _plans(files: list[Path] | None) -> list[Plan]:
    from headwater.pipelines.commands.processes import chosen_plan

    return [chosen_plan(file, None, None, None) for file in files or ()]


def _print(board: BoardNow) -> None:
    from headwater.pipelines.board.rows import COLOURS, COLUMNS, feature_rows, summary

    table = new_table(summary(board), *COLUMNS)
    for row in feature_rows(board):
        state, *rest = row.cells
        table.add_row(Text(state, COLOURS[row.view.state]), *map(Text, rest))
    out.print(table)
