"""What is said about every kind of mistake in a declaration: in full, with file, line, view, feature and a remedy.

The table is `golden/mistakes.txt`: below each wrong piece of a declaration, indented, all that is said about it.
`make golden` writes it anew; read the difference like code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import pytest

from headwater.pipelines.declarations import load_plans
from headwater.schemas.errors import DeclarationError, Mistake

TABLE = Path(__file__).parent / "golden" / "mistakes.txt"

RIDE = {
    "type": "record",
    "name": "Ride",
    "namespace": "taxi",
    "fields": [
        {"name": "driver", "type": "string"},
        {"name": "city", "type": {"type": "record", "name": "City", "fields": [{"name": "id", "type": "int"}]}},
        {"name": "ended", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "started_ms", "type": "long"},
        {"name": "fare", "type": ["null", "double"]},
        {"name": "note", "type": ["null", "string"]},
        {"name": "either", "type": ["null", "string", "long"]},
        {"name": "marks", "type": {"type": "map", "values": "long"}},
        {"name": "stops", "type": {"type": "array", "items": "string"}},
        {"name": "route", "type": {"type": "array", "items": "double"}},
        {"name": "legs", "type": {"type": "array", "items": "string"}, "default": ["whole"]},
        {"name": "shared", "type": "boolean"},
    ],
}
VIEWS = """\
from headwater.schemas import *

rides = EventSource({source})
{second}
driver_rides = FeatureView(
    {view},
    features=[
        count_events(over="1h"),
        {feature},
    ],
)
"""
SOURCE = {"topic": '"rides"', "key": '"driver"', "event_time": '"ended"'}
VIEW = {"name": '"driver_rides"', "source": "rides", "owner": '"taxi"', "description": '"Rides."'}
FEATURE = 'sum_of("fare", over="1h")'


class Wrong(NamedTuple):
    """Wrong pieces of a declaration, and what is said about them.

    A piece is a feature, or an argument of the `source`, of the `view` or of a `second` source: `source.key="x"`;
    nothing behind the sign leaves the argument out. Pieces that are wrong only together have ` ; ` between.
    """

    pieces: str
    said: tuple[str, ...] = ()

    def views(self) -> str:
        """A file of views in which only these pieces are wrong."""
        parts: dict[str, dict[str, str]] = {"source": dict(SOURCE), "view": dict(VIEW), "second": {}}
        feature = FEATURE
        for piece in self.pieces.split(" ; "):
            part, _, argument = piece.partition(".")
            if part in parts:
                name, _, value = argument.partition("=")
                parts[part][name] = value
            else:
                feature = piece
        second = {}
        if parts["second"]:
            second = {**SOURCE, "topic": '"trips"', **parts["second"]}
            parts["view"] = {"sources": "[rides, trips]", **parts["view"], "source": ""}
        return VIEWS.format(
            source=_arguments(parts["source"]),
            second=f"trips = EventSource({_arguments(second)})" if second else "",
            view=_arguments(parts["view"]),
            feature=feature,
        )


def table() -> list[Wrong]:
    found = list[Wrong]()
    for line in TABLE.read_text().splitlines():
        if line.startswith("    "):
            found[-1] = found[-1]._replace(said=(*found[-1].said, line[4:]))
        elif line and not line.startswith("#"):
            found.append(Wrong(line))
    return found


WRONG = table()


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: wrong.pieces)
def test_a_mistake_is_told_in_full(tmp_path: Path, wrong: Wrong) -> None:
    mistakes = mistakes_in(tmp_path, wrong.views())
    assert told(tmp_path, mistakes) == wrong.said
    for mistake in mistakes:
        assert mistake.where.startswith("views.py:")
        assert mistake.view
        assert mistake.place
        assert mistake.remedy


def test_the_table_has_more_than_a_hundred_mistakes_each_with_words_of_its_own() -> None:
    assert len({wrong.said for wrong in WRONG}) >= 100


ALL_WRONG = """\
from headwater.schemas import *

unused = EventSource(topic="a b", key="x", event_time="y")
rides = EventSource(topic="rides", key="drivr", event_time="ended", idle_timeout="10ms", lateness="1m")
LONG = [sliding("500d"), "7d"]

driver_rides = FeatureView(
    name="Driver rides",
    source=rides,
    owner="",
    freshness="fast",
    features=[
        count_events(over="1x"),
        sum_of("fair", over=LONG),
        mean_of("fare", over=LONG),
        42,
        max_of("note", over="1h"),
    ],
)
others = FeatureView(name="others", source=rides, owner="o", description="d", features=[last_of("nte", over="1h")])
"""


def test_all_mistakes_of_a_file_are_told_at_once(tmp_path: Path) -> None:
    mistakes = mistakes_in(tmp_path, ALL_WRONG)
    assert [(mistake.where.removeprefix("views.py:"), mistake.view, mistake.place) for mistake in mistakes] == [
        ("7", "Driver rides", "name"),
        ("7", "Driver rides", "features.3"),
        ("7", "Driver rides", "owner"),
        ("7", "Driver rides", "description"),
        ("7", "Driver rides", "freshness"),
        ("4", "Driver rides", "source.lateness"),
        ("13", "Driver rides", "features.count.over"),
        ("5", "Driver rides", "features.fair_sum.over.length"),
        ("14", "Driver rides", "features.fair_sum"),
        ("17", "Driver rides", "features.note_max"),
        ("4", "Driver rides", "source.key"),
        ("4", "Driver rides", "source.idle_timeout"),
        ("20", "others", "features.nte_last"),
        ("3", "", "EventSource topic"),
    ]


def rewritten(directory: Path) -> str:
    """The table with what is said now."""
    said = {wrong.pieces: told(directory, mistakes_in(directory, wrong.views())) for wrong in WRONG}
    lines = [line for line in TABLE.read_text().splitlines() if not line.startswith("    ")]
    return "".join(f"{line}\n" + "".join(f"    {each}\n" for each in said.get(line, ())) for line in lines)


def mistakes_in(directory: Path, text: str) -> list[Mistake]:
    (directory / "views.py").write_text(text)
    for topic in ("rides", "trips"):
        (directory / f"{topic}-value.avsc").write_text(json.dumps(RIDE))
    with pytest.raises(DeclarationError) as caught:
        load_plans(directory)
    return list(caught.value.mistakes)


def told(directory: Path, mistakes: list[Mistake]) -> tuple[str, ...]:
    """The messages, without the directory, each in a line."""
    texts = [str(mistake).replace(str(directory), "...").replace(str(directory.parent), "..") for mistake in mistakes]
    return tuple(text.replace("\n", "\\n") for text in texts)


def _arguments(values: dict[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in values.items() if value)
