"""Which days' files are merged, and what is said of a store that cannot be used."""

from __future__ import annotations

from datetime import date

import pytest
from deltalake.exceptions import CommitFailedError
from pydantic import SecretStr

from headwater.pipelines.offline_table import storage_options, store_error, table_location
from headwater.pipelines.offline_upkeep import LiveFile, days_to_compact
from headwater.pipelines.settings import Settings

SETTINGS = Settings(offline_file_bytes=1_000_000, offline_small_files=4, offline_quiet_seconds=100)
MONDAY, TUESDAY = date(2026, 11, 23), date(2026, 11, 24)
SMALL, LARGE = 499_999, 500_000
LONG_AGO, NOW = 100_000, 200_001


def files(day: date, sizes: list[int], added_ms: int = NOW) -> list[LiveFile]:
    return [LiveFile(day, size, added_ms) for size in sizes]


@pytest.mark.parametrize(
    ("found", "days"),
    [
        pytest.param(files(TUESDAY, [SMALL] * 3), [], id="a busy day waits until it has enough small files"),
        pytest.param(files(TUESDAY, [SMALL] * 4), [TUESDAY], id="and then it is due"),
        pytest.param(files(TUESDAY, [LARGE] * 9), [], id="files that are large enough are left alone"),
        pytest.param(files(MONDAY, [SMALL] * 2, LONG_AGO), [MONDAY], id="of a quiet day two are enough"),
        pytest.param(files(MONDAY, [SMALL, LARGE], LONG_AGO), [], id="but not one"),
        pytest.param(
            files(MONDAY, [SMALL], LONG_AGO) + files(MONDAY, [SMALL]), [], id="a late file makes a day busy again"
        ),
        pytest.param(
            files(TUESDAY, [SMALL] * 4) + files(MONDAY, [SMALL] * 4), [MONDAY, TUESDAY], id="each day is for itself"
        ),
    ],
)
def test_a_day_is_compacted_when_its_small_files_are_many_or_it_is_quiet(
    found: list[LiveFile], days: list[date]
) -> None:
    assert days_to_compact(found, SETTINGS, NOW) == days


def test_what_was_merged_is_not_due_again() -> None:
    """Two small files fit into one: at the worst a day is left with one small file."""
    merged = files(MONDAY, [SMALL + LARGE, SMALL], LONG_AGO)
    assert days_to_compact(merged, SETTINGS, NOW) == []


def test_a_bucket_is_entered_by_the_settings_and_commits_by_conditional_writes() -> None:
    settings = Settings(
        offline_root="s3://bucket/prefix/",
        store_endpoint_url="http://127.0.0.1:9000",
        store_access_key_id=SecretStr("key"),
        store_secret_access_key=SecretStr("hush"),
        store_properties={"aws_session_token": SecretStr("token")},
    )
    options = storage_options(settings)
    assert options["aws_conditional_put"] == "etag"
    assert (options["aws_access_key_id"], options["aws_secret_access_key"]) == ("key", "hush")
    assert (options["aws_allow_http"], options["aws_session_token"]) == ("true", "token")
    assert "aws_region" not in options, "left to the environment"
    assert "hush" not in repr(settings)
    assert table_location(settings, "rides", 2) == "s3://bucket/prefix/rides/g2"


def test_a_directory_needs_no_options() -> None:
    assert storage_options(Settings(offline_root="offline")) == {}


@pytest.mark.parametrize(
    ("error", "failure", "said"),
    [
        (OSError("Generic S3 error \x1b[31m↳\x1b[0m 403 Forbidden\n <Code>InvalidAccessKeyId"), "refused", "KEY_ID"),
        (OSError("No space left on device (os error 28)"), "full", "make room"),
        (OSError("tcp connect error: Connection refused (os error 111)"), "unavailable", "Connection refused"),
        (CommitFailedError("a concurrent transaction deleted the same data"), "conflict", "deleted the same data"),
    ],
)
def test_an_error_of_the_store_says_where_why_and_how_to_mend_it(error: Exception, failure: str, said: str) -> None:
    told = store_error("s3://bucket/rides/g1", "written", error)
    assert told.failure == failure
    assert str(told).startswith("s3://bucket/rides/g1 cannot be written")
    assert said in str(told)
    assert "\x1b" not in str(told)
    assert "\n" not in str(told)
