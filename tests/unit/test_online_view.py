"""When readers are led from one generation of a view to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from headwater.operators.heartbeats import FoldedHeartbeat
from headwater.pipelines.online_store import partition_keys
from headwater.pipelines.online_view import caught_up
from tests.feature_log_rows import make_plan

NOW_MS = 1_800_000_000_000
OLD = make_plan(view="rides")
NEW = OLD.model_copy(update={"generation": OLD.generation + 1})

CURRENT, LONG_AGO, NONE_YET = NOW_MS - 1_000, NOW_MS - 60_000, -(2**63)


class Store:
    """A Redis with the heartbeats of two generations, the same in each of their partitions."""

    def __init__(self, heartbeats: Mapping[int, FoldedHeartbeat | None]) -> None:
        self._values = {
            partition_keys(OLD.view, generation, partition).heartbeat: heartbeat.pack()
            for generation, heartbeat in heartbeats.items()
            if heartbeat is not None
            for partition in range(OLD.log.partitions)
        }

    def mget(self, keys: Sequence[bytes]) -> list[bytes | None]:
        return [self._values.get(key) for key in keys]


CASES: dict[str, tuple[FoldedHeartbeat | None, FoldedHeartbeat | None, bool]] = {
    "it has read all": (FoldedHeartbeat(CURRENT, CURRENT), FoldedHeartbeat(CURRENT, CURRENT), True),
    "it is behind": (FoldedHeartbeat(CURRENT, CURRENT), FoldedHeartbeat(LONG_AGO, LONG_AGO), False),
    "nothing is known of it": (FoldedHeartbeat(CURRENT, CURRENT), None, False),
    "it was silent before its first event": (
        FoldedHeartbeat(CURRENT, CURRENT),
        FoldedHeartbeat(CURRENT, NONE_YET),
        False,
    ),
    "there never was an event": (FoldedHeartbeat(CURRENT, NONE_YET), FoldedHeartbeat(CURRENT, NONE_YET), True),
    "the older one has stopped": (FoldedHeartbeat(LONG_AGO, LONG_AGO), FoldedHeartbeat(CURRENT, CURRENT), True),
}


@pytest.mark.parametrize(("old", "new", "replaces"), CASES.values(), ids=CASES.keys())
def test_a_new_generation_replaces_an_older_one_once_it_has_read_what_that_has(
    old: FoldedHeartbeat | None, new: FoldedHeartbeat | None, replaces: bool
) -> None:
    store: Any = Store({OLD.generation: old, NEW.generation: new})
    assert caught_up(store, NEW, OLD, NOW_MS) is replaces


def test_an_older_generation_never_replaces_a_newer_one() -> None:
    store: Any = Store(dict.fromkeys((OLD.generation, NEW.generation), FoldedHeartbeat(CURRENT, CURRENT)))
    assert not caught_up(store, OLD, NEW, NOW_MS)
