"""Time zones as tables: from the one tzdata that is locked with the package to what every engine reads in the plan."""

from __future__ import annotations

import difflib
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import metadata, resources
from zoneinfo import ZoneInfo

from headwater.schemas.plan import Zone

FIRST_YEAR, LAST_YEAR = 1970, 2100
"""Offsets are told for these years; before and after them the first and the last one holds."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PROBE = timedelta(hours=12)


@cache
def zone_table(name: str) -> Zone:
    """The zone's offsets from UTC, and since when each holds.

    Raises:
        ValueError: there is no zone of this name; suggests one.
    """
    check_zone(name)
    with resources.files("tzdata.zoneinfo").joinpath(name).open("rb") as data:
        zone = ZoneInfo.from_file(data, key=name)
    at, end = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(LAST_YEAR, 1, 1, tzinfo=UTC)
    transitions = [(_second(at), _offset(zone, at))]
    while at < end:
        following = at + _PROBE
        if _offset(zone, following) != transitions[-1][1]:
            second = _first_change(zone, at, following)
            transitions.append((second, _offset(zone, _EPOCH + timedelta(seconds=second))))
        at = following
    return Zone(name=name, tzdata=metadata.version("tzdata"), transitions=tuple(transitions))


def check_zone(name: str) -> None:
    """Raises:
    ValueError: the database has no zone of this name; suggests one.
    """
    if name not in _names():
        close = difflib.get_close_matches(name, _names(), n=1)
        hint = f"did you mean {close[0]!r}?" if close else "use a name such as 'Europe/Berlin'"
        raise ValueError(f"there is no time zone {name!r}; {hint}")


@cache
def _names() -> frozenset[str]:
    return frozenset(resources.files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


def _first_change(zone: ZoneInfo, before: datetime, after: datetime) -> int:
    """The first second in (before, after] at which the offset is no longer that of `before`."""
    low, high, offset = _second(before), _second(after), _offset(zone, before)
    while high - low > 1:
        middle = (low + high) // 2
        if _offset(zone, _EPOCH + timedelta(seconds=middle)) == offset:
            low = middle
        else:
            high = middle
    return high


def _second(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(seconds=1)


def _offset(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    return 0 if offset is None else offset // timedelta(seconds=1)
