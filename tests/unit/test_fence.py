"""The fence sends rows in chunks of which only the last moves the partition on. (Its script: tests/integration.)"""

from __future__ import annotations

from typing import Any

from redis.exceptions import NoScriptError

from headwater.operators.fence import CHUNK_ROWS, SCRIPT, Fence, OnlineRow, Refused, Written
from tests.online_rows import version


class RecordingRunner:
    """Answers as the script does when the store is empty of rows, and keeps the calls."""

    def __init__(self, stored: bytes = b"") -> None:
        self.stored = stored
        self.calls: list[tuple[Any, ...]] = []

    def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> object:
        self.calls.append((numkeys, keys_and_args))
        expected, following = keys_and_args[numkeys], keys_and_args[numkeys + 1]
        if expected != self.stored:
            return [0, self.stored]
        self.stored = following or self.stored
        return [1, numkeys - 3, numkeys - 3] if numkeys > 2 else [1, 0]

    def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> object:
        raise AssertionError("the script is known")


def rows(count: int) -> list[OnlineRow]:
    return [OnlineRow(b"k%d" % i, version(1, i, 1) + b"value", 99) for i in range(count)]


def test_one_call_carries_rows_heartbeat_and_offset() -> None:
    runner = RecordingRunner(b"7")
    Fence(runner, b"offset", b"heartbeat").write(rows(1), expected=7, next_offset=9, heartbeat=b"beat")
    (row,) = rows(1)
    assert runner.calls == [(3, (b"offset", b"heartbeat", row.key, b"7", b"9", b"beat", row.value, 99))]


def test_only_the_last_chunk_moves_offset_and_heartbeat() -> None:
    runner = RecordingRunner(b"7")
    outcome = Fence(runner, b"o", b"h").write(rows(2 * CHUNK_ROWS + 1), expected=7, next_offset=9, heartbeat=b"beat")
    sent = [(keys - 2, arguments[keys : keys + 3]) for keys, arguments in runner.calls]
    assert sent == [
        (CHUNK_ROWS, (b"7", b"", b"")),
        (CHUNK_ROWS, (b"7", b"", b"")),
        (1, (b"7", b"9", b"beat")),
    ]
    last_of_each = (CHUNK_ROWS - 1, 2 * CHUNK_ROWS - 1, 2 * CHUNK_ROWS)
    assert outcome == Written(2 * (CHUNK_ROWS - 1), last_of_each), "indexes count through all chunks"


def test_a_full_chunk_is_not_followed_by_an_empty_one() -> None:
    runner = RecordingRunner()
    Fence(runner, b"o", b"h").write(rows(CHUNK_ROWS), expected=None, next_offset=9)
    assert len(runner.calls) == 1


def test_a_batch_without_rows_still_moves_the_offset() -> None:
    runner = RecordingRunner(b"7")
    assert Fence(runner, b"o", b"h").write([], expected=7, next_offset=9) == Written(0, ())
    assert runner.stored == b"9"


def test_a_refused_batch_says_what_is_stored() -> None:
    assert Fence(RecordingRunner(b"8"), b"o", b"h").write(rows(1), expected=7, next_offset=9) == Refused(8)
    assert Fence(RecordingRunner(), b"o", b"h").write(rows(1), expected=7, next_offset=9) == Refused(None)


def test_nothing_more_is_sent_once_a_chunk_was_refused() -> None:
    runner = RecordingRunner(b"8")
    Fence(runner, b"o", b"h").write(rows(CHUNK_ROWS + 1), expected=7, next_offset=9)
    assert len(runner.calls) == 1


def test_a_store_that_has_forgotten_the_script_is_handed_its_text() -> None:
    class Forgetful(RecordingRunner):
        def evalsha(self, sha: str, numkeys: int, *keys_and_args: Any) -> object:
            raise NoScriptError

        def eval(self, script: str, numkeys: int, *keys_and_args: Any) -> object:
            assert script == SCRIPT
            return super().evalsha("", numkeys, *keys_and_args)

    assert Fence(Forgetful(), b"o", b"h").write(rows(1), expected=None, next_offset=9) == Written(0, (0,))
