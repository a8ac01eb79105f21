"""Settings come from the environment and from a file, and a mistake in them is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.pipelines.settings import FILE_VARIABLE, load_settings
from headwater.schemas.errors import SettingsError


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    named = tmp_path / "headwater.env"
    monkeypatch.setenv(FILE_VARIABLE, str(named))
    return named


def test_the_environment_goes_before_the_file_and_overrides_before_both(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text("HEADWATER_PARALLELISM=4\nHEADWATER_INSTANCE=file\nHEADWATER_METRICS_PORT=1\n")
    monkeypatch.setenv("HEADWATER_INSTANCE", "environment")
    monkeypatch.setenv("HEADWATER_METRICS_PORT", "2")
    settings = load_settings(metrics_port=3)
    assert (settings.parallelism, settings.instance, settings.metrics_port) == (4, "environment", 3)


@pytest.mark.parametrize(
    ("text", "said"),
    [("HEADWATER_PARALLELISM=none", "HEADWATER_PARALLELISM: "), ("HEADWATER_PARALELISM=4", "PARALELISM")],
)
def test_a_mistake_in_the_file_is_named(file: Path, text: str, said: str) -> None:
    file.write_text(text)
    with pytest.raises(SettingsError, match=said):
        load_settings()


def test_a_file_that_is_not_there_is_named(file: Path) -> None:
    with pytest.raises(SettingsError, match=f"{FILE_VARIABLE}: there is no file {file}"):
        load_settings()


def test_a_secret_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWATER_REDIS_URL", "redis://user:hush@127.0.0.1:1/0")
    assert "hush" not in repr(load_settings())
